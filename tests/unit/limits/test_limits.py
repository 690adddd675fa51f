"""Limits, quotas and ids without a table."""

import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dreamvision.analysis.errors import ClaudeOverloadedError
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import derived_id, new_id
from dreamvision.limits.quotas import (
    SERVICE_SHARDS,
    AnalysisLimits,
    AnalysisQuotaExceededError,
    PremiumReserveError,
    QuotaSettings,
    ServiceAnalysesExceededError,
    ServiceQuotaExceededError,
    TooManyRunningVideosError,
    UserPausedError,
    VideoLimits,
    VideoQuotaExceededError,
    day_of,
    seconds_to_midnight,
)
from dreamvision.limits.rate_limits import (
    CODE_SCOPES,
    USER_SCOPES,
    RateLimitedError,
    RateLimitState,
    Scope,
    TooManyRegistrationsError,
    address_key,
)
from dreamvision_api.problem_responses import error_response
from dreamvision_api.rate_limiting import rate_limit_headers

# ---------------------------------------------------------------- addresses


def seal(text: str) -> str:
    return hmac.digest(b"the client's secret", text.encode(), "sha256").hex()


def test_an_address_is_stored_sealed() -> None:
    key = address_key("203.0.113.7", seal)
    assert "203.0.113.7" not in key
    # AND it cannot be found by hashing all four billion addresses
    texts = ("203.0.113.7", "address 203.0.113.7")
    assert key not in {hashlib.sha256(text.encode()).hexdigest() for text in texts}
    assert key != address_key("203.0.113.8", seal)
    assert key != address_key("203.0.113.7", lambda text: seal(f"another secret {text}"))


def test_all_of_an_ipv6_network_counts_as_one_address() -> None:
    assert address_key("2001:db8:1:2::1", seal) == address_key("2001:db8:1:2:ffff:ffff:ffff:ffff", seal)
    assert address_key("2001:db8:1:2::1", seal) != address_key("2001:db8:1:3::1", seal)


def test_an_ipv4_address_in_the_form_of_ipv6_is_the_same() -> None:
    assert address_key("::ffff:203.0.113.7", seal) == address_key("203.0.113.7", seal)


def test_an_invalid_address_counts_as_it_is() -> None:
    assert address_key("unknown", seal) != address_key("", seal)


def test_every_scope_is_counted_by_one_kind_of_subject() -> None:
    by_user, by_email, by_digest = USER_SCOPES, CODE_SCOPES, {Scope.AUTH, Scope.REFRESH}
    assert by_user | by_email | by_digest == set(Scope)
    assert len(by_user) + len(by_email) + len(by_digest) == len(Scope)


# ---------------------------------------------------------------- headers


def test_the_headers_are_structured_fields() -> None:
    window = RateLimitState(Scope.ANALYZE, allowed=True, limit=10, remaining=7, resets_in_seconds=42)
    assert rate_limit_headers(window) == {
        "RateLimit-Policy": '"analyze";q=10;w=60',
        "RateLimit": '"analyze";r=7;t=42',
    }


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (RateLimitedError(42), 429, "rate_limited", "42"),
        (VideoQuotaExceededError(3600), 429, "video_quota_exceeded", "3600"),
        (TooManyRunningVideosError(), 429, "too_many_running_videos", "30"),
        (PremiumReserveError(9), 429, "free_videos_used_up", "9"),
        (AnalysisQuotaExceededError(9), 429, "analysis_quota_exceeded", "9"),
        (ServiceAnalysesExceededError(9), 429, "service_analysis_quota_exceeded", "9"),
        (UserPausedError(9), 429, "paused_after_refusals", "9"),
        (TooManyRegistrationsError(9), 429, "too_many_registrations", "9"),
        (ServiceQuotaExceededError(7), 503, "service_quota_exceeded", "7"),
        (ClaudeOverloadedError(), 503, "analysis_overloaded", "10"),
        (ClaudeOverloadedError(retry_after_seconds=2.2), 503, "analysis_overloaded", "3"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_has_retry_after(error: DreamVisionError, status: int, code: str, retry_after: str) -> None:
    answer = error_response(error, "request-1")
    assert answer.status_code == status
    assert json.loads(str(answer.body))["type"] == f"urn:dreamvision:problem:{code}"
    assert answer.headers["Retry-After"] == retry_after


# ---------------------------------------------------------------- quotas


def test_the_tier_sets_the_limits_and_defaults_to_free() -> None:
    settings = QuotaSettings()
    assert settings.of_tier("free") == VideoLimits(5, 2, 500, reserved=100, strikes=5)
    assert settings.of_tier("premium") == VideoLimits(50, 5, 500, reserved=0, strikes=5)
    assert settings.analyses_of_tier("free") == AnalysisLimits(20, 5000, 5)
    assert settings.analyses_of_tier("premium") == AnalysisLimits(200, 5000, 5)
    assert settings.of_tier("platinum") == settings.of_tier("free")
    assert settings.analyses_of_tier("platinum") == settings.analyses_of_tier("free")


@pytest.mark.parametrize(("percent", "free"), [(0, 43), (20, 34), (50, 21), (99, 0), (100, 0)])
def test_free_users_may_take_at_most_what_is_not_reserved(percent: int, free: int) -> None:
    settings = QuotaSettings(service_videos_per_day=43, premium_reserve=percent)
    limits, all_of_it = settings.of_tier("free"), settings.of_tier("premium")
    parts = [limits.of_shard(shard) for shard in range(SERVICE_SHARDS)]
    assert sum(parts) == free
    # A shard's part for free users must be within that for premium users, or the reserve would not be exact.
    assert all(part <= all_of_it.of_shard(shard) for shard, part in enumerate(parts))


@pytest.mark.parametrize("ceiling", [0, 1, 3, 7, 8, 9, 500, 501])
def test_the_shards_of_the_service_quota_add_up(ceiling: int) -> None:
    limits = VideoLimits(1, 1, ceiling)
    assert sum(limits.of_shard(shard) for shard in range(SERVICE_SHARDS)) == ceiling


def test_days_are_utc_days() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert day_of(datetime(2026, 11, 24, 8, 59, tzinfo=tokyo)) == "2026-11-23"
    assert seconds_to_midnight(datetime(2026, 11, 24, 8, 59, tzinfo=tokyo)) == 60


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(2026, 11, 23, 0, 0, tzinfo=UTC), 86_400),
        (datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 11, 23, 23, 59, 59, 999_000, tzinfo=UTC), 1),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), 3600),
    ],
)
def test_seconds_to_midnight_are_never_zero(moment: datetime, seconds: int) -> None:
    assert seconds_to_midnight(moment) == seconds


# ---------------------------------------------------------------- ids


def test_a_derived_id_is_stable_and_sorts_like_its_seed() -> None:
    seed = new_id()
    dream, video = derived_id(seed, "dream"), derived_id(seed, "video")
    assert derived_id(seed, "dream") == dream
    assert len({seed, dream, video}) == 3
    assert dream[:13] == seed[:13] == video[:13]
    for text in (dream, video):
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_derived_ids_of_different_seeds_differ() -> None:
    now = f"{time.time_ns() // 1_000_000:012x}"
    seeds = [f"{now[:8]}-{now[8:]}-7{number:03x}-8000-000000000000" for number in range(1000)]
    assert len({derived_id(seed, "dream") for seed in seeds}) == 1000
