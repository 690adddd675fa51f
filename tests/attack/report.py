"""Carry attacks out, and print what came of them."""

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout

from rich.console import Console
from rich.table import Table

from tests.attack.attack import Attack, Outcome
from tests.attack.target import Target

# The attacks mostly wait, for renders and for the emulator.
_AT_ONCE = 3
_SHOWN_VIOLATIONS = 20

type Results = Sequence[tuple[Attack, Outcome]]


def carried_out(chosen: Iterable[Attack], target: Target) -> Results:
    """Return the attacks with their outcomes, in the order of the attacks."""
    attacks = list(chosen)
    # The functions' own code prints its metrics.
    with redirect_stdout(io.StringIO()), ThreadPoolExecutor(_AT_ONCE) as pool:
        in_order = sorted(attacks, key=lambda each: not each.slow)
        running = {each: pool.submit(each.carried_out, target) for each in in_order}
        return [(each, running[each].result()) for each in attacks]


def report(results: Results, seconds: float, console: Console | None = None) -> int:
    """Print the table and the violations. Return the exit code: 0 without violations, else 1."""
    console = console or Console(highlight=False, soft_wrap=True, width=120)
    console.print(_table(results))
    for attack, outcome in results:
        for violation in outcome.violations[:_SHOWN_VIOLATIONS]:
            console.print(f"VIOLATION  {attack.kind}: {attack.name}: {violation}", markup=False)
    violations = sum(len(outcome.violations) for _, outcome in results)
    tries = sum(outcome.tries for _, outcome in results)
    console.print(f"\n{len(results)} attacks, {tries:,} tries, {violations} violations, {seconds:.0f} s")
    return 1 if violations or not results else 0


def _table(results: Results) -> Table:
    table = Table("kind", "attack", "tries", "seconds", "outcome", box=None)
    for column in (2, 3):
        table.columns[column].justify = "right"
    for attack, outcome in results:
        found = len(outcome.violations)
        shown = f"{found} violation{'s' * (found != 1)}" if found else "held"
        table.add_row(attack.kind, attack.name, f"{outcome.tries:,}", f"{outcome.seconds:.1f}", shown)
    return table
