"""Users who were deleted at Cognito directly: found a page at a time, and erased like any other account."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from dreamvision.auth.errors import UserPoolBusyError, UserPoolUnreachableError
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import new_id
from dreamvision.erasure import reconciliation as module
from dreamvision.erasure.reconciliation import (
    REGISTRATION_GRACE,
    Reconciliation,
    ReconciliationResult,
    TooManyUsersMissingError,
    UserPoolChangedError,
)
from dreamvision.erasure.repository import ReconciliationCursor
from dreamvision.erasure.workflow import ErasureUnavailableError, ErasureWorkflow
from dreamvision.limits.quotas import day_of
from dreamvision.limits.repository import LimitsRepository
from dreamvision.limits.spending import Spent, shards_on
from dreamvision.users.repository import ProfileRepository, Spending, StoredUserPage
from tests.conftest import load_function
from tests.fakes.cognito_state import refused
from tests.integration.dreams.fixtures import LUNA, STELLA
from tests.integration.erasure.fixtures import (
    LUNAS_EMAIL,
    LUNAS_NAME,
    STELLAS_EMAIL,
    STELLAS_NAME,
    ErasureBackend,
    populated_account,
)
from tests.permissions.running import running_as

_LATER = timedelta(hours=2)
_CURSOR = "cursor#reconcile-users"


def _reconciliation(erasure: ErasureBackend, after: timedelta = _LATER) -> Reconciliation:
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:erase"
    workflow = ErasureWorkflow(arn, erasure.open_erasures, cast(Any, erasure.erasures))
    return Reconciliation(erasure.dreams.database, erasure.pool, workflow, lambda: utc_now() + after)


def _run(erasure: ErasureBackend, after: timedelta = _LATER, seconds_left: float = 180) -> ReconciliationResult:
    with running_as("ReconcileUsers"):
        return _reconciliation(erasure, after).run(lambda: seconds_left)


def _add_accounts(erasure: ErasureBackend, number: int) -> list[str]:
    users = [new_id() for _ in range(number)]
    for user_id in users:
        erasure.add_account(user_id, f"{user_id}@example.com", f"name {user_id}")
    return users


def _delete_at_cognito(erasure: ErasureBackend, *user_ids: str) -> None:
    """Delete users as their own access tokens can at Cognito, past our code."""
    for user_id in user_ids:
        del erasure.cognito.users[user_id]


def _started_for(erasure: ErasureBackend) -> set[str]:
    return {execution["user_id"] for execution in erasure.erasures.started.values()}


# ---------------------------------------------------------------- erasing


def test_a_user_deleted_at_cognito_is_erased_with_all_data_and_no_other_user(erasure: ErasureBackend) -> None:
    populated_account(erasure)
    theirs = populated_account(erasure, STELLA)
    marks = [STELLA, STELLAS_EMAIL, STELLAS_NAME.lower(), *theirs]
    before = erasure.remains_of(*marks)
    _delete_at_cognito(erasure, LUNA)

    assert _run(erasure) == (2, 1, True)
    (execution,) = erasure.erasures.started.values()
    assert execution == {"user_id": LUNA, "whole_account": True, "dream_id": None}
    erasure.run_execution()

    (sessions,) = erasure.remains_of(LUNA, LUNAS_EMAIL, LUNAS_NAME, LUNAS_NAME.lower())
    assert f"sessions#{LUNA}" in sessions
    assert erasure.remains_of(*marks) == before
    # AND the next run finds nothing more to do
    assert _run(erasure) == (1, 0, True)
    assert len(erasure.erasures.started) == 1


def test_existing_users_are_left_alone_whatever_their_state(erasure: ErasureBackend) -> None:
    erasure.cognito.users[LUNA].enabled = False
    erasure.cognito.users[STELLA].confirmed = False

    assert _run(erasure) == (2, 0, True)
    assert erasure.erasures.started == {}


def test_what_is_due_is_counted_once(erasure: ErasureBackend) -> None:
    # GIVEN the cost of a long text's analysis, which waits in the profile
    database, now = erasure.dreams.database, utc_now() + _LATER
    profiles, limits = ProfileRepository(database), LimitsRepository(database)
    cost = Decimal(4000)
    write = profiles.count_write(LUNA, utc_now(), spending=Spending(cost=cost), due=cost)
    database.client.update_item(**write["Update"])
    # WHEN two runs pass
    for _ in range(2):
        assert _run(erasure) == (2, 0, True)
    # THEN
    assert limits.spending(shards_on(day_of(now))) == Spent(0, cost, Decimal(0))
    profile = profiles.get(LUNA, consistent=True)
    assert (profile.due, profile.cost) == (Decimal(0), cost)


def test_what_is_due_is_left_to_a_change_in_between(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    database, now = erasure.dreams.database, utc_now() + _LATER
    profiles, limits = ProfileRepository(database), LimitsRepository(database)
    write = profiles.count_write(LUNA, utc_now(), due=Decimal(4000))
    database.client.update_item(**write["Update"])
    # GIVEN a video that is completed after the page was read, and counts what was due
    scan = ProfileRepository.scan_users

    def scan_then_change(*arguments: Any) -> StoredUserPage:
        page = scan(*arguments)
        changed = profiles.count_write(LUNA, utc_now(), due=Decimal(-4000))
        database.client.update_item(**changed["Update"])
        return page

    monkeypatch.setattr(ProfileRepository, "scan_users", scan_then_change)
    # WHEN, THEN
    _run(erasure)
    assert limits.spending(shards_on(day_of(now))) == Spent()


def test_usernames_are_not_looked_up(erasure: ErasureBackend) -> None:
    erasure.cognito.calls.clear()

    _run(erasure)

    assert erasure.cognito.calls == ["AdminGetUser"] * 2


def test_a_user_without_a_profile_but_with_dreams_is_found(erasure: ErasureBackend) -> None:
    # GIVEN a user created in the console, deleted again, who never asked for their profile
    user_id = new_id()
    erasure.dreams.analyzed_dream(user_id)

    _run(erasure)

    assert _started_for(erasure) == {user_id}


def test_a_repeated_run_joins_the_erasure_and_a_failed_one_is_started_again(erasure: ErasureBackend) -> None:
    _delete_at_cognito(erasure, LUNA)
    _run(erasure)
    _run(erasure)
    assert len(erasure.erasures.started) == 1

    # WHEN the execution has begun
    erasure.account.close(LUNA)
    erasure.erasures.started.clear()
    _run(erasure)
    # THEN it is left to work for as long as it can run
    assert erasure.erasures.started == {}
    _run(erasure, after=timedelta(hours=23))
    assert erasure.erasures.started == {}
    # AND started again if the profile is still there afterwards
    _run(erasure, after=timedelta(hours=25))
    assert _started_for(erasure) == {LUNA}


# ---------------------------------------------------------------- registrations in progress


def test_a_registration_in_progress_is_not_a_missing_user(erasure: ErasureBackend) -> None:
    # GIVEN a profile whose user Cognito does not return yet
    _delete_at_cognito(erasure, LUNA)
    erasure.cognito.calls.clear()

    assert _run(erasure, after=REGISTRATION_GRACE - timedelta(minutes=1)) == (0, 0, True)

    assert erasure.cognito.calls == []
    assert erasure.erasures.started == {}
    # AND once the grace is over, the answer counts
    assert _run(erasure, after=REGISTRATION_GRACE + timedelta(minutes=1)) == (2, 1, True)


def test_the_grace_is_longer_than_any_request() -> None:
    assert timedelta(minutes=5) < REGISTRATION_GRACE < timedelta(days=1)


# ---------------------------------------------------------------- paging


def test_runs_continue_where_the_last_one_stopped(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_PER_PAGE", 5)
    users = _add_accounts(erasure, 10)
    gone = set(users[::5])
    _delete_at_cognito(erasure, *gone)
    erasure.cognito.calls.clear()

    # WHEN each run has time for one page
    results = [_run(erasure, seconds_left=0)]
    while not results[-1].completed:
        results.append(_run(erasure, seconds_left=0))

    # THEN every user was looked up exactly once
    assert len(results) >= 24 // 5
    assert sum(result.checked for result in results) == len(erasure.cognito.calls) == 12
    assert _started_for(erasure) == gone
    # AND the next run starts from the beginning
    assert _run(erasure).checked == 12


def test_a_run_takes_as_many_pages_as_fit_into_its_time(
    erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_PER_PAGE", 3)
    _add_accounts(erasure, 6)
    seconds = iter([180.0, 120.0, 59.0])

    result = _reconciliation(erasure).run(lambda: next(seconds))

    assert not result.completed
    assert list(seconds) == []
    assert _position(erasure) is not None


def test_a_page_whose_check_fails_is_checked_again(erasure: ErasureBackend) -> None:
    _delete_at_cognito(erasure, LUNA)
    erasure.cognito.fail("AdminGetUser", refused("TooManyRequestsException"))
    with pytest.raises(UserPoolBusyError):
        _run(erasure)
    erasure.erasures.refusal = "ServiceQuotaExceededException"
    with pytest.raises(ErasureUnavailableError):
        _run(erasure)
    assert erasure.erasures.started == {}

    assert _run(erasure) == (2, 1, True)
    assert _started_for(erasure) == {LUNA}


# ---------------------------------------------------------------- outages, and a wrong pool


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (refused("TooManyRequestsException"), UserPoolBusyError),
        (refused("InternalErrorException"), ClientError),
        (refused("ResourceNotFoundException", "User pool does not exist."), ClientError),
        (refused("NotAuthorizedException"), ClientError),
        (refused("AccessDeniedException"), ClientError),
        (refused("UnrecognizedClientException"), ClientError),
        (EndpointConnectionError(endpoint_url="https://cognito"), UserPoolUnreachableError),
        (ReadTimeoutError(endpoint_url="https://cognito"), UserPoolUnreachableError),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else None,
)
def test_an_error_is_never_a_missing_user(erasure: ErasureBackend, error: Exception, raised: type[Exception]) -> None:
    erasure.cognito.fail("AdminGetUser", error)

    with pytest.raises(raised):
        _run(erasure)

    assert erasure.erasures.started == {}
    assert _position(erasure) is None


def test_no_user_of_a_page_is_erased_if_most_are_missing(erasure: ErasureBackend) -> None:
    users = _add_accounts(erasure, 6)
    _delete_at_cognito(erasure, LUNA, *users[:4])

    with pytest.raises(TooManyUsersMissingError):
        _run(erasure)

    assert erasure.erasures.started == {}
    assert _position(erasure) is None


def test_half_of_the_users_and_a_few_users_may_be_missing(erasure: ErasureBackend) -> None:
    users = _add_accounts(erasure, 6)
    _delete_at_cognito(erasure, *users[:4])
    assert _run(erasure) == (8, 4, True)

    erasure.erasures.started.clear()
    for user_id in users:
        erasure.execute(user_id)
    _delete_at_cognito(erasure, LUNA, STELLA)
    assert _run(erasure) == (2, 2, True)


def test_another_pool_stops_the_run(erasure: ErasureBackend) -> None:
    # GIVEN a run, after which the pool was replaced by an empty one
    _run(erasure)
    ReconciliationCursor(erasure.dreams.database).store("eu-central-1_Replaced1", None)
    _delete_at_cognito(erasure, LUNA)

    with pytest.raises(UserPoolChangedError):
        _run(erasure)

    assert erasure.erasures.started == {}


# ---------------------------------------------------------------- the function


@pytest.fixture
def function(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    app = load_function("triggers/reconcile_users")
    monkeypatch.setattr(Reconciliation, "shared", lambda: _reconciliation(erasure))
    context = SimpleNamespace(
        function_name="reconcile_users",
        memory_limit_in_mb=512,
        invoked_function_arn="arn",
        aws_request_id="request",
        get_remaining_time_in_millis=lambda: 180_000,
    )
    return lambda: app.handler({}, context)


def test_the_function_reports_numbers_only(
    erasure: ErasureBackend, function: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    _delete_at_cognito(erasure, LUNA)

    assert function() == {"checked": 2, "missing": 1, "completed": True}

    log = " ".join(str(vars(record)) for record in caplog.records)
    assert "reconciliation finished" in log
    for mark in (LUNA, STELLA, LUNAS_EMAIL, LUNAS_NAME):
        assert mark not in log


def test_the_function_fails_visibly(erasure: ErasureBackend, function: Callable[[], Any]) -> None:
    erasure.cognito.fail("AdminGetUser", refused("TooManyRequestsException"))
    with pytest.raises(DreamVisionError):
        function()


def _position(erasure: ErasureBackend) -> dict[str, Any] | None:
    return next((item for item in erasure.items() if item.get("guard") == _CURSOR), None)
