"""One line per step: what is being done, and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
error_console = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Prints ``text`` and, once the work is done, the seconds that it took."""
    started = time.monotonic()
    if sys.stdout.isatty():
        console.print(f"  [dim]…[/dim] {text}", end="\r")
    yield
    console.print(f"  [green]✓[/green] {text} [dim]({time.monotonic() - started:.1f} s)[/dim]")
