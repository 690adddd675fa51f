"""``/api/v1/dreams``: the history, and the app's main call, which analyses and films in one go."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from dreamvision.analysis import Category
from dreamvision.filming import Filming
from dreamvision.history import History
from dreamvision.models.base import UuidText
from dreamvision.models.dreams import (
    AcceptedDreamVideo,
    CombinedDreamVideoRequest,
    CombinedDreamVideoResponse,
    DreamDetail,
    DreamListResponse,
)
from dreamvision.tables.database import Database
from dreamvision.tables.dreams import Dreams
from dreamvision.views import Views, analysis_view
from dreamvision_api.answers import json_response
from dreamvision_api.api import Api, lambda_handler

api = Api()

# API Gateway gives up on an integration after 30 seconds; a phone's patience ends earlier.
_WAIT_SECONDS = 20.0


@api.routes.post("/api/v1/dreams/generate-video", summary="Analyse a dream and film it", tags=["Dreams"])
def generate_video(body: CombinedDreamVideoRequest) -> Response[CombinedDreamVideoResponse | AcceptedDreamVideo]:
    filming = Filming.shared()
    accepted = filming.film_new_dream(api.caller.user_id, body.dream_text, body.duration)
    api.add_problem_fields(dream_id=accepted.dream_id, job_id=accepted.video.job_id)
    asynchronous = "respond-async" in api.header("prefer")
    wait = 0.0 if asynchronous else _WAIT_SECONDS
    dream = filming.wait_for_analysis(api.caller.user_id, accepted.dream_id, wait) if wait else None
    location = {"Location": f"/api/v1/videos/{accepted.video.job_id}"}
    if dream is None:
        applied = {"Preference-Applied": "respond-async"} if asynchronous else {}
        body_202 = AcceptedDreamVideo(
            dream_id=accepted.dream_id, job_id=accepted.video.job_id, status=accepted.video.status
        )
        return json_response(HTTPStatus.ACCEPTED, body_202, location | applied | {"Retry-After": "2"})
    answer = CombinedDreamVideoResponse(
        dream_analysis=analysis_view(dream), video_generation=filming.generation(accepted.video)
    )
    return json_response(HTTPStatus.OK, answer, location)


@api.routes.get("/api/v1/dreams", summary="The history, newest first", tags=["Dreams"])
def list_dreams(
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    category: Annotated[Category | None, Query()] = None,
) -> DreamListResponse:
    return History.shared().page(api.caller.user_id, page=page, limit=limit, category=category)


@api.routes.get("/api/v1/dreams/<dream_id>", summary="One dream with its latest video", tags=["Dreams"])
def get_dream(dream_id: Annotated[UuidText, Path()]) -> DreamDetail:
    return Views.shared().dream(Dreams(Database.shared()).get(api.caller.user_id, dream_id, consistent=True))


handler = lambda_handler(api)
