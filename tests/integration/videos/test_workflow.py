"""The state machine dream_to_video with the real functions, which Lambda ends at any point: nothing is paid twice, and
what is paid for is kept."""

import json
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import UnexpectedError
from dreamvision.media.errors import SourceExpiredError
from dreamvision.rendering.errors import RenderKeyError, RenderStatusUnavailableError
from dreamvision.rendering.renderer import RenderState, RenderStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.archive import VideoArchiver
from dreamvision.videos.models import Media, VideoRecord
from tests.conftest import load_function
from tests.fakes.asl import DEATHS, ExecutionFailedError, FunctionDiedError, Machine, Task
from tests.fakes.runway import OUTPUT_URL, SUCCESS, FakeRenderer
from tests.integration.dreams.fixtures import DreamBackend

FUNCTIONS = ("AnalyzeDream", "GenerateVideo", "PollVideo", "CancelRender", "ArchiveVideo", "RecordFailure")


class Killed(BaseException):
    """The process is killed: nothing catches this, and nothing is cleaned up."""


class CountedRenderer(FakeRenderer):
    """A renderer whose requests count as calls of the functions."""

    def __init__(self, step: Callable[[], None]) -> None:
        super().__init__(RenderState(RenderStatus.RENDERING, 30), SUCCESS)
        self._step = step

    def start(self, *arguments: Any, **options: Any) -> Any:
        self._step()
        return super().start(*arguments, **options)


class Workflow:
    """One video and its execution.

    ``deaths`` maps a function to the number of its next invocations that die; ``kill_at`` is the number of the call
    before which the next invocation of ``GenerateVideo`` dies.
    """

    def __init__(self, backend: DreamBackend, monkeypatch: pytest.MonkeyPatch, deadline: int = 600) -> None:
        self.backend = backend
        self.video = backend.queued_video(backend.analyzed_dream())
        self.renderer = CountedRenderer(self._step)
        self.deaths: dict[str, int] = {}
        self.death = DEATHS[0]
        self.failures: dict[str, list[Exception]] = {}
        self.kill_at: int | None = None
        self.expired: list[SourceExpiredError] = []
        self.results: list[dict[str, Any]] = []
        self._calls = 0
        backend.database.client.meta.events.register("before-call.dynamodb.*", lambda **_: self._step())
        for name in FUNCTIONS:
            module = load_function(f"workflows/dream_to_video/{_folder(name)}")
            if hasattr(module, "configured_renderer"):
                monkeypatch.setattr(module, "configured_renderer", lambda: self.renderer)
        monkeypatch.setattr(VideoArchiver, "shared", lambda: SimpleNamespace(keep=self._keep))
        substitutions = {"PollFirstWait": "20", "PollInterval": "5", "PollDeadline": str(deadline)}
        self.machine = Machine.named(
            "dream_to_video", {f"{name}Arn": self._task(name) for name in FUNCTIONS}, substitutions
        )

    def run(self) -> VideoRecord:
        """Run the execution to its end and return the video."""
        names = {"user_id": self.video.user_id, "dream_id": self.video.dream_id, "job_id": self.video.job_id}
        self.machine.run({**names, "needs_analysis": False})
        return self.stored()

    def stored(self) -> VideoRecord:
        return self.backend.stored_video(self.video.user_id, self.video.job_id)

    def _step(self) -> None:
        self._calls += 1
        if self._calls == self.kill_at:
            raise Killed

    def _task(self, name: str) -> Task:
        handler = load_function(f"workflows/dream_to_video/{_folder(name)}").handler
        context = SimpleNamespace(
            function_name=name, memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
        )

        def run(arguments: dict[str, Any]) -> dict[str, Any]:
            if self.deaths.get(name, 0):
                self.deaths[name] -= 1
                raise FunctionDiedError(self.death)
            if self.failures.get(name):
                raise self.failures[name].pop(0)
            self._calls = 0
            try:
                result: dict[str, Any] = handler(arguments, context)
                self._step()  # the answer is on its way
            except Killed:
                self.kill_at = None
                raise FunctionDiedError(self.death) from None
            self.results.append(result)
            return result

        return run

    def _keep(self, user_id: str, job_id: str, *_: object) -> None:
        if self.expired:
            raise self.expired.pop()
        assert self.stored().output_url == OUTPUT_URL
        media = Media(f"videos/{user_id}/{job_id}.mp4", f"thumbnails/t/{job_id}.jpg", None, 1280, 720)
        self.backend.videos.complete(self.backend.stored_video(user_id, job_id), media, utc_now())


def _folder(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).removeprefix("_")


@pytest.fixture
def workflow(backend: DreamBackend, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    return Workflow(backend, monkeypatch)


def test_an_undisturbed_render_completes(workflow: Workflow) -> None:
    assert workflow.run().status is VideoStatus.COMPLETED
    assert "ConfirmRender" not in workflow.machine.entered


def test_a_render_whose_link_has_expired_is_polled_once_more(workflow: Workflow) -> None:
    workflow.expired = [SourceExpiredError()]
    assert workflow.run().status is VideoStatus.COMPLETED
    assert workflow.machine.entered[-6:] == [
        "LinkExpired?",
        "WaitForRender",
        "PollVideo",
        "RenderOutcome",
        "ArchiveVideo",
        "VideoCompleted",
    ]


def test_a_second_expired_link_fails_the_video(workflow: Workflow) -> None:
    workflow.expired = [SourceExpiredError(), SourceExpiredError()]
    with pytest.raises(ExecutionFailedError):
        workflow.run()
    video = workflow.stored()
    assert (video.status, video.error_code, video.output_url) == (VideoStatus.FAILED, "SourceExpiredError", None)


def test_no_link_is_in_the_history_of_an_execution(workflow: Workflow) -> None:
    workflow.expired = [SourceExpiredError()]
    workflow.run()
    history = json.dumps([workflow.machine.inputs, workflow.results])
    assert workflow.video.job_id in history
    assert OUTPUT_URL not in history


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("deaths", [1, 6, 40])
def test_a_paid_render_survives_the_deaths_of_its_polls(workflow: Workflow, deaths: int, death: str) -> None:
    workflow.deaths, workflow.death = {"PollVideo": deaths}, death
    assert workflow.run().status is VideoStatus.COMPLETED
    assert (len(workflow.renderer.started), workflow.renderer.cancelled) == (1, [])


@pytest.mark.parametrize("failure", [UnexpectedError(), RenderStatusUnavailableError(), FunctionDiedError("Other")])
def test_a_paid_render_survives_failed_polls(workflow: Workflow, failure: Exception) -> None:
    workflow.failures["PollVideo"] = [failure] * 20
    assert workflow.run().status is VideoStatus.COMPLETED
    assert workflow.renderer.cancelled == []


def test_polls_that_die_past_the_deadline_cancel_the_render(
    backend: DreamBackend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workflow = Workflow(backend, monkeypatch, deadline=0)
    workflow.deaths["PollVideo"] = 100
    with pytest.raises(ExecutionFailedError, match="RenderDeadlineError"):
        workflow.run()
    assert workflow.stored().error_code == "RenderDeadlineError"
    assert workflow.renderer.cancelled == workflow.renderer.task_ids


def test_a_poll_with_a_rejected_key_ends_the_video(workflow: Workflow) -> None:
    workflow.failures["PollVideo"] = [RenderKeyError()]
    with pytest.raises(ExecutionFailedError, match="RenderKeyError"):
        workflow.run()


@pytest.mark.parametrize("death", [*DEATHS, "States.Timeout"])
def test_a_start_that_dies_before_its_first_line_is_repeated(workflow: Workflow, death: str) -> None:
    workflow.deaths, workflow.death = {"GenerateVideo": 3}, death
    assert workflow.run().status is VideoStatus.COMPLETED
    assert len(workflow.renderer.started) == 1


def test_a_start_that_dies_anywhere_pays_at_most_once_and_loses_no_known_render(
    backend: DreamBackend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kill GenerateVideo before each of its calls, and after the last one."""
    outcomes = []
    for number in range(1, 30):
        workflow = Workflow(backend, monkeypatch)
        workflow.kill_at = number
        with suppress(ExecutionFailedError):
            workflow.run()
        video = workflow.stored()
        outcomes.append((len(workflow.renderer.started), video.status, video.provider_task_id is not None))
        assert workflow.renderer.cancelled == []
        assert video.error_code in (None, "RenderOutcomeUnknownError")
        if "ConfirmRender" not in workflow.machine.entered:
            break
    lost = [paid for paid, status, _ in outcomes if status is VideoStatus.FAILED]
    # Refused: the request marker was written, and the answer to the request, if it was sent, is unknown.
    assert set(lost) == {0, 1}
    # Everything else completes with one render; a known task id is never among the lost.
    assert {each for each in outcomes if each[1] is not VideoStatus.FAILED} == {(1, VideoStatus.COMPLETED, True)}
    assert not any(known for _, status, known in outcomes if status is VideoStatus.FAILED)
    assert len(outcomes) > 6


@pytest.mark.parametrize("name", ["ArchiveVideo", "RecordFailure", "CancelRender"])
def test_a_state_that_died_is_repeated(backend: DreamBackend, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    workflow = Workflow(backend, monkeypatch, deadline=0 if name != "ArchiveVideo" else 600)
    workflow.deaths[name] = 2
    if name == "ArchiveVideo":
        assert workflow.run().status is VideoStatus.COMPLETED
        return
    with pytest.raises(ExecutionFailedError, match="RenderDeadlineError"):
        workflow.run()
    assert workflow.stored().error_code == "RenderDeadlineError"
    assert workflow.renderer.cancelled == workflow.renderer.task_ids
