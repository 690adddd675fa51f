"""Progress output: one line per step, with its duration.

The supervisor writes its steps to its log, which ``up`` follows and displays. The log also has a line at the start of
each step. ``up`` shows these only on a terminal.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
error_console = Console(stderr=True, highlight=False, soft_wrap=True)

STARTED_PREFIX = "  … "
FINISHED_PREFIX = "  ✓"
# Environment variable of the supervisor: its output is a log that another process follows.
SUPERVISED = "DREAMVISION_SUPERVISED"


def show_started(line: str) -> None:
    """Show the started step until the line of its completion overwrites it."""
    if console.is_terminal:
        console.print(line.rstrip(), end="\r", markup=False, style="dim")


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print ``text`` at the start of the block, and again with the duration in seconds at its end."""
    started = time.monotonic()
    if SUPERVISED in os.environ:
        print(f"{STARTED_PREFIX}{text}", flush=True)
    else:
        show_started(f"{STARTED_PREFIX}{text}")
    yield
    console.print(f"  [green]✓[/green] {text} [dim]({time.monotonic() - started:.1f} s)[/dim]")
