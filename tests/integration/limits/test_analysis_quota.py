"""Analyses are counted before Claude is called, exactly under concurrency, and never given back."""

from datetime import UTC, datetime
from types import ModuleType

import pytest

from dreamvision.analysis.errors import ClaudeOverloadedError
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.analysis_quota import AnalysisQuota
from dreamvision.dreams.service import analyze_pending
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.idempotency import Idempotency
from dreamvision.limits.quotas import (
    AnalysisQuotaExceededError,
    DayCounts,
    QuotaSettings,
    ServiceAnalysesExceededError,
    day_of,
)
from dreamvision.videos.models import VideoRecord
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.gateway import USER_ID, send
from tests.integration.limits.fixtures import (
    ANALYZE,
    DREAM,
    PLENTY,
    PowerCutError,
    QuotaBackend,
    VideoApi,
    dreams_of,
    expire_hold,
    in_parallel,
    post,
    videos_of,
)
from tests.integration.ministack import guard_items

# The counts are those of a day.
pytestmark = pytest.mark.usefixtures("noon")


def used(database: Database, user_id: str = USER_ID) -> DayCounts:
    return DailyCounts(database).of(user_id, day_of(utc_now()))


def service_analyses(database: Database) -> int:
    return DailyCounts(database).service_analyses(day_of(utc_now()))


def make_premium(database: Database, user_id: str = USER_ID) -> None:
    table = database.names.profiles_table
    database.client.put_item(TableName=table, Item={"user_id": user_id, "subscription_tier": "premium"})


# ---------------------------------------------------------------- attacks


def test_telling_and_cancelling_again_and_again_stops_at_the_quota(ministack: Database) -> None:
    """The attack: tell a dream, cancel its video, repeat. Each round calls Claude, and no video counts."""
    backend, analyzer = QuotaBackend(ministack, free_analyses_per_day=10), FakeAnalyzer()

    def tell_and_cancel() -> None:
        video = backend.create_video()
        backend.service.cancel(USER_ID, video.job_id)
        analyze_pending(USER_ID, video.dream_id, analyzer, backend.dreams)

    for _ in range(10):
        tell_and_cancel()
    before = guard_items(ministack), dreams_of(ministack), videos_of(ministack)
    for _ in range(5):
        with pytest.raises(AnalysisQuotaExceededError) as refused:
            tell_and_cancel()
    assert 1 <= (refused.value.retry_after_seconds or 0) <= 86_400
    assert len(analyzer.dreams) == 10
    assert used(ministack) == DayCounts(videos=0, analyses=10)
    assert (guard_items(ministack), dreams_of(ministack), videos_of(ministack)) == before


@pytest.mark.parametrize("outcome", ["analyzed", "failed"])
def test_analyses_alone_stop_at_the_quota(
    analyze: ModuleType, analyzer: FakeAnalyzer, monkeypatch: pytest.MonkeyPatch, ministack: Database, outcome: str
) -> None:
    monkeypatch.setenv("FREE_ANALYSES_PER_DAY", "3")
    if outcome == "failed":
        analyzer.outcome = ClaudeOverloadedError()
    answers = [send(analyze, ANALYZE, {"dream_text": DREAM}) for _ in range(5)]
    assert [answer.status for answer in answers] == [200 if outcome == "analyzed" else 503] * 3 + [429] * 2
    assert answers[-1].code == "analysis_quota_exceeded"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 86_400
    assert len(analyzer.dreams) == 3
    assert (used(ministack).analyses, service_analyses(ministack)) == (3, 3)


def test_both_routes_share_the_quota(analyze: ModuleType, ministack: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREE_ANALYSES_PER_DAY", "2")
    api = VideoApi(ministack, monkeypatch, free_analyses_per_day=2)
    assert send(analyze, ANALYZE, {"dream_text": DREAM}).status == 200
    sample = "post-dreams-generate-video"
    assert send(api.dreams, sample, {"dream_text": DREAM}).status == 200
    refused = send(api.dreams, sample, {"dream_text": DREAM})
    assert (refused.status, refused.code) == (429, "analysis_quota_exceeded")
    assert send(analyze, ANALYZE, {"dream_text": DREAM}).code == "analysis_quota_exceeded"
    assert (used(ministack), service_analyses(ministack)) == (DayCounts(videos=1, analyses=2), 2)


def test_a_quota_of_zero_allows_no_analysis(
    analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREE_ANALYSES_PER_DAY", "0")
    assert send(analyze, ANALYZE, {"dream_text": DREAM}).code == "analysis_quota_exceeded"
    monkeypatch.delenv("FREE_ANALYSES_PER_DAY")
    monkeypatch.setenv("SERVICE_ANALYSES_PER_DAY", "0")
    answer = send(analyze, ANALYZE, {"dream_text": DREAM})
    assert (answer.status, answer.code) == (429, "service_analysis_quota_exceeded")
    assert analyzer.dreams == []
    # AND what was counted for the user is taken back
    assert used(ministack) == DayCounts()
    # AND nothing is taken back that an erasure has deleted in between
    DailyCounts(ministack).uncount_analysis(USER_ID, utc_now())
    assert used(ministack) == DayCounts()


def test_a_premium_user_has_a_quota_of_their_own(ministack: Database) -> None:
    make_premium(ministack)
    quota = AnalysisQuota(ministack, QuotaSettings(free_analyses_per_day=1, premium_analyses_per_day=3))
    for _ in range(3):
        quota.count(USER_ID, new_id())
    with pytest.raises(AnalysisQuotaExceededError):
        quota.count(USER_ID, new_id())


def test_the_quota_begins_again_at_midnight(ministack: Database) -> None:
    moments = [datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)]
    for moment in moments:
        quota = AnalysisQuota(ministack, QuotaSettings(free_analyses_per_day=1), lambda moment=moment: moment)  # type: ignore[misc]
        quota.count(USER_ID, new_id())
        with pytest.raises(AnalysisQuotaExceededError) as refused:
            quota.count(USER_ID, new_id())
        assert refused.value.retry_after_seconds == (1 if moment == moments[0] else 86_400)


# ---------------------------------------------------------------- once per dream


def test_a_replay_and_a_resumed_request_count_once(
    analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a request whose function died while it waited for Claude
    works = analyzer.outcome

    class Dying(FakeAnalyzer):
        def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> object:  # type: ignore[override]
            raise PowerCutError

    with monkeypatch.context() as dying:
        dying.setattr(analyze, "configured_analyzer", Dying)
        dying.setattr(Idempotency, "release", lambda *_: None)
        assert post(analyze).status == 500
    expire_hold(ministack)
    # WHEN it is resumed and then replayed
    analyzer.outcome = works
    assert [post(analyze).status for _ in range(2)] == [200, 200]
    # THEN it was counted once
    assert (used(ministack).analyses, service_analyses(ministack)) == (1, 1)


def test_the_workflow_does_not_count_again(ministack: Database) -> None:
    backend, analyzer = QuotaBackend(ministack), FakeAnalyzer()
    video = backend.create_video()
    for _ in range(3):
        analyze_pending(USER_ID, video.dream_id, analyzer, backend.dreams)
    assert (used(ministack).analyses, service_analyses(ministack)) == (1, 1)


# ---------------------------------------------------------------- concurrency


def test_concurrent_analyses_of_a_user_stop_at_the_quota(ministack: Database) -> None:
    quota = AnalysisQuota(ministack, QuotaSettings(free_analyses_per_day=7))
    results = in_parallel(lambda: quota.count(USER_ID, new_id()), 40)
    assert sum(result is None for result in results) == 7
    assert {type(result) for result in results} == {type(None), AnalysisQuotaExceededError}
    assert (used(ministack).analyses, service_analyses(ministack)) == (7, 7)


@pytest.mark.parametrize("ceiling", [3, 20])
def test_concurrent_analyses_of_many_users_stop_at_the_services_quota(ministack: Database, ceiling: int) -> None:
    quota = AnalysisQuota(ministack, QuotaSettings(service_analyses_per_day=ceiling))
    results = in_parallel(lambda: quota.count(new_id(), new_id()), 40)
    assert sum(result is None for result in results) == ceiling
    assert {type(result) for result in results} == {type(None), ServiceAnalysesExceededError}
    assert service_analyses(ministack) == ceiling
    items = guard_items(ministack)
    days = [item for guard, item in items.items() if guard.startswith("quota#day#")]
    assert sum(int(item["analyses"]) for item in days) == ceiling


def test_concurrent_videos_stop_at_the_services_quota_of_analyses(ministack: Database) -> None:
    backend = QuotaBackend(ministack, **PLENTY, service_analyses_per_day=9)
    results = in_parallel(lambda: backend.create_video(new_id()), 40)
    assert sum(isinstance(result, VideoRecord) for result in results) == 9
    assert {type(result) for result in results} == {VideoRecord, ServiceAnalysesExceededError}
    assert service_analyses(ministack) == 9
    assert backend.reservations == (9, 9, 9)
