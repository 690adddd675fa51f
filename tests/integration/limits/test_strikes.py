"""Dreams and videos refused for their content are counted, and too many of them pause the user."""

from types import ModuleType
from typing import Any

import pytest

from dreamvision.analysis.errors import DreamRefusedError
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.service import analyze_pending
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.quotas import DayCounts, UserPausedError, day_of
from dreamvision.rendering.errors import RenderModerationError
from dreamvision.rendering.renderer import FailureKind, RenderFailure, RenderState, RenderStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.render import poll_render
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.gateway import USER_ID, send
from tests.fakes.runway import FakeRenderer
from tests.integration.limits.fixtures import (
    ANALYZE,
    DREAM,
    GENERATE,
    PLENTY,
    QuotaBackend,
    VideoApi,
    dreams_of,
    in_parallel,
    videos_of,
)
from tests.integration.ministack import guard_items

# The counts are those of a day.
pytestmark = pytest.mark.usefixtures("noon")

REFUSED = RenderState(RenderStatus.FAILED, failure=RenderFailure(FailureKind.MODERATION))


def strikes(database: Database, user_id: str = USER_ID) -> int:
    return DailyCounts(database).of(user_id, day_of(utc_now())).strikes


def refuse_dream(backend: QuotaBackend, video: VideoRecord) -> None:
    """Do what the state AnalyzeDream does with a dream that Claude refuses."""
    with pytest.raises(DreamRefusedError):
        analyze_pending(video.user_id, video.dream_id, FakeAnalyzer(DreamRefusedError()), backend.dreams)


def test_refusals_of_claude_pause_the_user(
    analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a user, one of whose dreams was analyzed
    good = send(analyze, ANALYZE, {"dream_text": DREAM}).body["dream_id"]
    api = VideoApi(ministack, monkeypatch, moderation_strikes=3)
    monkeypatch.setenv("MODERATION_STRIKES", "3")
    # WHEN Claude refuses three dreams
    analyzer.outcome = DreamRefusedError()
    assert [send(analyze, ANALYZE, {"dream_text": DREAM}).status for _ in range(3)] == [422] * 3
    before = guard_items(ministack), dreams_of(ministack), videos_of(ministack)
    # THEN everything that costs money is refused, and nothing is written
    answers = [
        send(analyze, ANALYZE, {"dream_text": DREAM}),
        send(api.dreams, GENERATE, {"dream_text": DREAM}),
        send(api.videos, "post-videos-generate", {"dream_id": good}),
    ]
    assert [(answer.status, answer.code) for answer in answers] == [(429, "paused_after_refusals")] * 3
    assert all(1 <= int(answer.headers["Retry-After"]) <= 86_400 for answer in answers)
    assert len(analyzer.dreams) == 4
    windows = {guard for guard in guard_items(ministack) if guard.startswith("rate#")}
    after = {guard: item for guard, item in guard_items(ministack).items() if guard not in windows}
    assert after == {guard: item for guard, item in before[0].items() if guard not in windows}
    assert (dreams_of(ministack), videos_of(ministack)) == before[1:]


def test_cancelling_or_deleting_a_refused_dream_does_not_help(ministack: Database) -> None:
    backend = QuotaBackend(ministack, moderation_strikes=2)
    cancelled, deleted = backend.create_video(), backend.create_video()
    backend.service.cancel(USER_ID, cancelled.job_id)
    refuse_dream(backend, cancelled)

    class Deleting(FakeAnalyzer):
        def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Any:
            key = {"user_id": USER_ID, "dream_id": deleted.dream_id}
            ministack.client.delete_item(TableName=ministack.names.dreams_table, Key=key)
            raise DreamRefusedError

    with pytest.raises(DreamRefusedError):
        analyze_pending(USER_ID, deleted.dream_id, Deleting(), backend.dreams)
    with pytest.raises(UserPausedError):
        backend.create_video()


@pytest.mark.parametrize("at", ["start", "poll"])
def test_refusals_of_runways_moderation_pause_the_user(ministack: Database, at: str) -> None:
    backend = QuotaBackend(ministack, moderation_strikes=1)
    video = backend.create_video()
    backend.complete_analysis(video)
    renderer = FakeRenderer(start_error=RenderModerationError()) if at == "start" else FakeRenderer(REFUSED)

    def render() -> None:
        backend.start_render(video, renderer)
        poll_render(USER_ID, video.job_id, renderer, backend.videos)

    for _ in range(2):  # a repeated delivery counts once
        with pytest.raises(RenderModerationError):
            render()
    assert strikes(ministack) == 1
    with pytest.raises(UserPausedError):
        backend.create_video()
    # AND other failures are no strikes
    assert backend.record_failure(video).status is VideoStatus.FAILED
    assert strikes(ministack) == 1


def test_zero_switches_the_pause_off(ministack: Database) -> None:
    backend = QuotaBackend(ministack, **PLENTY, moderation_strikes=0)
    for _ in range(6):
        refuse_dream(backend, backend.create_video())
    assert strikes(ministack) == 6
    backend.create_video()


def test_a_pause_is_of_one_user(ministack: Database) -> None:
    backend = QuotaBackend(ministack, moderation_strikes=1)
    refuse_dream(backend, backend.create_video())
    assert isinstance(backend.create_video(new_id()), VideoRecord)


def test_concurrent_refusals_are_counted_exactly(ministack: Database) -> None:
    counts, now = DailyCounts(ministack), utc_now()
    same = new_id()
    in_parallel(lambda: counts.strike(USER_ID, same, now), 20)
    assert counts.of(USER_ID, day_of(now)) == DayCounts(strikes=1)
    in_parallel(lambda: counts.strike(USER_ID, new_id(), now), 20)
    assert counts.of(USER_ID, day_of(now)) == DayCounts(strikes=21)
