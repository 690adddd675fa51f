"""The render of a video at the provider: start it once, poll it, cancel it."""

from datetime import datetime

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.metrics import Metric, record
from dreamvision.core.pricing import MICRO, micros_of_credits
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamRepository
from dreamvision.rendering.errors import (
    RenderBusyError,
    RenderCreditsError,
    RenderKeyError,
    RenderModerationError,
    RenderRejectedError,
    RenderUnreachableError,
)
from dreamvision.rendering.renderer import RenderState, RenderTask, VideoRenderer
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import DreamNotAnalyzedError, VideoFinalError, VideoNotFoundError, VideoRecord

# Percent. A render that has succeeded is still to be archived: 100 is a completed video's.
_MOST = 99

# After these errors the provider has certainly created nothing, so a retry cannot pay twice.
_NOTHING_CREATED = (
    RenderBusyError,
    RenderUnreachableError,
    RenderRejectedError,
    RenderModerationError,
    RenderCreditsError,
    RenderKeyError,
)


def start_render(
    user_id: str, job_id: str, renderer: VideoRenderer, dreams: DreamRepository, videos: VideoLifecycle
) -> None:
    """Request the render, once. The intent is stored before the request, the task id right after it.

    A second call (a retry of the state, a duplicate delivery) finds the intent. With a task id there is nothing to do;
    without one the first request may have been paid for, so no second one is sent.

    Raises:
        RenderBusyError, RenderUnreachableError: nothing was created; may be retried.
        RenderOutcomeUnknownError: a paid render may exist; never retry.
        RenderRejectedError, RenderModerationError, RenderCreditsError, RenderKeyError: rejected; do not retry.
        DreamNotAnalyzedError: the dream has no prompt.
        VideoFinalError: the video was cancelled or closed meanwhile.
        RenderCancelUnconfirmedError: the video became final during the request, and the provider did not confirm the
            cancellation.
    """
    video = videos.get(user_id, job_id, consistent=True)
    if video.status.is_final:
        raise VideoFinalError
    prompt = video.video_prompt or _require_prompt(dreams.get(user_id, video.dream_id, consistent=True))
    video = videos.request_render(user_id, job_id, utc_now(), prompt if video.video_prompt is None else None)
    if video.provider_task_id is not None:
        return
    task = _start(video, prompt, renderer, videos)
    if not _record_task(video, task, videos):
        # The cancellation could not know the task id, and no later step would cancel the render.
        renderer.cancel(task.task_id)
        raise VideoFinalError


def _record_task(video: VideoRecord, task: RenderTask, videos: VideoLifecycle) -> bool:
    """Store the task id, and return whether the video is still open."""
    try:
        current = videos.record_render(video.user_id, video.job_id, task.task_id, task.estimated_credits, utc_now())
    except VideoNotFoundError:
        return False
    return not current.status.is_final


def _require_prompt(dream: DreamRecord) -> str:
    if dream.video_prompt is None:
        raise DreamNotAnalyzedError
    return dream.video_prompt


def _start(video: VideoRecord, prompt: str, renderer: VideoRenderer, videos: VideoLifecycle) -> RenderTask:
    try:
        task = renderer.start(prompt, video.duration, video.aspect_ratio, video.seed)
    except _NOTHING_CREATED as error:
        _count_refusal(error, video, videos)
        videos.withdraw_render_request(video.user_id, video.job_id, utc_now())
        raise
    if task.estimated_credits is not None:
        record({Metric.RUNWAY_COST: micros_of_credits(task.estimated_credits) / MICRO})
    return task


def _count_refusal(error: DreamVisionError, video: VideoRecord, videos: VideoLifecycle) -> None:
    if isinstance(error, RenderModerationError):
        videos.count_refusal(video.user_id, video.job_id, utc_now())


def poll_render(user_id: str, job_id: str, renderer: VideoRenderer, videos: VideoLifecycle) -> RenderState:
    """Poll the render once and store its progress, and the link to it once it is finished.

    Raises:
        RenderFailedError: the render failed; the subclass gives the cause.
        RenderTaskLostError: the provider does not know the render.
        RenderStatusUnavailableError: the status could not be read this time.
        RenderKeyError: the provider does not accept the key.
        VideoFinalError: the video was cancelled or closed meanwhile.
    """
    video = videos.get(user_id, job_id, consistent=True)
    if video.status.is_final:
        raise VideoFinalError
    state = renderer.status(_require_task_id(video))
    now = utc_now()
    if state.failure is not None:
        if state.credits is not None:
            videos.record_charge(video, state.credits, now)
        error = state.failure.to_error()
        _count_refusal(error, video, videos)
        raise error
    # The function that archives the video reads the link from the row: it has no key of the provider.
    link = next(iter(state.output_urls), None)
    videos.record_progress(video, min(state.progress, _MOST), _queued_since(video, state, now), now, link)
    if video.queued_since is not None and not state.status.is_waiting:
        # The provider does not report when a render left its queue: exact to one poll interval.
        record({Metric.SECONDS_IN_QUEUE: (now - (video.render_requested_at or video.queued_since)).total_seconds()})
    return state


def cancel_render(user_id: str, job_id: str, renderer: VideoRenderer, videos: VideoLifecycle) -> None:
    """Cancel the render at the provider, if one was started.

    Raises:
        RenderCancelUnconfirmedError: the provider did not confirm; repeating is harmless.
        RenderKeyError: the provider does not accept the key.
    """
    video = videos.get(user_id, job_id, consistent=True)
    if video.provider_task_id is not None:
        renderer.cancel(video.provider_task_id)


def _require_task_id(video: VideoRecord) -> str:
    if video.provider_task_id is None:
        raise VideoFinalError
    return video.provider_task_id


def _queued_since(video: VideoRecord, state: RenderState, now: datetime) -> datetime | None:
    """Return since when the render has been waiting; ``None`` if it is not.

    A task begins in the provider's queue. A status that we do not know counts as waiting, but a video that is being
    made does not return to the queue.
    """
    if not state.status.is_waiting:
        return None
    if video.status is VideoStatus.PENDING and video.queued_since is None:
        return video.render_requested_at or now
    return video.queued_since
