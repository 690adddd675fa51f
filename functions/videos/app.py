"""``/api/v1/videos``: asking for a video of an analysed dream, and how far it is."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from dreamvision.filming import Filming
from dreamvision.limits import Scope
from dreamvision.models.base import UuidText
from dreamvision.models.videos import VideoGenerationRequest, VideoGenerationResponse, VideoStatusResponse
from dreamvision.tables.database import Database
from dreamvision.tables.videos import Videos
from dreamvision.views import Views
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.limits import IdempotencyKey, spending

api = Api()


@api.routes.post("/api/v1/videos/generate", summary="Film a dream that was analysed before", tags=["Videos"])
def generate(body: VideoGenerationRequest, idempotency_key: IdempotencyKey = None) -> VideoGenerationResponse:
    filming = Filming.shared()
    with spending(api, Scope.VIDEO, idempotency_key, body) as attempt:
        if attempt.replayed is not None:
            return VideoGenerationResponse.model_validate(attempt.replayed)
        video = filming.film_dream(api.caller.user_id, body.dream_id, body.duration, seed=attempt.seed)
        generation = filming.generation(video)
        attempt.answer = generation.model_dump(mode="json", exclude_none=True)
    return generation


@api.routes.get("/api/v1/videos/<job_id>", summary="How far a video is", tags=["Videos"])
def get_status(job_id: Annotated[UuidText, Path()]) -> VideoStatusResponse:
    return Views.shared().video(Videos(Database.shared()).get(api.caller.user_id, job_id))


handler = lambda_handler(api)
