"""Every state, retry and catch of the erasure: which states follow, what is repeated, and where each page begins."""

from collections import Counter

import pytest

from tests.fakes.asl import SERVICE_ERRORS
from tests.unit.workflows.fixtures import (
    ENDED_BY_LAMBDA,
    HANGS,
    OTHERS,
    Rule,
    Walk,
    known_errors,
    name_of,
    rule_for,
)

GRACE = 240
ACCOUNT = {"user_id": "user", "whole_account": True}
DREAM = {"user_id": "user", "whole_account": False, "dream_id": "dream"}

SOFT_DELETED = ("SoftDelete", "MoreToSoftDelete?")
CANCELLED = ("CancelRenders", "MoreToCancel?")
MEDIA_DELETED = ("DeleteMedia", "MoreMedia?")
PURGED = ("PurgeTombstones", "MoreToPurge?")
EVERYTHING = (*SOFT_DELETED, *CANCELLED, *MEDIA_DELETED, "Stragglers?")
ENDED = ("AllStopped?", "Erased")
LEFT_BEHIND = ("AllStopped?", "RenderLeftBehind")
BEGUN = ("Begin", "WholeAccount?")
DREAM_ERASED = (*BEGUN, *EVERYTHING, *PURGED, *ENDED)
REPEATED = ("WaitForStragglers", *EVERYTHING)
ACCOUNT_ERASED = (*BEGUN, "CloseAccount", *EVERYTHING, *REPEATED, *PURGED, "DeleteAccount", *ENDED)

PATIENT = (2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600)
TRANSIENT = ("ContentionError", "UnexpectedError", *ENDED_BY_LAMBDA, *SERVICE_ERRORS)
FAILED = ("ErasureFailed",)
POOL = ("UserPoolBusyError", "UserPoolUnreachableError")


def _rules(*own: str, after: tuple[str, ...] = FAILED, error: str | None = None) -> tuple[Rule, ...]:
    return Rule((*own, *TRANSIENT), PATIENT, after, error), Rule(OTHERS, (), after, error)


# What follows the first visit of CancelRenders, whose second one succeeds, in the erasure of an account.
UNSETTLED = (*MEDIA_DELETED, "Stragglers?", *REPEATED, *PURGED, "DeleteAccount", *ENDED)
RULES = {
    "CloseAccount": _rules(*POOL),
    "SoftDelete": _rules(),
    # The user's data is erased regardless.
    "CancelRenders": _rules("RenderCancelUnconfirmedError", "ExecutionStopError", after=UNSETTLED),
    "DeleteMedia": _rules("MediaDeletionError"),
    "PurgeTombstones": _rules(),
    "DeleteAccount": _rules(*POOL),
}
CASES = [(state, error) for state in RULES for error in known_errors(RULES)]


def _walk(given: dict[str, object]) -> Walk:
    walk = Walk("erasure", given, {"EraseGrace": str(GRACE)})
    walk.script = {
        "SoftDelete": [{"more": False}],
        "CancelRenders": [{"after": "", "unsettled": False}],
        "DeleteMedia": [{"after": ""}],
        "PurgeTombstones": [{"after": ""}],
    }
    return walk


@pytest.fixture
def account() -> Walk:
    return _walk(ACCOUNT)


@pytest.fixture
def dream() -> Walk:
    return _walk(DREAM)


def _pages(walk: Walk, state: str) -> list[str]:
    """Return where the pages of a state began."""
    return [arguments["after"] for arguments in walk.arguments_of(state)]


def _passes_the_ids_only(walk: Walk) -> None:
    given = walk.machine.inputs[0]
    assert all(data == given for data in walk.machine.inputs)
    for state, arguments in walk.arguments:
        paged = state in ("CancelRenders", "DeleteMedia", "PurgeTombstones")
        assert arguments == given | ({"after": arguments.get("after")} if paged else {}), state


def test_every_task_has_rules(account: Walk) -> None:
    assert set(RULES) == set(account.tasks)


def test_every_state_runs_its_own_function(account: Walk) -> None:
    assert account.tasks == {name: name for name in RULES}


def test_an_account_is_erased_twice_in_case_of_late_writers(account: Walk) -> None:
    assert account.run() is None
    assert tuple(account.machine.entered) == ACCOUNT_ERASED
    assert account.machine.waited == [GRACE]
    assert account.machine.invocations == account.invocations_of(ACCOUNT_ERASED)
    _passes_the_ids_only(account)


def test_a_dream_without_a_running_render_is_erased_once(dream: Walk) -> None:
    assert dream.run() is None
    assert tuple(dream.machine.entered) == DREAM_ERASED
    assert dream.machine.invocations == dream.invocations_of(DREAM_ERASED)
    _passes_the_ids_only(dream)


@pytest.mark.parametrize(("state", "error"), CASES)
def test_an_error_that_lasts_is_caught(account: Walk, state: str, error: str) -> None:
    rule = rule_for(RULES[state], error)
    account.fail(state, *[error] * (len(rule.delays) + 1))

    failed_with = account.run()

    path = (*ACCOUNT_ERASED[: ACCOUNT_ERASED.index(state) + 1], *rule.after)
    assert tuple(account.machine.entered) == path
    assert account.machine.retried == [(state, delay) for delay in rule.delays]
    assert account.machine.invocations == account.invocations_of(path) + Counter({state: len(rule.delays)})
    assert failed_with == (name_of(error) if path[-1] == "ErasureFailed" else None)
    assert bool(account.cause) == (failed_with is not None)
    _passes_the_ids_only(account)


@pytest.mark.parametrize(
    ("state", "error"), [(state, error) for state, error in CASES if rule_for(RULES[state], error).delays]
)
def test_an_error_that_passes_is_retried(account: Walk, state: str, error: str) -> None:
    account.fail(state, *[error] * len(PATIENT))
    assert account.run() is None
    assert tuple(account.machine.entered) == ACCOUNT_ERASED
    expected = account.invocations_of(ACCOUNT_ERASED) + Counter({state: len(PATIENT)})
    assert account.machine.invocations == expected
    _passes_the_ids_only(account)


def test_every_page_starts_after_the_one_before(dream: Walk) -> None:
    dream.script = {
        "SoftDelete": [{"more": True}, {"more": True}, {"more": False}],
        "CancelRenders": [{"after": after, "unsettled": False} for after in ("c1", "c2", "")],
        "DeleteMedia": [{"after": after} for after in ("m1", "m2", "")],
        "PurgeTombstones": [{"after": after} for after in ("p1", "p2", "")],
    }
    assert dream.run() is None
    path = (*BEGUN, *SOFT_DELETED * 3, *CANCELLED * 3, *MEDIA_DELETED * 3, "Stragglers?", *PURGED * 3, *ENDED)
    assert tuple(dream.machine.entered) == path
    assert _pages(dream, "CancelRenders") == ["", "c1", "c2"]
    assert _pages(dream, "DeleteMedia") == ["", "m1", "m2"]
    assert _pages(dream, "PurgeTombstones") == ["", "p1", "p2"]


def test_the_repetition_begins_with_the_first_page(account: Walk) -> None:
    account.script["CancelRenders"] = [{"after": after, "unsettled": False} for after in ("c1", "", "c1", "")]
    account.script["DeleteMedia"] = [{"after": after} for after in ("m1", "", "m1", "")]
    assert account.run() is None
    assert _pages(account, "CancelRenders") == ["", "c1", "", "c1"]
    assert _pages(account, "DeleteMedia") == ["", "m1", "", "m1"]


@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_render_that_ran_on_any_page_repeats_the_erasure_of_a_dream(dream: Walk, page: int) -> None:
    """Its function may still write."""
    dream.script["CancelRenders"] = [
        *({"after": after, "unsettled": number == page} for number, after in enumerate(("c1", "c2", ""))),
        {"after": "", "unsettled": False},
    ]
    assert dream.run() is None
    once = (*SOFT_DELETED, *CANCELLED * 3, *MEDIA_DELETED, "Stragglers?")
    assert tuple(dream.machine.entered) == (*BEGUN, *once, *REPEATED, *PURGED, *ENDED)
    assert dream.machine.waited == [GRACE]


def test_an_erasure_is_repeated_only_once(dream: Walk) -> None:
    dream.script["CancelRenders"] = [{"after": "", "unsettled": True}]
    assert dream.run() is None
    assert dream.machine.waited == [GRACE]
    assert dream.machine.invocations["CancelRenders"] == 2


@pytest.mark.parametrize("walk_of", [ACCOUNT, DREAM], ids=["account", "dream"])
def test_a_render_that_cannot_be_cancelled_is_left_behind_and_shown(walk_of: dict[str, object]) -> None:
    walk = _walk(walk_of)
    walk.fail("CancelRenders", "AnyOtherError", "AnyOtherError")
    assert walk.run() == "RenderCancelUnconfirmedError"
    assert walk.cause
    begun = (*BEGUN, *(("CloseAccount",) if walk_of is ACCOUNT else ()))
    round_ = (*SOFT_DELETED, "CancelRenders", *MEDIA_DELETED, "Stragglers?")
    deleted = ("DeleteAccount",) if walk_of is ACCOUNT else ()
    path = (*begun, *round_, "WaitForStragglers", *round_, *PURGED, *deleted, *LEFT_BEHIND)
    assert tuple(walk.machine.entered) == path
    _passes_the_ids_only(walk)


def test_a_render_cancelled_by_the_repetition_is_not_left_behind(dream: Walk) -> None:
    dream.fail("CancelRenders", "AnyOtherError")
    assert dream.run() is None
    assert dream.machine.waited == [GRACE]


def test_media_are_deleted_from_the_first_page_after_a_failed_page_of_cancellations(dream: Walk) -> None:
    dream.script["CancelRenders"] = [
        {"after": "c1", "unsettled": False},
        "AnyOtherError",
        {"after": "", "unsettled": False},
    ]
    assert dream.run() is None
    assert _pages(dream, "CancelRenders") == ["", "c1", ""]
    assert _pages(dream, "DeleteMedia") == ["", ""]


def test_the_longest_erasure_ends_before_its_timeout(account: Walk) -> None:
    for state in RULES:
        account.fail(state, *[HANGS] * len(PATIENT))
    assert account.run() is None
