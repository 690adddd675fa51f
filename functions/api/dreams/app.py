"""``/api/v1/dreams``: create a video from a new dream; list, read and delete dreams."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.config import Config
from dreamvision.database.client import Database
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamRepository
from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.idempotency import IdempotentRequest
from dreamvision.limits.rate_limits import Scope
from dreamvision.queries.dreams import DreamQueries
from dreamvision.queries.presenters import analysis_response, generation_response, title_of
from dreamvision.schemas.base import UuidText
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import (
    AcceptedDreamVideo,
    CombinedDreamVideoRequest,
    CombinedDreamVideoResponse,
    DreamDetail,
    DreamListResponse,
    DreamStatistics,
)
from dreamvision.schemas.invalid_values import ValueCode
from dreamvision.schemas.quota import Quota
from dreamvision.schemas.videos import VideoGenerationResponse
from dreamvision.videos.models import VideoOptions
from dreamvision.videos.quota import QuotaReader
from dreamvision.videos.service import VideoService
from dreamvision_api.api import Api, InvalidInputError, lambda_handler
from dreamvision_api.idempotency import IdempotencyKey, idempotent_request
from dreamvision_api.pagination import Cursor, Limit
from dreamvision_api.responses import json_response, no_content
from dreamvision_api.route_docs import (
    ANALYSIS_ERRORS,
    ANALYSIS_QUOTA_ERRORS,
    QUOTA_ERRORS,
    SPENDING_ERRORS,
    ResponseDoc,
    document,
)

api = Api()


class _WaitSettings(Config):
    """How long a request may wait for its analysis, in seconds.

    API Gateway times out an integration after 30 seconds; clients often do so earlier.
    """

    analysis_wait: float = 20.0


# Errors of starting a video.
_START_ERRORS = ("DreamNotFoundError", "ContentionError", "WorkflowUnavailableError")


class _Outcome(BaseModel):
    """What the response contains beyond the dream's row, stored to replay the request."""

    generation: VideoGenerationResponse
    analyzed: bool
    asynchronous: bool
    # Defaults for responses that were stored before videos had a shape and a seed.
    aspect_ratio: AspectRatio = AspectRatio.LANDSCAPE
    seed: int | None = None
    # None in responses that were stored before quotas were part of them.
    quota: Quota | None = None


@api.routes.post(
    "/api/v1/dreams/generate-video",
    summary="Create a video from a new dream",
    description="The app's main call: analyzes the dream and starts its video. Waits up to 20 seconds for the analysis"
    " (200). If that takes longer, or if the client prefers not to wait, the response is 202. In both cases the video"
    " is being created; `Location` is its URL, and `quota` what is left after it.",
    tags=["Dreams"],
)
@document(
    ResponseDoc(HTTPStatus.OK, CombinedDreamVideoResponse, headers=("Location",)),
    ResponseDoc(HTTPStatus.ACCEPTED, AcceptedDreamVideo, headers=("Location", "Retry-After", "Preference-Applied")),
    errors=(*SPENDING_ERRORS, *QUOTA_ERRORS, *ANALYSIS_QUOTA_ERRORS, *ANALYSIS_ERRORS, *_START_ERRORS),
    request_headers=("Prefer",),
)
def generate_dream_video(
    body: CombinedDreamVideoRequest, idempotency_key: IdempotencyKey = None
) -> Response[CombinedDreamVideoResponse | AcceptedDreamVideo]:
    with idempotent_request(api, Scope.DREAM_VIDEO, idempotency_key, body) as request:
        if request.replayed is None:
            outcome, dream = _create_video(body, request)
            request.answer = outcome.model_dump(mode="json")
        else:
            outcome = _Outcome.model_validate(request.replayed)
            dreams = DreamRepository(Database.shared())
            dream = dreams.get(api.caller.user_id, request.dream_id, consistent=True) if outcome.analyzed else None
    return _response(outcome, request.dream_id, dream)


def _response(
    outcome: _Outcome, dream_id: str, dream: DreamRecord | None
) -> Response[CombinedDreamVideoResponse | AcceptedDreamVideo]:
    generation = outcome.generation
    quota = outcome.quota or QuotaReader.shared().of(api.caller.user_id)
    location = {"Location": f"/api/v1/videos/{generation.job_id}"}
    if dream is None:
        applied = {"Preference-Applied": "respond-async"} if outcome.asynchronous else {}
        accepted = AcceptedDreamVideo(
            dream_id=dream_id,
            job_id=generation.job_id,
            status=generation.status,
            estimated_completion_time=generation.estimated_completion_time,
            aspect_ratio=outcome.aspect_ratio,
            seed=outcome.seed,
            quota=quota,
        )
        return json_response(HTTPStatus.ACCEPTED, accepted, location | applied | {"Retry-After": "2"})
    combined = CombinedDreamVideoResponse(
        dream_id=dream_id,
        job_id=generation.job_id,
        title=title_of(dream),
        dream_analysis=analysis_response(dream),
        video_generation=generation,
        aspect_ratio=outcome.aspect_ratio,
        seed=outcome.seed,
        quota=quota,
    )
    return json_response(HTTPStatus.OK, combined, location)


def _create_video(body: CombinedDreamVideoRequest, request: IdempotentRequest) -> tuple[_Outcome, DreamRecord | None]:
    user_id, service = api.caller.user_id, VideoService.shared()
    options = VideoOptions(aspect_ratio=body.aspect_ratio)
    dream_id, video = service.create_with_dream(
        user_id, body.dream_text, body.duration, options, id_seed=request.id_seed
    )
    api.add_problem_fields(dream_id=dream_id, job_id=video.job_id)
    asynchronous = "respond-async" in api.header("prefer")
    dream = None if asynchronous else _analysis(service, dream_id)
    generation = generation_response(video, service.estimated_completion(video))
    quota = QuotaReader.shared().of(user_id)
    outcome = _Outcome(
        generation=generation,
        analyzed=dream is not None,
        asynchronous=asynchronous,
        aspect_ratio=video.aspect_ratio,
        seed=video.seed,
        quota=quota,
    )
    return outcome, dream


def _analysis(service: VideoService, dream_id: str) -> DreamRecord | None:
    seconds = _WaitSettings.from_environment().analysis_wait
    return service.wait_for_analysis(api.caller.user_id, dream_id, seconds) if seconds else None


@api.routes.get(
    "/api/v1/dreams",
    summary="List dreams",
    description="The history, newest first. Paginate by `page`, or by `cursor` with the `next_cursor` of the previous"
    " page. A cursor is equally fast at any depth, and is valid only for the `category` it was returned for.",
    tags=["Dreams"],
)
def list_dreams(
    page: Annotated[int | None, Query(ge=1, le=100_000, description="Default 1. Not allowed with `cursor`.")] = None,
    limit: Limit = 20,
    category: Annotated[Category | None, Query(description="Only dreams of this category.")] = None,
    cursor: Cursor = None,
) -> DreamListResponse:
    if page is not None and cursor is not None:
        raise InvalidInputError(["query", "cursor"], ValueCode.CONFLICT, "Send either page or cursor, not both.")
    return DreamQueries.shared().page(api.caller.user_id, page=page or 1, limit=limit, category=category, cursor=cursor)


@api.routes.get(
    "/api/v1/dreams/stats",
    summary="Get usage statistics",
    description="Counts by category and month, token usage, and the estimated cost of analyses and videos.",
    tags=["Dreams"],
)
def get_statistics() -> DreamStatistics:
    return DreamQueries.shared().statistics(api.caller.user_id)


@api.routes.get(
    "/api/v1/dreams/<dream_id>",
    summary="Get a dream",
    description="Returns the dream with its latest video; `video` is null if it has none.",
    tags=["Dreams"],
)
@document(errors=("DreamNotFoundError",))
def get_dream(dream_id: Annotated[UuidText, Path()]) -> DreamDetail:
    return DreamQueries.shared().dream(api.caller.user_id, dream_id)


@api.routes.delete(
    "/api/v1/dreams/<dream_id>",
    summary="Delete a dream",
    description="The dream and its videos disappear immediately; renders are then cancelled and media deleted in the"
    " background. Repeating the request is safe: 404 means that nothing is left.",
    tags=["Dreams"],
)
@document(
    ResponseDoc(HTTPStatus.NO_CONTENT), errors=("DreamNotFoundError", "ContentionError", "ErasureUnavailableError")
)
def delete_dream(dream_id: Annotated[UuidText, Path()]) -> Response[None]:
    DreamDeletion.shared().delete_dream(api.caller.user_id, dream_id, ErasureWorkflow.shared())
    return no_content()


handler = lambda_handler(api)
