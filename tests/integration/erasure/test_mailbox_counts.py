"""The day's counts outlive an account until midnight: whoever registers the same mailbox again takes them over."""

from datetime import timedelta
from typing import Any

import pytest

from dreamvision.auth.breached_passwords import BreachedPasswordSettings, NewPasswordRules
from dreamvision.auth.errors import UserPoolBusyError
from dreamvision.auth.profiles import AccountProfiles
from dreamvision.auth.registrations import RegistrationLock
from dreamvision.auth.service import AccountService
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.devices.repository import DeviceRepository
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.quotas import DayCounts, VideoQuotaExceededError, day_of, seconds_to_midnight
from dreamvision.limits.rate_limits import RateLimits, RateSettings
from dreamvision.limits.repository import LimitsRepository, day_guard
from tests.fakes.cognito_state import refused
from tests.integration.dreams.fixtures import DREAM, LUNA
from tests.integration.erasure.fixtures import LUNAS_EMAIL, ErasureBackend

PASSWORD = "Moonlight7"

pytestmark = pytest.mark.usefixtures("noon")


def used(erasure: ErasureBackend, user_id: str) -> DayCounts:
    return DailyCounts(erasure.dreams.database).of(user_id, day_of(utc_now()))


def use_up(erasure: ErasureBackend, user_id: str = LUNA) -> None:
    """Use up the free videos of the day, and have two dreams refused."""
    for _ in range(5):
        video = erasure.dreams.service.create_with_dream(user_id, DREAM, 5).video
        erasure.dreams.videos.request_render(user_id, video.job_id, utc_now())
        erasure.dreams.videos.fail(user_id, video.job_id, "UnexpectedError", "", utc_now())
    for _ in range(2):
        erasure.dreams.dreams.count_refusal(user_id, new_id(), utc_now())


def register_again(erasure: ErasureBackend, email: str = LUNAS_EMAIL) -> str:
    database = erasure.dreams.database
    limits = RateLimits(LimitsRepository(database), RateSettings(), seal=erasure.pool.seal)
    profiles, usernames = erasure.dreams.profiles, erasure.dreams.usernames
    accounts = AccountService(
        erasure.pool,
        AccountProfiles(erasure.pool, profiles, usernames, DailyCounts(database)),
        usernames,
        erasure.sessions,
        limits,
        RegistrationLock(database),
        NewPasswordRules(BreachedPasswordSettings()),
        DeviceRepository(database),
    )
    answer: Any = accounts.register(email, PASSWORD, f"Luna {new_id()[-8:]}", "203.0.113.7")
    return str(answer.user.id)


def erase(erasure: ErasureBackend, user_id: str = LUNA) -> None:
    erasure.delete_account(user_id)
    erasure.run_execution()
    assert user_id not in erasure.cognito.users


def mailboxes(erasure: ErasureBackend) -> list[dict[str, Any]]:
    return [item for item in erasure.items() if str(item.get("guard")).startswith("mailbox#")]


def test_erasing_and_registering_again_does_not_start_a_new_day(erasure: ErasureBackend) -> None:
    use_up(erasure)
    spent = used(erasure, LUNA)
    assert spent == DayCounts(videos=5, analyses=5, strikes=2)
    user_id = LUNA
    for _ in range(2):  # AND again
        erase(erasure, user_id)
        user_id = register_again(erasure)
        assert used(erasure, user_id) == spent
        with pytest.raises(VideoQuotaExceededError):
            erasure.dreams.service.create_with_dream(user_id, DREAM, 5)
    # AND what was taken over expires
    (item,) = [each for each in erasure.items() if each.get("guard") == day_guard(user_id, day_of(utc_now()))]
    assert int(item["expires_at"]) > utc_now().timestamp()
    # AND another mailbox has a day of its own
    assert used(erasure, register_again(erasure, "nova@example.com")) == DayCounts()


def test_only_counts_are_kept_and_until_midnight(erasure: ErasureBackend) -> None:
    use_up(erasure)
    now = utc_now()
    erase(erasure)
    (item,) = mailboxes(erasure)
    assert set(item) == {"guard", "day", "videos", "analyses", "strikes", "expires_at"}
    midnight = int(now.timestamp()) + seconds_to_midnight(now)
    assert abs(int(item["expires_at"]) - midnight) <= 1
    assert LUNA not in str(item)
    assert LUNAS_EMAIL not in str(item)
    assert item["guard"] == f"mailbox#{erasure.pool.mailbox(LUNAS_EMAIL.upper())}"
    assert erasure.pool.mailbox(LUNAS_EMAIL) != erasure.pool.seal(LUNAS_EMAIL)


def test_the_counts_of_yesterday_are_not_taken_over(erasure: ErasureBackend) -> None:
    use_up(erasure)
    erase(erasure)
    counts, mailbox = DailyCounts(erasure.dreams.database), erasure.pool.mailbox(LUNAS_EMAIL)
    assert counts.take_over_writes(new_id(), mailbox, utc_now())
    assert counts.take_over_writes(new_id(), mailbox, utc_now() + timedelta(days=1)) == {}


def test_a_repeated_last_step_keeps_the_counts(erasure: ErasureBackend) -> None:
    """Cognito fails after the user's counts were deleted: the step is repeated, and must not store zeros."""
    use_up(erasure)
    erasure.delete_account()
    database = erasure.dreams.database
    erasure.cognito.fail("AdminDeleteUser", refused("TooManyRequestsException"))
    with pytest.raises(UserPoolBusyError):
        erasure.account.delete(LUNA)
    assert used(erasure, LUNA) == DayCounts()
    # A run that was interrupted before it deleted the profile still knows the address.
    DailyCounts(database).keep(LUNA, erasure.pool.mailbox(LUNAS_EMAIL), utc_now())
    erasure.account.delete(LUNA)
    assert used(erasure, register_again(erasure)).videos == 5


def test_an_account_that_used_nothing_leaves_nothing(erasure: ErasureBackend) -> None:
    erase(erasure)
    assert mailboxes(erasure) == []
