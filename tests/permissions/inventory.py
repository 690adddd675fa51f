"""``recorded_calls.json``: what the calls of each function need, and which kinds of tests have recorded it.

It proves the template's permissions without another run. A run compares it with what it records itself:

* Every run fails on a call that the role forbids, and on one that the file does not contain.
* A complete run of the e2e or of the integration tests fails on an entry that only these tests prove and that it has
  not recorded. Entries that both kinds prove may be missing from one of them: which calls a race makes varies.

``RENEW_RECORDED_CALLS=1`` makes a complete run write its part of the file instead.
"""

import json
import os
from collections.abc import Iterable

from tests.conftest import REPOSITORY
from tests.permissions.calls import Need
from tests.permissions.exceptions import EXCEPTIONS
from tests.permissions.roles import Needs, text

FILE = REPOSITORY / "tests" / "permissions" / "recorded_calls.json"
RENEW = "RENEW_RECORDED_CALLS"

type Inventory = dict[str, dict[str, str]]
"""``{function: {"<action> on <resource>": "<kind of tests>, <kind of tests>"}}``."""


def recorded() -> Inventory:
    found: Inventory = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def recorded_needs() -> Needs:
    """Return what all recorded calls need."""
    return {name: frozenset(_need(each) for each in calls) for name, calls in recorded().items()}


def unlisted(needs: Needs) -> list[str]:
    """Return the needs that are neither in the file nor an exception, in words."""
    listed = recorded_needs()
    return sorted(
        f"{name}: {text(need)}"
        for name, all_needs in needs.items()
        for need in all_needs - listed.get(name, frozenset()) - EXCEPTIONS.get(name, {}).keys()
    )


def unproven(kind: str, needs: Needs) -> list[str]:
    """Return the entries that only this kind of tests proves and that are not among its ``needs``, in words."""
    return sorted(
        f"{name}: {call}"
        for name, calls in recorded().items()
        for call, kinds in calls.items()
        if kinds == kind and _need(call) not in needs.get(name, frozenset())
    )


def renew(kind: str, needs: Needs) -> None:
    """Replace the entries of one kind of tests."""
    found = {
        name: {call: set(kinds.split(", ")) - {kind} for call, kinds in calls.items()}
        for name, calls in recorded().items()
    }
    for name, all_needs in needs.items():
        for need in all_needs - EXCEPTIONS.get(name, {}).keys():
            found.setdefault(name, {}).setdefault(text(need), set()).add(kind)
    inventory = {
        name: {call: ", ".join(sorted(kinds)) for call, kinds in sorted(calls.items()) if kinds}
        for name, calls in sorted(found.items())
    }
    FILE.write_text(json.dumps({name: calls for name, calls in inventory.items() if calls}, indent=2) + "\n")


def is_renewed() -> bool:
    return bool(os.environ.get(RENEW))


def as_needs(pairs: Iterable[tuple[str, Need]]) -> Needs:
    found: dict[str, set[Need]] = {}
    for name, need in pairs:
        found.setdefault(name, set()).add(need)
    return {name: frozenset(needs) for name, needs in found.items()}


def _need(call: str) -> Need:
    action, _, resource = call.partition(" on ")
    return Need(action, resource)
