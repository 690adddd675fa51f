"""One line per step: what is being done, and how long it took.

The supervisor's steps go into its log; ``up`` follows that and shows them. So that a long one is seen before it is
done, the log has a line at its start as well, which only a terminal shows.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
error_console = Console(stderr=True, highlight=False, soft_wrap=True)

BEGUN = "  … "
DONE = "  ✓"
# Set in the supervisor's environment: its output is a log that another process follows.
SUPERVISED = "DREAMVISION_SUPERVISED"


def show_begun(line: str) -> None:
    """Show a step that has begun, until its line about the end takes its place."""
    if console.is_terminal:
        console.print(line.rstrip(), end="\r", markup=False, style="dim")


@contextmanager
def step(text: str) -> Iterator[None]:
    """Prints ``text`` and, once the work is done, the seconds that it took."""
    started = time.monotonic()
    if SUPERVISED in os.environ:
        print(f"{BEGUN}{text}", flush=True)
    else:
        show_begun(f"{BEGUN}{text}")
    yield
    console.print(f"  [green]✓[/green] {text} [dim]({time.monotonic() - started:.1f} s)[/dim]")
