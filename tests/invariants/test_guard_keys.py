"""Which guards the roles may touch: conditions on the partition keys, by the prefixes of ``limits/repository.py``."""

import re
from typing import Any

import pytest

from dreamvision.limits import repository
from tests.permissions.leading_keys import KeyUse, allowed_keys, allows_key, key_uses
from tests.permissions.roles import LEADING_KEYS, as_list, policies_of, resources, statements

GUARDS = "GuardsTable"
USER, DREAM = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f", "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"
# They sign users in and out, erase accounts, or do what an operator tells them, for any user.
OF_ACCOUNTS = {"ApiAuth", "ApiDeleteAccount", "DeleteAccount", "ReconcileUsers", "Operations"}
# They read ended sessions, and nothing else.
READERS = {"RealtimeAuthorize", "RealtimeMessages", "RealtimePush", "RealtimeCloseEndedSessions"}
FUNCTIONS = [name.removesuffix("Function") for name, each in resources().items() if each["Type"].endswith("::Function")]
WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")


def guards_of(function: str) -> dict[str, tuple[str, ...]]:
    """Return the patterns of guards by the action that a function may do."""
    return {action: keys for action, table, keys in allowed_keys(function) if table == GUARDS and "Item" in action}


def test_all_functions_but_those_of_accounts_are_limited_to_kinds_of_guards() -> None:
    unlimited = {name for name in FUNCTIONS if any("*" in keys for keys in guards_of(name).values())}
    assert unlimited == OF_ACCOUNTS | READERS
    assert all(not set(guards_of(name)) & set(WRITES) for name in READERS)
    assert len([name for name in FUNCTIONS if guards_of(name)]) >= 20


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in OF_ACCOUNTS | READERS])
def test_a_pattern_is_of_a_documented_kind(name: str) -> None:
    documented = re.findall(r"([a-z]+)#", repository.__doc__ or "")
    for keys in guards_of(name).values():
        for key in keys:
            assert key.endswith("#*")
            assert key.partition("#")[0] in {*documented, "erasure"}, key


@pytest.mark.parametrize(
    ("function", "action", "key", "allowed"),
    [
        ("ApiAnalyzeDream", "DeleteItem", "request#0123abcd", True),
        ("ApiAnalyzeDream", "DeleteItem", f"sessions#{USER}", False),
        ("ApiAnalyzeDream", "DeleteItem", f"quota#day#{USER}#2026-11-28", False),
        ("ApiAnalyzeDream", "UpdateItem", f"sessions#{USER}", False),
        ("ApiAnalyzeDream", "UpdateItem", f"erasure#{USER}", False),
        ("ApiAnalyzeDream", "GetItem", f"sessions#{USER}", True),
        ("ApiAnalyzeDream", "GetItem", "mailbox#0123abcd", False),
        ("ApiDreams", "UpdateItem", f"erasure#{USER}#{DREAM}", True),
        ("ApiDreams", "DeleteItem", f"erasure#{USER}#{DREAM}", True),
        ("ApiDreams", "UpdateItem", f"erasure#{USER}", False),
        ("ApiDreams", "DeleteItem", f"erasure#{USER}", False),
        ("ApiDreams", "UpdateItem", f"sessions#{USER}", False),
        ("ApiVideos", "DeleteItem", f"rate#video#{USER}", False),
        ("ApiUploads", "UpdateItem", f"quota#day#{USER}#2026-11-28", False),
        ("PollVideo", "UpdateItem", f"rate#video#{USER}", False),
        ("PurgeTombstones", "DeleteItem", f"erasure#{USER}", False),
        ("RealtimeConnect", "UpdateItem", f"rate#handshake#{USER}", True),
        ("RealtimeConnect", "UpdateItem", f"rate#analyze#{USER}", False),
        ("ApiDeleteAccount", "UpdateItem", f"erasure#{USER}", True),
    ],
)
def test_a_role_allows_its_own_guards_only(function: str, action: str, key: str, allowed: bool) -> None:
    assert allows_key(function, KeyUse(f"dynamodb:{action}", GUARDS, key)) is allowed


def test_whoever_may_start_an_erasure_of_dreams_cannot_record_one_of_an_account() -> None:
    starters = {
        name
        for name in FUNCTIONS
        for statement in statements(policies_of(f"{name}Function"))
        if "states:StartExecution" in as_list(statement["Action"]) and "<Erasure>" in as_list(statement["Resource"])
    }
    assert starters == {"ApiDreams", "ApiDeleteAccount", "ReconcileUsers", "RestartErasures", "Operations"}
    allowed = {name for name in starters if allows_key(name, KeyUse("dynamodb:UpdateItem", GUARDS, f"erasure#{USER}"))}
    # RestartErasures updates records of executions that have ended, and starts them with the record's own ids.
    assert allowed == starters - {"ApiDreams"}


def test_a_condition_is_on_single_items_only() -> None:
    # ForAllValues also holds for a call without keys, such as a Scan.
    operator, _ = LEADING_KEYS
    for name in FUNCTIONS:
        for statement in statements(policies_of(f"{name}Function")):
            if operator in statement.get("Condition", {}):
                actions = {action.removeprefix("dynamodb:") for action in as_list(statement["Action"])}
                assert actions <= {"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"}


@pytest.mark.parametrize("name", ["ArchiveVideo", "ImageUploaded"])
def test_what_decodes_files_of_others_holds_no_secret(name: str) -> None:
    # FFmpeg and Pillow: https://ffmpeg.org/security.html
    actions = {
        each for statement in statements(policies_of(f"{name}Function")) for each in as_list(statement["Action"])
    }
    assert not {each for each in actions if each.startswith(("secretsmanager:", "lambda:", "cognito-idp:", "states:"))}
    environment = resources()[f"{name}Function"]["Properties"]["Environment"]["Variables"]
    assert not [each for each in environment if "SECRET" in each or each.startswith(("RUNWAY", "ANTHROPIC"))]


def test_every_key_of_a_call_counts() -> None:
    update = {"TableName": "g", "Key": {"guard": "a"}}
    calls: dict[str, dict[str, Any]] = {
        "UpdateItem": update,
        "PutItem": {"TableName": "g", "Item": {"guard": {"S": "a"}, "x": {"N": "1"}}},
        "BatchGetItem": {"RequestItems": {"g": {"Keys": [{"guard": "a"}, {"guard": "b"}]}}},
        "TransactWriteItems": {"TransactItems": [{"Update": update}, {"Delete": {**update, "Key": {"guard": "b"}}}]},
    }
    found = {name: list(key_uses(name, params)) for name, params in calls.items()}
    assert found == {
        "UpdateItem": [KeyUse("dynamodb:UpdateItem", "g", "a")],
        "PutItem": [KeyUse("dynamodb:PutItem", "g", "a")],
        "BatchGetItem": [KeyUse("dynamodb:BatchGetItem", "g", each) for each in "ab"],
        "TransactWriteItems": [KeyUse("dynamodb:UpdateItem", "g", "a"), KeyUse("dynamodb:DeleteItem", "g", "b")],
    }
