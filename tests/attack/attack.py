"""An attack, what came of it, and the list of all attacks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.attack.target import Target


@dataclass
class Outcome:
    """What came of an attack. ``violations`` name what was attempted, never a token or a text of a user."""

    tries: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def expect(self, held: bool, attempt: str) -> None:
        """Count an attempt, and a violation unless the stack held."""
        self.tries += 1
        if not held:
            self.violations.append(attempt)


type Run = Callable[[Target, Outcome], None]


@dataclass(frozen=True)
class Attack:
    """``kind`` is the module's name. Without ``remote``, the attack needs the operator's view of the local stack.

    ``slow`` ones mostly wait: they are started first.
    """

    kind: str
    name: str
    run: Run
    remote: bool
    slow: bool

    def carried_out(self, target: Target) -> Outcome:
        """Return the outcome. An attack that ends by an error has proved nothing: that is a violation."""
        outcome, started = Outcome(), time.monotonic()
        try:
            self.run(target, outcome)
        except Exception as error:
            outcome.violations.append(f"ended by {type(error).__name__}: {str(error)[:300]}")
        if not outcome.tries:
            outcome.violations.append("nothing was attempted")
        outcome.seconds = time.monotonic() - started
        return outcome


ATTACKS: Final[list[Attack]] = []


def attack(name: str, *, remote: bool = False, slow: bool = False) -> Callable[[Run], Run]:
    """Add the decorated function to the attacks."""

    def add(run: Run) -> Run:
        ATTACKS.append(Attack(run.__module__.rpartition(".")[2], name, run, remote, slow))
        return run

    return add
