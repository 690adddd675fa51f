"""Commands about videos."""

from decimal import Decimal

from dreamvision.core.pricing import MICRO, estimate_cost, micros_of_credits
from dreamvision.database.client import Database
from dreamvision.operations.answers import Failure, InspectedVideo, VideoCost, dollars
from dreamvision.operations.errors import VideoOwnerUnknownError
from dreamvision.operations.history import history_of
from dreamvision.operations.repository import OperationsRepository
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.repository import VideoRepository
from dreamvision.videos.workflow import VideoWorkflow


class VideoOperations:
    """Commands about one video at a time."""

    def __init__(self, database: Database, workflow: VideoWorkflow) -> None:
        self._repository = OperationsRepository(database)
        self._videos = VideoRepository(database)
        self._workflow = workflow

    def inspect(self, job_id: str, user_id: str | None = None) -> InspectedVideo:
        """Return a video's state, failure, cost and history. The execution knows the user.

        Raises:
            VideoOwnerUnknownError: there is no execution, and no ``user_id`` was given.
            VideoNotFoundError: the user has no such video, or it was deleted.
            StateMachineError: Step Functions did not answer.
        """
        owner = user_id or self._workflow.owner(job_id)
        if owner is None:
            raise VideoOwnerUnknownError
        video = self._videos.get(owner, job_id, consistent=True)
        failure = Failure(error=video.error_code, message=video.error_message) if video.error_code else None
        return InspectedVideo(
            job_id=job_id,
            user_id=owner,
            dream_id=video.dream_id,
            status=video.status,
            failure=failure,
            cost=self._cost(video),
            history=history_of(video, self._workflow.history(job_id)),
        )

    def _cost(self, video: VideoRecord) -> VideoCost:
        render = micros_of_credits(video.credits) if video.credits is not None else None
        usage = self._repository.analysis_usage(video.user_id, video.dream_id)
        analysis = estimate_cost(usage.model, usage.input_tokens, usage.output_tokens) if usage else None
        analysis_micros = analysis * MICRO if analysis is not None else None
        return VideoCost(
            credits=video.credits,
            render=dollars(render) if render is not None else None,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            analysis=dollars(analysis_micros) if analysis_micros is not None else None,
            total=dollars((render or Decimal(0)) + (analysis_micros or Decimal(0))),
        )
