"""``/api/v1/dreams``: the history, and the app's main call, which analyses and films in one go."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel

from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRecord, DreamRepository
from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.idempotency import IdempotentRequest
from dreamvision.limits.rate_limits import Scope
from dreamvision.queries.dreams import DreamQueries
from dreamvision.queries.presenters import analysis_response, generation_response
from dreamvision.schemas.base import UuidText
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import (
    AcceptedDreamVideo,
    CombinedDreamVideoRequest,
    CombinedDreamVideoResponse,
    DreamListResponse,
    DreamStatistics,
    DreamWithVideo,
)
from dreamvision.schemas.videos import VideoGenerationResponse
from dreamvision.videos.service import VideoService
from dreamvision_api.api import Api, InvalidInputError, lambda_handler
from dreamvision_api.idempotency import IdempotencyKey, idempotent_request
from dreamvision_api.pagination import Cursor, Limit
from dreamvision_api.responses import json_response
from dreamvision_api.route_docs import ANALYSIS_ERRORS, QUOTA_ERRORS, SPENDING_ERRORS, ResponseDoc, documented

api = Api()

# API Gateway gives up on an integration after 30 seconds; a phone's patience ends earlier.
_WAIT_SECONDS = 20.0


# What starting a video can end with.
_START_ERRORS = ("DreamNotFoundError", "ContentionError", "WorkflowUnavailableError")


class _Accepted(BaseModel):
    """What the answer says beyond the dream's row; kept for a request that is sent again."""

    generation: VideoGenerationResponse
    analyzed: bool
    asynchronous: bool


@api.routes.post(
    "/api/v1/dreams/generate-video",
    summary="Analyse a dream and film it",
    description="The app's main call. Waits up to 20 seconds for the analysis (200); when it takes longer, or when the"
    " client prefers not to wait, the answer is 202. Either way the video is being made; `Location` is its address.",
    tags=["Dreams"],
)
@documented(
    ResponseDoc(HTTPStatus.OK, CombinedDreamVideoResponse, headers=("Location",)),
    ResponseDoc(HTTPStatus.ACCEPTED, AcceptedDreamVideo, headers=("Location", "Retry-After", "Preference-Applied")),
    errors=(*SPENDING_ERRORS, *QUOTA_ERRORS, *ANALYSIS_ERRORS, *_START_ERRORS),
    reads=("Prefer",),
)
def generate_dream_video(
    body: CombinedDreamVideoRequest, idempotency_key: IdempotencyKey = None
) -> Response[CombinedDreamVideoResponse | AcceptedDreamVideo]:
    with idempotent_request(api, Scope.DREAM_VIDEO, idempotency_key, body) as attempt:
        if attempt.replayed is None:
            accepted, dream = _film(body, attempt)
            attempt.answer = accepted.model_dump(mode="json")
        else:
            accepted = _Accepted.model_validate(attempt.replayed)
            dreams = DreamRepository(Database.shared())
            dream = dreams.get(api.caller.user_id, attempt.dream_id, consistent=True) if accepted.analyzed else None
    generation = accepted.generation
    location = {"Location": f"/api/v1/videos/{generation.job_id}"}
    if dream is None:
        applied = {"Preference-Applied": "respond-async"} if accepted.asynchronous else {}
        body_202 = AcceptedDreamVideo(dream_id=attempt.dream_id, job_id=generation.job_id, status=generation.status)
        return json_response(HTTPStatus.ACCEPTED, body_202, location | applied | {"Retry-After": "2"})
    answer = CombinedDreamVideoResponse(dream_analysis=analysis_response(dream), video_generation=generation)
    return json_response(HTTPStatus.OK, answer, location)


def _film(body: CombinedDreamVideoRequest, attempt: IdempotentRequest) -> tuple[_Accepted, DreamRecord | None]:
    user_id, filming = api.caller.user_id, VideoService.shared()
    dream_id, video = filming.create_with_dream(user_id, body.dream_text, body.duration, seed=attempt.seed)
    api.add_problem_fields(dream_id=dream_id, job_id=video.job_id)
    asynchronous = "respond-async" in api.header("prefer")
    dream = None if asynchronous else filming.wait_for_analysis(user_id, dream_id, _WAIT_SECONDS)
    generation = generation_response(video, filming.estimated_completion(video))
    return _Accepted(generation=generation, analyzed=dream is not None, asynchronous=asynchronous), dream


@api.routes.get(
    "/api/v1/dreams",
    summary="The history, newest first",
    description="Page by page: by `page`, or by the `cursor` that the page before gave as `next_cursor`. A cursor costs"
    " the same wherever it leads, and is good for the `category` it was given for.",
    tags=["Dreams"],
)
def list_dreams(
    page: Annotated[int | None, Query(ge=1, le=100_000, description="1 if left out; not with `cursor`.")] = None,
    limit: Limit = 20,
    category: Annotated[Category | None, Query(description="Only dreams of this category.")] = None,
    cursor: Cursor = None,
) -> DreamListResponse:
    if page is not None and cursor is not None:
        raise InvalidInputError(["query", "cursor"], "give a page or a cursor, not both")
    return DreamQueries.shared().page(api.caller.user_id, page=page or 1, limit=limit, category=category, cursor=cursor)


@api.routes.get(
    "/api/v1/dreams/stats",
    summary="The history in numbers",
    description="Counts by category and by month, tokens, and what they and the videos cost by estimate.",
    tags=["Dreams"],
)
def get_statistics() -> DreamStatistics:
    return DreamQueries.shared().statistics(api.caller.user_id)


@api.routes.get(
    "/api/v1/dreams/<dream_id>",
    summary="One dream with its latest video",
    description="Everything that is kept of the dream. `video` is the latest of its videos, or null.",
    tags=["Dreams"],
)
@documented(errors=("DreamNotFoundError",))
def get_dream(dream_id: Annotated[UuidText, Path()]) -> DreamWithVideo:
    return DreamQueries.shared().dream(api.caller.user_id, dream_id)


@api.routes.delete(
    "/api/v1/dreams/<dream_id>",
    summary="Delete a dream with its videos",
    description="Nobody sees the dream and its videos from now on. Renderings are stopped and media deleted right after"
    " that; deleting again is harmless, and 404 says that nothing is left.",
    tags=["Dreams"],
)
@documented(
    ResponseDoc(HTTPStatus.NO_CONTENT), errors=("DreamNotFoundError", "ContentionError", "ErasureUnavailableError")
)
def delete_dream(dream_id: Annotated[UuidText, Path()]) -> Response[None]:
    DreamDeletion.shared().delete_dream(api.caller.user_id, dream_id, ErasureWorkflow.shared())
    return Response(status_code=int(HTTPStatus.NO_CONTENT), body=None)


handler = lambda_handler(api)
