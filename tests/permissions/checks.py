"""The checks at the end of a run: what its functions' calls needed, against their roles and ``recorded_calls.json``."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.settings import STACK_NAME
from tests.e2e.client import ControlPlane
from tests.final_checks import Check, report_checks
from tests.permissions import inventory
from tests.permissions.calls import Need
from tests.permissions.roles import Needs, forbidden, symbolic

_FILE = "tests/permissions/checks.py"


def report_e2e_checks(config: pytest.Config, outputs: Mapping[str, Any], file: Path, is_complete: bool) -> bool:
    """Check what the functions of the shared stack have recorded in ``file``. Return whether all checks passed."""
    records = [json.loads(line) for line in file.read_text().splitlines()]
    denied = {f"{each['function']}: {each['denial']}" for each in records if "denial" in each}
    names = _names_in_the_stack(ControlPlane(dict(outputs)))
    needs = inventory.as_needs(
        (names[each["function"]], _symbolic(Need(each["action"], each["resource"]), names))
        for each in records
        if "action" in each
    )
    return report_checks(config, _FILE, _checks("e2e", needs, denied, is_complete))


def _symbolic(need: Need, names: Mapping[str, str]) -> Need:
    """Return a need as the template writes it. No role covers a resource that the template does not have."""
    try:
        return symbolic(need, names)
    except KeyError:
        return Need(need.action, f"{need.resource}, which the template does not have")


def report_integration_checks(
    config: pytest.Config, recorded: Collection[tuple[str, Need]], denied: Collection[str], is_complete: bool
) -> bool:
    """Check what the functions have needed in integration tests. Return whether all checks passed."""
    needs = inventory.as_needs(recorded)
    return report_checks(config, _FILE, _checks("integration", needs, denied, is_complete))


def _checks(kind: str, needs: Needs, denied: Collection[str], is_complete: bool) -> Iterator[Check]:
    if is_complete and inventory.is_renewed():
        inventory.renew(kind, needs)
    yield f"no_call_was_denied[{kind}]", lambda: _require_none(denied, "These calls were denied")
    yield f"roles_allow_what_was_called[{kind}]", lambda: _require_none(forbidden(needs), "Roles do not allow")
    renewal = f"(renew the file: {inventory.RENEW}=1 and all {kind} tests)"
    yield (
        f"every_call_is_in_the_file[{kind}]",
        lambda: _require_none(inventory.unlisted(needs), f"Not in {inventory.FILE.name} {renewal}"),
    )
    if is_complete:
        yield (
            f"every_call_in_the_file_was_made[{kind}]",
            lambda: _require_none(inventory.unproven(kind, needs), f"Only in {inventory.FILE.name} {renewal}"),
        )


def _require_none(found: Collection[str], problem: str) -> None:
    assert not found, f"{problem}:\n" + "\n".join(sorted(found))


def _names_in_the_stack(control: ControlPlane) -> dict[str, str]:
    """Return the logical ids by the names, ids and ARNs of the deployed stack's resources."""
    pages = control.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
    found = {
        each["PhysicalResourceId"]: each["LogicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
    }
    # Functions know the stack's secrets by name or ARN.
    secrets = control.client("secretsmanager").list_secrets()["SecretList"]
    ids = [(each["Name"], each["ARN"]) for each in secrets if found.keys() & {each["Name"], each["ARN"]}]
    return found | {each: found[name if name in found else arn] for name, arn in ids for each in (name, arn)}
