"""Code that runs with the role of a function in integration tests, where moto and MiniStack would grant everything.

A call that the role does not allow fails as it does on AWS. What the calls need is recorded for the process.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from typing import Any

from botocore.exceptions import ClientError

from tests.permissions.calls import Need, needs_of
from tests.permissions.recorder import install

RECORDED: set[tuple[str, Need]] = set()
"""What each function needed so far in this process, by its logical id."""

DENIED: set[str] = set()
"""The calls that a role did not allow, in words."""

# The function that runs, and what it needed so far. Threads that a function starts have no role: see the e2e tests.
_RUNNING: ContextVar[tuple[str, set[Need]] | None] = ContextVar("running", default=None)


@contextmanager
def running_as(function: str) -> Iterator[set[Need]]:
    """Enforce the role of ``<function>Function``; yield what is needed so far."""
    needed: set[Need] = set()
    token = _RUNNING.set((f"{function}Function", needed))
    try:
        yield needed
    finally:
        _RUNNING.reset(token)


@contextmanager
def running_outside() -> Iterator[None]:
    """Enforce no role: for what others do while a function runs."""
    token = _RUNNING.set(None)
    try:
        yield
    finally:
        _RUNNING.reset(token)


def with_role_of(folder: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return the handler of ``functions/<folder>``, which then runs with the function's role."""

    @wraps(handler)
    def run(*args: Any, **kwargs: Any) -> Any:
        with running_as(_function_of(folder)):
            return handler(*args, **kwargs)

    return run


@cache
def _function_of(folder: str) -> str:
    from tests.fakes.aws import template

    (name,) = [
        name
        for name, each in template()["Resources"].items()
        if each.get("Properties", {}).get("CodeUri") == f"functions/{folder}/"
    ]
    return str(name).removesuffix("Function")


def _check(need: Need) -> None:
    running = _RUNNING.get()
    if running is None:
        return
    # Imported on first use: the SAM transform takes a second, and most workers of unit tests do without.
    from tests.permissions.names import NAMES
    from tests.permissions.roles import forbidden, symbolic

    function, needed = running
    found = symbolic(need, NAMES)
    needed.add(found)
    RECORDED.add((function, found))
    if denied := forbidden({function: frozenset({found})}):
        DENIED.update(denied)
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": denied[0]}}, need.action)


def check_call(service: str, operation: str, params: Mapping[str, Any]) -> None:
    """Enforce the role for a call that a fake answers in the place of botocore.

    Raises:
        ClientError: the role does not allow the call.
    """
    for need in needs_of(service, operation, params):
        _check(need)


# moto and MiniStack deny nothing here; some tests make a client answer that it was denied.
install(_check, lambda _: None)
