"""The service with its quotas, as seen by the tests that count them, and requests that come all at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.rendering.renderer import VideoRenderer
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.failures import close_stopped, record_failure
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.render import start_render
from dreamvision.videos.service import VideoService, VideoServiceSettings
from dreamvision.videos.sweeper import GRACE, sweep
from dreamvision.videos.workflow import VideoWorkflow
from tests.fakes.claude import FakeAnalyst
from tests.fakes.gateway import USER_ID
from tests.fakes.runway import FakeRenderer
from tests.fakes.step_functions import MACHINE, FakeStepFunctions
from tests.integration.emulator import counts

DREAM = "I was flying over a dark forest with twisted trees"
PLENTY = {"free_videos_per_day": 1000, "free_concurrent_videos": 1000, "service_videos_per_day": 100_000}


class PowerCutError(Exception):
    """The process ends here."""


class World:
    """The service with one user, and Step Functions."""

    def __init__(self, database: Database, **settings: int) -> None:
        self.database = database
        self.states = FakeStepFunctions()
        self.workflow = VideoWorkflow(MACHINE, cast(Any, self.states))
        self.videos = VideoLifecycle(database)
        self.dreams = DreamRepository(database)
        self.renderer = FakeRenderer()
        self.filming = VideoService(
            database,
            self.workflow,
            VideoServiceSettings(poll_first_wait=1, **settings),
        )

    def film(self, user_id: str = USER_ID) -> VideoRecord:
        return self.filming.create_with_dream(user_id, DREAM, 5).video

    def analyzed(self, video: VideoRecord) -> None:
        """The state AnalyzeDream."""
        self.dreams.complete_analysis(video.user_id, video.dream_id, FakeAnalyst().analyze(DREAM), 5, utc_now())

    def render(self, video: VideoRecord, renderer: VideoRenderer | None = None) -> None:
        """The state GenerateVideo."""
        start_render(video.user_id, video.job_id, renderer or self.renderer, self.dreams, self.videos)

    def fail(self, video: VideoRecord) -> VideoRecord:
        return record_failure(video.user_id, video.job_id, "UnexpectedError", self.videos)

    def stop(self, video: VideoRecord) -> None:
        """What the rule on stopped executions does."""
        close_stopped(video.user_id, video.job_id, "FAILED", self.videos, self.renderer)

    def sweep(self, later: timedelta = GRACE + timedelta(seconds=1)) -> tuple[int, int]:
        return sweep(self.videos, self.workflow, lambda: self.renderer, utc_now() + later)

    def status(self, video: VideoRecord) -> VideoStatus:
        return self.videos.get(video.user_id, video.job_id, consistent=True).status

    @property
    def only_video(self) -> VideoRecord:
        (row,) = self.database.client.scan(TableName=self.database.names.videos_table)["Items"]
        return VideoRecord.model_validate(row)

    @property
    def counts(self) -> tuple[int, int, int]:
        return counts(self.database)


def in_parallel[Result](work: Callable[[], Result], times: int) -> list[Result | DreamVisionError]:
    def attempt(_: int) -> Result | DreamVisionError:
        try:
            return work()
        except DreamVisionError as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(attempt, range(times)))
