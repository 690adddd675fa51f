"""Commands that find users, set their tier, show and reset their quota, and erase them."""

import logging

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.limits.quotas import UserPausedError, VideoLimits, VideoQuotaExceededError
from tests.integration.dreams.fixtures import DREAM, LUNA, STELLA
from tests.integration.erasure.fixtures import LUNAS_EMAIL, LUNAS_NAME, populated_account, status_of
from tests.integration.operations.fixtures import OperatorBackend

pytestmark = pytest.mark.usefixtures("noon")

UNKNOWN = "99999999-9999-4999-8999-999999999999"
CHANGES = ("user.set_tier", "user.block", "user.unblock", "user.erase", "user.quota")


def fields_of(command: str) -> dict[str, object]:
    fields: dict[str, dict[str, object]] = {"user.set_tier": {"tier": "premium"}, "user.quota": {"reset": True}}
    return fields.get(command, {})


@pytest.mark.parametrize(
    "found_by",
    [
        {"address": LUNAS_EMAIL},
        {"address": "LUNA@Example.com"},
        {"username": LUNAS_NAME},
        {"username": " luna  dreamer"},
        {"user_id": LUNA},
    ],
)
def test_a_user_is_found_by_address_name_and_id(operators: OperatorBackend, found_by: dict[str, str]) -> None:
    operators.dreams.completed_video(operators.dreams.analyzed_dream())
    found = operators.result("user.find", **found_by)
    assert (found["user_id"], found["state"], found["tier"]) == (LUNA, "active", "free")
    assert (found["username"], found["dreams"], found["videos"]) == (LUNAS_NAME, 1, 1)
    assert found["estimated_cost"] == 0.603  # 800 tokens in, 140 out, 60 credits
    assert LUNAS_EMAIL not in str(found)


def test_an_unknown_user_is_not_found(operators: OperatorBackend) -> None:
    for found_by in ({"address": "nobody@example.com"}, {"username": "Nobody"}, {"user_id": UNKNOWN}):
        assert operators.refusal("user.find", **found_by) == "UserNotFoundError"


def test_a_reserved_name_has_no_owner(operators: OperatorBackend) -> None:
    operators.dreams.usernames.reserve("Nova", utc_now())
    assert operators.refusal("user.find", username="Nova") == "UserNotFoundError"


def test_a_profile_without_a_user_is_found_and_can_be_erased(operators: OperatorBackend) -> None:
    user_id = operators.profile_without_user()
    assert operators.result("user.find", user_id=user_id)["state"] == "no_sign_in"
    for command in ("user.block", "user.unblock"):
        assert operators.refusal(command, user_id=user_id) == "UserNotFoundError"
    assert operators.result("user.erase", user_id=user_id)["state"] == "erasing"


@pytest.mark.parametrize("command", CHANGES)
def test_a_command_about_an_unknown_user_writes_nothing(operators: OperatorBackend, command: str) -> None:
    before = operators.user_items()
    assert operators.refusal(command, user_id=UNKNOWN, **fields_of(command)) == "UserNotFoundError"
    assert operators.user_items() == before


@pytest.mark.parametrize("command", CHANGES)
def test_bad_input_writes_nothing(operators: OperatorBackend, command: str) -> None:
    before = operators.user_items()
    assert operators.refusal(command, user_id=LUNA, unknown=1, **fields_of(command)) == "InvalidCommand"
    assert operators.refusal(command, user_id=LUNA, operator="", **fields_of(command)) == "InvalidCommand"
    assert operators.user_items() == before


def test_the_tier_sets_the_quota_of_the_next_video(operators: OperatorBackend) -> None:
    for _ in range(2):
        assert operators.result("user.set_tier", user_id=LUNA, tier="premium") == {"user_id": LUNA, "tier": "premium"}
    assert operators.result("user.quota", user_id=LUNA)["videos_per_day"] == 50
    assert operators.dreams.profile().subscription_tier == "premium"
    operators.result("user.set_tier", user_id=LUNA, tier="free")
    assert operators.result("user.quota", user_id=LUNA)["videos_per_day"] == 5
    assert operators.dreams.profile(STELLA).subscription_tier == "free"


def test_a_user_without_a_profile_has_no_tier(operators: OperatorBackend) -> None:
    user = operators.cognito.add_user("nova@example.com", "Moonlight7")
    before = operators.user_items()
    assert operators.refusal("user.set_tier", user_id=user.sub, tier="premium") == "ProfileMissingError"
    assert operators.user_items() == before


def test_the_quota_counts_todays_and_running_videos(operators: OperatorBackend) -> None:
    dream = operators.dreams.analyzed_dream()
    operators.dreams.completed_video(dream)
    operators.dreams.queued_video(dream)
    found = operators.result("user.quota", user_id=LUNA)
    assert (found["videos_today"], found["left_today"], found["running_videos"]) == (2, 3, 1)
    assert 0 < found["resets_in_seconds"] <= 86_400
    assert not found["reset"]


def test_a_reset_gives_the_day_back_but_not_the_running_videos(operators: OperatorBackend) -> None:
    # GIVEN a user whose day is used up
    dream, limits = operators.dreams.analyzed_dream(), VideoLimits(2, 5, 500)
    for _ in range(2):
        operators.dreams.videos.add(LUNA, new_id(), dream.dream_id, 5, utc_now(), limits)
    with pytest.raises(VideoQuotaExceededError):
        operators.dreams.videos.add(LUNA, new_id(), dream.dream_id, 5, utc_now(), limits)
    # WHEN the day is reset, twice
    for _ in range(2):
        found = operators.result("user.quota", user_id=LUNA, reset=True)
        assert (found["videos_today"], found["running_videos"], found["reset"]) == (0, 2, True)
    # THEN there is room for as many again
    for _ in range(2):
        operators.dreams.videos.add(LUNA, new_id(), dream.dream_id, 5, utc_now(), limits)
    assert operators.result("user.quota", user_id=LUNA)["running_videos"] == 4


def test_the_quota_counts_analyses_and_refusals_and_a_reset_ends_the_pause(operators: OperatorBackend) -> None:
    # GIVEN a user with five refused dreams
    for _ in range(5):
        dream_id = operators.dreams.pending_video().dream_id
        operators.dreams.dreams.count_refusal(LUNA, dream_id, utc_now())
    found = operators.result("user.quota", user_id=LUNA)
    assert (found["analyses_today"], found["analyses_per_day"], found["analyses_left_today"]) == (5, 20, 15)
    assert (found["refused_today"], found["paused"]) == (5, True)
    with pytest.raises(UserPausedError):
        operators.dreams.service.create_with_dream(LUNA, DREAM, 5)
    # WHEN the day is reset, twice
    for _ in range(2):
        found = operators.result("user.quota", user_id=LUNA, reset=True)
    # THEN nothing is counted, and a dream that was counted before counts again
    assert (found["analyses_today"], found["refused_today"], found["paused"]) == (0, 0, False)
    operators.dreams.dreams.count_refusal(LUNA, dream_id, utc_now())
    assert operators.result("user.quota", user_id=LUNA)["refused_today"] == 1


def test_an_erasure_closes_the_account_and_starts_the_workflow(operators: OperatorBackend) -> None:
    populated_account(operators.erasure)
    assert operators.result("user.erase", user_id=LUNA)["state"] == "erasing"
    assert status_of("/api/v1/dreams") == 401
    assert operators.result("user.find", user_id=LUNA)["state"] == "erasing"
    # Repeating it joins the running execution.
    operators.result("user.erase", user_id=LUNA)
    assert len(operators.erasure.erasures.started) == 1
    operators.erasure.run_execution()
    # Only the item that refuses the last tokens is left.
    remains = operators.erasure.remains_of(LUNA, LUNAS_EMAIL, LUNAS_NAME, DREAM)
    assert [text for text in remains if f"sessions#{LUNA}" not in text] == []
    assert operators.refusal("user.erase", user_id=LUNA) == "UserNotFoundError"


def test_nothing_else_changes_a_user_who_is_being_erased(operators: OperatorBackend) -> None:
    operators.result("user.erase", user_id=LUNA)
    before = operators.user_items()
    for command in ("user.set_tier", "user.block", "user.unblock", "user.quota"):
        assert operators.refusal(command, user_id=LUNA, **fields_of(command)) == "UserIsErasedError"
    assert operators.user_items() == before
    assert not operators.cognito.users[LUNA].enabled
    # Reading is allowed.
    assert operators.result("user.quota", user_id=LUNA)["videos_per_day"] == 5


def test_an_erasure_that_cannot_start_changes_nothing(operators: OperatorBackend) -> None:
    operators.erasure.erasures.refusal = "ServiceUnavailable"
    assert operators.refusal("user.erase", user_id=LUNA) == "ErasureUnavailableError"
    assert operators.result("user.find", user_id=LUNA)["state"] == "active"
    assert operators.result("user.erase", user_id=LUNA)["state"] == "erasing"


def test_the_log_has_no_address_and_no_dream(
    operators: OperatorBackend, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    populated_account(operators.erasure)
    with caplog.at_level(logging.INFO):
        operators.result("user.find", address=LUNAS_EMAIL)
        operators.result("user.find", username=LUNAS_NAME)
        operators.result("user.block", user_id=LUNA)
    logged = caplog.text + "".join(capsys.readouterr()) + str([vars(record) for record in caplog.records])
    for personal in (LUNAS_EMAIL, LUNAS_NAME, DREAM, "POV gentle rise"):
        assert personal not in logged
