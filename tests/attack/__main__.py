"""Attack a stack and print what came of it: ``python -m tests.attack`` (``make attack``).

By default the target is the local stack that ``make up`` started; its limits must be the template's. ``--own-stack``
starts one for the attack and stops it again. A deployed stack is attacked only if its URL is given by ``--deployed``,
and only by the attacks that need no operator. Do that with a stack of your own: accounts are created and deleted, and
its alarms may notice.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from local import settings
from local.stack.commands import outputs
from tests.attack import accounts, bodies, downloads, ids, money, page, races, sockets, tokens, uploads
from tests.attack.attack import ATTACKS, Attack
from tests.attack.report import carried_out, report
from tests.attack.target import Target
from tests.e2e.client import ControlPlane
from tests.e2e.shared_stack import Run, StackCommand, StackNotStartedError

KINDS = [
    module.__name__.rpartition(".")[2]
    for module in (accounts, bodies, downloads, ids, money, page, races, sockets, tokens, uploads)
]


class TargetError(Exception):
    """There is no stack to attack. The message is shown to the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        with _target(options) as target:
            started = time.monotonic()
            results = carried_out(chosen(options), target)
            return report(results, time.monotonic() - started)
    except (TargetError, StackNotStartedError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def chosen(options: argparse.Namespace) -> list[Attack]:
    """Return the attacks of the chosen kinds that are possible on the target."""
    kinds = set(options.kinds or KINDS)
    if options.deployed:
        kinds -= {"sockets"} if not options.websocket else set()
        kinds -= {"page"} if not options.page else set()
    return [each for each in ATTACKS if each.kind in kinds and (each.remote or not options.deployed)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description="Attack a stack of your own.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"only these: {', '.join(KINDS)}")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--own-stack", action="store_true", help="start a local stack for the attack")
    where.add_argument("--deployed", metavar="URL", help="attack the deployed API at this URL")
    parser.add_argument("--websocket", metavar="URL", help="the WebSocket API of the deployed stack")
    parser.add_argument("--page", metavar="URL", help="the page of the deployed stack")
    return parser


@contextmanager
def _target(options: argparse.Namespace) -> Iterator[Target]:
    """Provide the stack to attack.

    Raises:
        TargetError: a kind is unknown, or the local stack is not running.
        StackNotStartedError: a stack of its own did not start.
    """
    if unknown := set(options.kinds) - set(KINDS):
        raise TargetError(f"There is no kind {', '.join(sorted(unknown))}. The kinds are {', '.join(KINDS)}.")
    with _own_stack() if options.own_stack else nullcontext(_known_stack(options)) as target:
        try:
            yield target
        finally:
            target.close()


@contextmanager
def _own_stack() -> Iterator[Target]:
    command = StackCommand(Run.new(), settings.REPOSITORY / ".local" / "attack")
    command.environment["PARAMETERS"] = ""
    try:
        running = command.start()
        yield Target(running, ControlPlane(running))
    finally:
        command.run("down")


def _known_stack(options: argparse.Namespace) -> Target:
    if options.deployed:
        found: dict[str, Any] = {"api_url": options.deployed.rstrip("/")}
        return Target(found | {"websocket_url": options.websocket, "page_url": options.page}, None)
    running = outputs(settings.load())
    if running is None:
        raise TargetError("The local stack is not running. Start it: make up")
    return Target(running, ControlPlane(running))


if __name__ == "__main__":
    sys.exit(main())
