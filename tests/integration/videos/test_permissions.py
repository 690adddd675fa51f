"""The state GenerateVideo under the permissions of its role in template.yaml."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.rendering.errors import RenderBusyError, RenderRejectedError
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoFinalError, VideoRecord
from tests.conftest import load_function
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.runway import FakeRenderer
from tests.integration.dreams.fixtures import DREAM, LUNA, DreamBackend
from tests.integration.ministack import reservation_counts
from tests.permissions.roles import permissions
from tests.permissions.running import running_as

CONTEXT = SimpleNamespace(
    function_name="GenerateVideo", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
)


class RequestRenderer(FakeRenderer):
    """A renderer during whose request something else happens; then it answers, or refuses with ``refusal``."""

    def __init__(self, meanwhile: Callable[[], object], refusal: DreamVisionError | None = None) -> None:
        super().__init__(start_error=refusal)
        self._meanwhile = meanwhile

    def start(self, prompt: str, duration_seconds: int) -> Any:
        self._meanwhile()
        return super().start(prompt, duration_seconds)


@pytest.fixture
def video(backend: DreamBackend) -> VideoRecord:
    """A counted video whose dream is analyzed."""
    found = backend.service.create_with_dream(LUNA, DREAM, 5).video
    backend.dreams.complete_analysis(LUNA, found.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    return found


def _generate(database: Database, video: VideoRecord, renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_function("workflows/dream_to_video/generate_video")
    monkeypatch.setattr(module, "configured_renderer", lambda: renderer)
    module.handler({"user_id": LUNA, "dream_id": video.dream_id, "job_id": video.job_id}, CONTEXT)


def _cancel_elsewhere(database: Database, video: VideoRecord) -> VideoRecord:
    """Cancel the video as the API does: another function, with a role of its own."""
    with running_as("ApiVideos"):
        return VideoLifecycle(database).cancel(LUNA, video.job_id, utc_now())


@pytest.mark.parametrize("refusal", [RenderBusyError(), RenderRejectedError()])
def test_a_video_cancelled_while_the_provider_refuses_gives_its_day_back(
    database: Database, video: VideoRecord, refusal: DreamVisionError, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = RequestRenderer(lambda: _cancel_elsewhere(database, video), refusal)
    with pytest.raises(type(refusal)):
        _generate(database, video, renderer, monkeypatch)
    assert reservation_counts(database) == (0, 0, 0)


@pytest.mark.parametrize("refusal", [None, RenderBusyError()])
def test_a_render_is_requested_within_the_role(
    database: Database, video: VideoRecord, refusal: DreamVisionError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = RequestRenderer(lambda: None, refusal)
    try:
        _generate(database, video, renderer, monkeypatch)
    except RenderBusyError:
        assert refusal
    assert reservation_counts(database) == (1, 1, 1)


def test_a_video_cancelled_during_a_successful_request_is_cancelled_at_the_provider(
    database: Database, video: VideoRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = RequestRenderer(lambda: _cancel_elsewhere(database, video))
    with pytest.raises(VideoFinalError):
        _generate(database, video, renderer, monkeypatch)
    assert renderer.cancelled == renderer.task_ids


def test_the_role_only_updates_guards() -> None:
    allowed = permissions()["GenerateVideoFunction"]
    assert {each.action for each in allowed if "GuardsTable" in each.resource} == {"dynamodb:UpdateItem"}
