"""Backends for tests of quotas and idempotency, and requests sent in parallel."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import ModuleType
from typing import Any, cast

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.idempotency import (
    Idempotency,
    IdempotentRequest,
)
from dreamvision.limits.repository import LimitsRepository
from dreamvision.rendering.renderer import VideoRenderer
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.failures import close_stopped, record_failure
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.render import start_render
from dreamvision.videos.service import VideoService, VideoServiceSettings
from dreamvision.videos.sweeper import GRACE, sweep
from dreamvision.videos.workflow import VideoWorkflow
from tests.conftest import load_function
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.gateway import USER_ID, Answer, send
from tests.fakes.runway import FakeRenderer
from tests.fakes.step_functions import MACHINE, FakeStepFunctions
from tests.integration.ministack import guard_items, reservation_counts
from tests.permissions.running import running_as

DREAM = "I was flying over a dark forest with twisted trees"
PLENTY = {"free_videos_per_day": 1000, "free_concurrent_videos": 1000, "service_videos_per_day": 100_000}


class PowerCutError(Exception):
    """The process crashes here."""


class QuotaBackend:
    """The video service on one database, with a fake of Step Functions and a fake renderer."""

    def __init__(self, database: Database, **settings: int) -> None:
        self.database = database
        self.states = FakeStepFunctions()
        self.workflow = VideoWorkflow(MACHINE, cast(Any, self.states))
        self.videos = VideoLifecycle(database)
        self.dreams = DreamRepository(database)
        self.renderer = FakeRenderer()
        self.service = VideoService(
            database,
            self.workflow,
            VideoServiceSettings(poll_first_wait=1, **settings),
        )

    def create_video(self, user_id: str = USER_ID) -> VideoRecord:
        return self.service.create_with_dream(user_id, DREAM, 5).video

    def complete_analysis(self, video: VideoRecord) -> None:
        """Do what the state AnalyzeDream does."""
        self.dreams.complete_analysis(video.user_id, video.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())

    def start_render(self, video: VideoRecord, renderer: VideoRenderer | None = None) -> None:
        """Do what the state GenerateVideo does."""
        start_render(video.user_id, video.job_id, renderer or self.renderer, self.dreams, self.videos)

    def record_failure(self, video: VideoRecord) -> VideoRecord:
        return record_failure(video.user_id, video.job_id, "UnexpectedError", self.videos)

    def close_stopped(self, video: VideoRecord) -> None:
        """Do what the rule on stopped executions does."""
        with running_as("ExecutionStopped"):
            close_stopped(video.user_id, video.job_id, "FAILED", self.videos, self.renderer)

    def sweep(self, later: timedelta = GRACE + timedelta(seconds=1)) -> tuple[int, int]:
        with running_as("Sweep"):
            return sweep(self.videos, self.workflow, lambda: self.renderer, utc_now() + later)

    def status(self, video: VideoRecord) -> VideoStatus:
        return self.videos.get(video.user_id, video.job_id, consistent=True).status

    @property
    def only_video(self) -> VideoRecord:
        (row,) = self.database.client.scan(TableName=self.database.names.videos_table)["Items"]
        return VideoRecord.model_validate(row)

    @property
    def reservations(self) -> tuple[int, int, int]:
        return reservation_counts(self.database)


def in_parallel[Result](work: Callable[[], Result], times: int) -> list[Result | DreamVisionError]:
    def attempt(_: int) -> Result | DreamVisionError:
        try:
            return work()
        except DreamVisionError as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(attempt, range(times)))


@pytest.fixture
def backend(ministack: Database) -> QuotaBackend:
    return QuotaBackend(ministack)


def power_cut(*_: object, **__: object) -> None:
    raise PowerCutError


def close_video(backend: QuotaBackend, video: VideoRecord, how: str) -> None:
    """Close it: by the state RecordFailure, the rule on stopped executions, or the sweep."""
    backend.states.executions[video.job_id] = "FAILED"
    if how == "state":
        backend.record_failure(video)
    elif how == "rule":
        backend.close_stopped(video)
    else:
        assert backend.sweep() == (1, 1)
    assert backend.status(video) is VideoStatus.FAILED


class CrashingRenderer(FakeRenderer):
    """The process crashes while it waits for the response; the task may exist."""

    def start(self, prompt: str, duration_seconds: int) -> Any:
        super().start(prompt, duration_seconds)
        raise PowerCutError


KEY = {"idempotency-key": "0f8fad5b-d9cb-469f-a165-70867728950e"}
ANALYZE = "post-dreams-analyze"
GENERATE = "post-dreams-generate-video"


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    return database.client.scan(TableName=table)["Items"]


def dreams_of(database: Database) -> list[dict[str, Any]]:
    return rows(database, database.names.dreams_table)


def videos_of(database: Database) -> list[dict[str, Any]]:
    return rows(database, database.names.videos_table)


def request_records(database: Database) -> list[dict[str, Any]]:
    return [item for guard, item in guard_items(database).items() if guard.startswith("request#")]


def without_countdown(answer: Answer) -> tuple[int, dict[str, str], Any]:
    """Return a response without the headers that count down."""
    return answer.status, {name: value for name, value in answer.headers.items() if name != "RateLimit"}, answer.body


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idempotency(ministack: Database, clock: Clock) -> Idempotency:
    return Idempotency(LimitsRepository(ministack), clock)


def begin(
    idempotency: Idempotency, body: str = "body", user_id: str = USER_ID, route: str = "analyze"
) -> IdempotentRequest:
    return idempotency.claim(user_id, route, "key", body)


@pytest.fixture
def analyzer() -> FakeAnalyzer:
    return FakeAnalyzer()


@pytest.fixture
def analyze(ministack: Database, analyzer: FakeAnalyzer, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_function("api/analyze_dream")
    monkeypatch.setattr(module, "configured_analyzer", lambda: analyzer)
    return module


def post(function: ModuleType, text: str = DREAM, *, sample: str = ANALYZE, **headers: str) -> Answer:
    return send(function, sample, {"dream_text": text}, headers=KEY | headers)


def delete_dream(database: Database, dream_id: str) -> None:
    database.client.delete_item(TableName=database.names.dreams_table, Key={"user_id": USER_ID, "dream_id": dream_id})


def expire_hold(database: Database) -> None:
    """Expire the hold, as if ``HOLD_SECONDS`` had passed."""
    for record in request_records(database):
        database.client.update_item(
            TableName=database.names.guards_table,
            Key={"guard": record["guard"]},
            UpdateExpression="SET held_until = :past",
            ExpressionAttributeValues={":past": 1},
        )


class VideoApi:
    """The functions that create videos; the analysis completes as soon as the execution starts."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch, **settings: int) -> None:
        self.database = database
        self.states = FakeStepFunctions()
        self.settings = VideoServiceSettings(poll_first_wait=1, **settings)
        workflow = VideoWorkflow(MACHINE, cast(Any, self.states))
        start = workflow.start

        def started(job: Any) -> None:
            start(job)
            if job.needs_analysis:
                DreamRepository(database).complete_analysis(
                    job.user_id, job.dream_id, FakeAnalyzer().analyze(DREAM), 5, VideoLifecycle(database).get(
                        job.user_id, job.job_id
                    ).created_at
                )  # fmt: skip

        monkeypatch.setattr(workflow, "start", started)
        service = VideoService(database, workflow, self.settings, sleep=lambda _: None)
        monkeypatch.setattr(VideoService, "shared", lambda: service)
        self.dreams = load_function("api/dreams")
        self.videos = load_function("api/videos")


@pytest.fixture
def video_api(ministack: Database, monkeypatch: pytest.MonkeyPatch) -> VideoApi:
    return VideoApi(ministack, monkeypatch)
