"""``/api/v1/videos``: asking for a video of an analysed dream, and how far it is."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from dreamvision.filming import Filming
from dreamvision.models.base import UuidText
from dreamvision.models.videos import VideoGenerationRequest, VideoGenerationResponse, VideoStatusResponse
from dreamvision.tables.database import Database
from dreamvision.tables.videos import Videos
from dreamvision.views import Views
from dreamvision_api.api import Api, lambda_handler

api = Api()


@api.routes.post("/api/v1/videos/generate", summary="Film a dream that was analysed before", tags=["Videos"])
def generate(body: VideoGenerationRequest) -> VideoGenerationResponse:
    filming = Filming.shared()
    return filming.generation(filming.film_dream(api.caller.user_id, body.dream_id, body.duration))


@api.routes.get("/api/v1/videos/<job_id>", summary="How far a video is", tags=["Videos"])
def get_status(job_id: Annotated[UuidText, Path()]) -> VideoStatusResponse:
    return Views.shared().video(Videos(Database.shared()).get(api.caller.user_id, job_id))


handler = lambda_handler(api)
