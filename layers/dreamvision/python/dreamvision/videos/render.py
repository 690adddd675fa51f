"""The rendering of a video at the provider: starting it once, looking at it, stopping it."""

from datetime import datetime

from dreamvision.core.clock import utc_now
from dreamvision.dreams.repository import DreamRecord, DreamRepository
from dreamvision.rendering.errors import (
    RenderBusyError,
    RenderCreditsError,
    RenderKeyError,
    RenderModerationError,
    RenderRejectedError,
    RenderUnreachableError,
)
from dreamvision.rendering.renderer import RenderState, RenderTask, VideoRenderer
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import DreamNotAnalyzedError, VideoFinalError, VideoNotFoundError, VideoRecord

# After these the provider has certainly created nothing, so that asking again cannot pay twice.
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
    """Ask for the rendering, once. The intent is kept before the request and the task id right after it.

    Whoever calls again (a retry of the state, a second delivery) meets the intent: with a task id there is nothing to
    do; without one the first request may have been paid for, and nobody asks again.

    Raises:
        RenderBusyError, RenderUnreachableError: nothing was created; this may be tried again.
        RenderOutcomeUnknownError: a paid rendering may exist; this is final.
        RenderRejectedError, RenderModerationError, RenderCreditsError, RenderKeyError: refused; this is final.
        DreamNotAnalyzedError: there is no prompt.
        VideoFinalError: cancelled or closed meanwhile.
        RenderCancelUnconfirmedError: that happened while the provider was asked, and it did not confirm the stop.
    """
    video = videos.get(user_id, job_id, consistent=True)
    if video.status.is_final:
        raise VideoFinalError
    prompt = _prompt_of(dreams.get(user_id, video.dream_id, consistent=True))
    video = videos.request_render(user_id, job_id, utc_now())
    if video.provider_task_id is not None:
        return
    task = _start(video, prompt, renderer, videos)
    if not _is_wanted(video, task, videos):
        # Whoever cancelled it could not know the task, and nobody comes by any more.
        renderer.cancel(task.task_id)
        raise VideoFinalError


def _is_wanted(video: VideoRecord, task: RenderTask, videos: VideoLifecycle) -> bool:
    try:
        kept = videos.record_render(video.user_id, video.job_id, task.task_id, task.estimated_credits, utc_now())
    except VideoNotFoundError:
        return False
    return not kept.status.is_final


def _prompt_of(dream: DreamRecord) -> str:
    if dream.video_prompt is None:
        raise DreamNotAnalyzedError
    return dream.video_prompt


def _start(video: VideoRecord, prompt: str, renderer: VideoRenderer, videos: VideoLifecycle) -> RenderTask:
    try:
        return renderer.start(prompt, video.duration)
    except _NOTHING_CREATED:
        videos.withdraw_render_request(video.user_id, video.job_id, utc_now())
        raise


def poll_render(user_id: str, job_id: str, renderer: VideoRenderer, videos: VideoLifecycle) -> RenderState:
    """One look at the rendering; its progress is kept.

    Raises:
        RenderFailedError: it failed; the class says how.
        RenderTaskLostError: the provider does not know it (any more).
        RenderStatusUnavailableError: no answer this time.
        VideoFinalError: cancelled or closed meanwhile.
    """
    video = videos.get(user_id, job_id, consistent=True)
    if video.status.is_final:
        raise VideoFinalError
    state = renderer.status(_task_of(video))
    if state.failure is not None:
        raise state.failure.to_error()
    now = utc_now()
    videos.record_progress(video, state.progress, _queued_since(video, state, now), now)
    return state


def cancel_render(user_id: str, job_id: str, renderer: VideoRenderer, videos: VideoLifecycle) -> None:
    """Stop the rendering at the provider, if one was ever started.

    Raises:
        RenderCancelUnconfirmedError: the provider did not confirm; asking again is harmless.
    """
    video = videos.get(user_id, job_id, consistent=True)
    if video.provider_task_id is not None:
        renderer.cancel(video.provider_task_id)


def _task_of(video: VideoRecord) -> str:
    if video.provider_task_id is None:
        raise VideoFinalError
    return video.provider_task_id


def _queued_since(video: VideoRecord, state: RenderState, now: datetime) -> datetime | None:
    if not state.status.is_waiting:
        return None
    return video.queued_since or now
