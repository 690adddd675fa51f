"""``/api/v1/videos``: asking for a video of an analysed dream, how far it is, and no more wanting it."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from dreamvision.limits.rate_limits import Scope
from dreamvision.queries.presenters import Presenter, generation_response
from dreamvision.queries.videos import VideoQueries
from dreamvision.schemas.base import UuidText
from dreamvision.schemas.videos import (
    Disposition,
    FileName,
    VideoGenerationRequest,
    VideoGenerationResponse,
    VideoListResponse,
    VideoStatus,
    VideoStatusResponse,
)
from dreamvision.videos.service import VideoService
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.etags import entity_tag
from dreamvision_api.idempotency import IdempotencyKey, idempotent_request
from dreamvision_api.pagination import Cursor, Limit
from dreamvision_api.responses import json_response
from dreamvision_api.route_docs import QUOTA_ERRORS, SPENDING_ERRORS, ResponseDoc, documented

api = Api()


@api.routes.post(
    "/api/v1/videos/generate",
    summary="Film a dream that was analysed before",
    description="Starts one more video of the dream and answers at once; `GET /api/v1/videos/{job_id}` tells more.",
    tags=["Videos"],
)
@documented(
    errors=(
        *SPENDING_ERRORS,
        *QUOTA_ERRORS,
        "DreamNotFoundError",
        "DreamNotAnalyzedError",
        "ContentionError",
        "WorkflowUnavailableError",
    )
)
def generate_video(body: VideoGenerationRequest, idempotency_key: IdempotencyKey = None) -> VideoGenerationResponse:
    filming = VideoService.shared()
    with idempotent_request(api, Scope.VIDEO, idempotency_key, body) as attempt:
        if attempt.replayed is not None:
            return VideoGenerationResponse.model_validate(attempt.replayed)
        video = filming.create(api.caller.user_id, body.dream_id, body.duration, seed=attempt.seed)
        generation = generation_response(video, filming.estimated_completion(video))
        attempt.answer = generation.model_dump(mode="json", exclude_none=True)
    return generation


@api.routes.get(
    "/api/v1/videos",
    summary="The videos, newest first",
    description="Go on with `next_cursor` until it is null. A cursor is good for the `status` it was given for.",
    tags=["Videos"],
)
@documented(errors=("InvalidCursorError",))
def list_videos(
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Annotated[VideoStatus | None, Query(description="Only videos in this status.")] = None,
) -> VideoListResponse:
    return VideoQueries.shared().page(api.caller.user_id, limit=limit, status=status, cursor=cursor)


@api.routes.get(
    "/api/v1/videos/<job_id>",
    summary="How far a video is",
    description="Ask again after `Retry-After` seconds, which is there until the video is completed, failed or"
    " cancelled. Send the `ETag` as `If-None-Match`: as long as nothing has changed the answer is 304, without a body."
    " A signed link that was confirmed by a 304 is good for another half an hour at the least.",
    tags=["Videos"],
)
@documented(
    ResponseDoc(HTTPStatus.OK, VideoStatusResponse, headers=("ETag", "Cache-Control", "Retry-After")),
    ResponseDoc(HTTPStatus.NOT_MODIFIED, headers=("ETag", "Cache-Control", "Retry-After")),
    errors=("VideoNotFoundError",),
    reads=("If-None-Match",),
)
def get_video(
    job_id: Annotated[UuidText, Path()],
    disposition: Annotated[Disposition, Query(description="`attachment`: the link saves the video.")] = (
        Disposition.INLINE
    ),
    filename: Annotated[FileName | None, Query(description="What the saved video is called.")] = None,
) -> Response[VideoStatusResponse]:
    look = VideoQueries.shared().look(api.caller.user_id, job_id, disposition, filename)
    headers = {"ETag": entity_tag(look.version), "Cache-Control": "private, no-cache"}
    if look.retry_after_seconds is not None:
        headers["Retry-After"] = str(look.retry_after_seconds)
    return json_response(HTTPStatus.OK, look.video, headers)


@api.routes.delete(
    "/api/v1/videos/<job_id>",
    summary="Cancel a video",
    description="Stops the rendering and gives the quota back. Answers with the cancelled video; cancelling it again is"
    " harmless. A video that is completed or failed stays as it is (409): it goes with its dream.",
    tags=["Videos"],
)
@documented(errors=("VideoNotFoundError", "VideoFinalError", "ContentionError", "ExecutionStopError"))
def cancel_video(job_id: Annotated[UuidText, Path()]) -> VideoStatusResponse:
    return Presenter.shared().video(VideoService.shared().cancel(api.caller.user_id, job_id))


handler = lambda_handler(api)
