"""``/api/v1/videos``: create, list, read and cancel videos. ``/api/v1/quota``: what the user may still create."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from dreamvision.limits.rate_limits import Scope
from dreamvision.queries.presenters import Presenter, generation_response
from dreamvision.queries.videos import VideoQueries
from dreamvision.schemas.base import UuidText
from dreamvision.schemas.quota import Quota
from dreamvision.schemas.videos import (
    Disposition,
    FileName,
    VideoGenerationRequest,
    VideoGenerationResponse,
    VideoListResponse,
    VideoStatus,
    VideoStatusResponse,
)
from dreamvision.videos.models import VideoOptions
from dreamvision.videos.prompts import require_valid_prompt
from dreamvision.videos.quota import QuotaReader
from dreamvision.videos.service import VideoService
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.etags import entity_tag
from dreamvision_api.idempotency import IdempotencyKey, idempotent_request
from dreamvision_api.pagination import Cursor, Limit
from dreamvision_api.responses import json_response
from dreamvision_api.route_docs import QUOTA_ERRORS, SPENDING_ERRORS, ResponseDoc, document

api = Api()


@api.routes.post(
    "/api/v1/videos/generate",
    summary="Create a video",
    description="Starts another video of an analyzed dream and returns at once. Poll `GET /api/v1/videos/{job_id}`. To"
    " try again differently, send another `video_prompt`, `seed` or `aspect_ratio`. A prompt must keep the rules of the"
    " analysis; a 422 names each rule that it breaks.",
    tags=["Videos"],
)
@document(
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
    if body.video_prompt is not None:
        require_valid_prompt(body.video_prompt)
    service, options = VideoService.shared(), VideoOptions(body.aspect_ratio, body.seed, body.video_prompt)
    with idempotent_request(api, Scope.VIDEO, idempotency_key, body) as request:
        if request.replayed is not None:
            return VideoGenerationResponse.model_validate(request.replayed)
        video = service.create(api.caller.user_id, body.dream_id, body.duration, options, id_seed=request.id_seed)
        generation = generation_response(video, service.estimated_completion(video))
        request.answer = generation.model_dump(mode="json", exclude_none=True)
    return generation


@api.routes.get(
    "/api/v1/videos",
    summary="List videos",
    description="Newest first. Continue with `next_cursor` until it is null. A cursor is valid only for the `status` it"
    " was returned for.",
    tags=["Videos"],
)
@document(errors=("InvalidCursorError",))
def list_videos(
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Annotated[VideoStatus | None, Query(description="Only videos with this status.")] = None,
) -> VideoListResponse:
    return VideoQueries.shared().page(api.caller.user_id, limit=limit, status=status, cursor=cursor)


@api.routes.get(
    "/api/v1/videos/<job_id>",
    summary="Get a video",
    description="Poll again after `Retry-After` seconds; the header is present until the video is completed, failed or"
    " cancelled. Send the `ETag` as `If-None-Match`: if nothing has changed, the response is a 304 without a body. A"
    " signed URL that a 304 confirms is valid for at least another hour.",
    tags=["Videos"],
)
@document(
    ResponseDoc(HTTPStatus.OK, VideoStatusResponse, headers=("ETag", "Retry-After")),
    ResponseDoc(HTTPStatus.NOT_MODIFIED, headers=("ETag", "Retry-After")),
    errors=("VideoNotFoundError",),
    request_headers=("If-None-Match",),
)
def get_video(
    job_id: Annotated[UuidText, Path()],
    disposition: Annotated[Disposition, Query(description="`attachment`: the URL downloads the video.")] = (
        Disposition.INLINE
    ),
    filename: Annotated[FileName | None, Query(description="File name of the downloaded video.")] = None,
) -> Response[VideoStatusResponse]:
    result = VideoQueries.shared().get(api.caller.user_id, job_id, disposition, filename)
    headers = {"ETag": entity_tag(result.video.model_dump_json())}
    if result.retry_after_seconds is not None:
        headers["Retry-After"] = str(result.retry_after_seconds)
    return json_response(HTTPStatus.OK, result.video, headers)


@api.routes.delete(
    "/api/v1/videos/<job_id>",
    summary="Cancel a video",
    description="Cancels the render and returns the cancelled video; repeating the request is safe. Its place among the"
    " concurrent videos is free at once. It still counts for the day if its render was already requested, which costs"
    " money. A completed or failed video cannot be cancelled (409): it is deleted with its dream.",
    tags=["Videos"],
)
@document(errors=("VideoNotFoundError", "VideoFinalError", "ContentionError", "ExecutionStopError"))
def cancel_video(job_id: Annotated[UuidText, Path()]) -> VideoStatusResponse:
    return Presenter.shared().video(VideoService.shared().cancel(api.caller.user_id, job_id))


@api.routes.get(
    "/api/v1/quota",
    summary="Get the quota",
    description="What the user may still create: videos and analyses today, and videos at the same time. The answer of"
    " `POST /api/v1/dreams/generate-video` has it, too.",
    tags=["Quota"],
)
@document(errors=("ContentionError",))
def get_quota() -> Quota:
    return QuotaReader.shared().of(api.caller.user_id)


handler = lambda_handler(api)
