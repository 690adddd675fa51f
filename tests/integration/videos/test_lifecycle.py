"""A video's lifecycle in the tables: forward only, with exact counters and a consistent copy in the dream, also on
retries.
"""

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamNotFoundError, DreamRepository
from dreamvision.rendering.errors import RenderOutcomeUnknownError
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import DreamNotAnalyzedError, Media, VideoFinalError, VideoNotFoundError, VideoRecord
from tests.fakes.claude import FakeAnalyzer

USER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"
MEDIA = Media("videos/u/j.mp4", "thumbnails/t/j.jpg", "thumbnails/t/j.webp", 1280, 720)


def pending_video(database: Database) -> VideoRecord:
    return VideoLifecycle(database).add_with_dream(USER, new_id(), new_id(), "I was flying", 5, utc_now())


def analyzed(database: Database) -> VideoRecord:
    video = pending_video(database)
    outcome = FakeAnalyzer().analyze("I was flying")
    DreamRepository(database).complete_analysis(USER, video.dream_id, outcome, 1200, utc_now())
    return video


def test_a_new_dream_is_pending_and_counts(database: Database) -> None:
    video = pending_video(database)
    dream = DreamRepository(database).get(USER, video.dream_id)
    assert dream.analysis_status is AnalysisStatus.PENDING
    assert (dream.latest_job_id, dream.video_status) == (video.job_id, VideoStatus.PENDING)
    assert ProfileRepository(database).get(USER).dreams_count == 1


def test_a_repeated_analysis_counts_once(database: Database) -> None:
    video = analyzed(database)
    outcome = FakeAnalyzer().analyze("I was flying")
    DreamRepository(database).complete_analysis(USER, video.dream_id, outcome, 1200, utc_now())
    profile = ProfileRepository(database).get(USER)
    assert (profile.dreams_count, profile.dreams_by_category[Category.FLIGHT]) == (1, 1)


def test_the_analysis_of_a_deleted_dream_is_not_stored(database: Database) -> None:
    with pytest.raises(DreamNotFoundError):
        DreamRepository(database).complete_analysis(USER, new_id(), FakeAnalyzer().analyze("x"), 1, utc_now())
    assert ProfileRepository(database).get(USER).dreams_by_category[Category.FLIGHT] == 0


def test_a_video_goes_from_pending_to_completed(database: Database) -> None:
    videos, video = VideoLifecycle(database), analyzed(database)
    videos.request_render(USER, video.job_id, utc_now())
    videos.record_render(USER, video.job_id, "task-1", 60, utc_now())
    assert videos.get(USER, video.job_id).status is VideoStatus.PENDING
    videos.record_progress(videos.get(USER, video.job_id), 40, None, utc_now())
    assert videos.get(USER, video.job_id).status is VideoStatus.PROCESSING
    assert DreamRepository(database).get(USER, video.dream_id).video_status is VideoStatus.PROCESSING
    videos.record_progress(videos.get(USER, video.job_id), 30, None, utc_now())
    assert videos.get(USER, video.job_id).progress == 40, "progress never goes back"
    videos.complete(videos.get(USER, video.job_id), MEDIA, utc_now())
    done = videos.get(USER, video.job_id)
    assert (done.status, done.progress, done.video_key) == (VideoStatus.COMPLETED, 100, MEDIA.video_key)
    dream = DreamRepository(database).get(USER, video.dream_id)
    assert (dream.video_status, dream.thumbnail_key) == (VideoStatus.COMPLETED, MEDIA.thumbnail_key)
    assert ProfileRepository(database).get(USER).videos_count == 1


def test_a_final_video_does_not_change(database: Database) -> None:
    videos, video = VideoLifecycle(database), analyzed(database)
    videos.complete(video, MEDIA, utc_now())
    with pytest.raises(VideoFinalError):
        videos.complete(video, MEDIA, utc_now())
    with pytest.raises(VideoFinalError):
        videos.record_progress(video, 50, None, utc_now())
    with pytest.raises(VideoFinalError):
        videos.request_render(USER, video.job_id, utc_now())
    assert videos.fail(USER, video.job_id, "Late", "Too late.", utc_now()).status is VideoStatus.COMPLETED
    assert ProfileRepository(database).get(USER).videos_count == 1


def test_a_failed_video_fails_the_pending_analysis(database: Database) -> None:
    video = pending_video(database)
    failed = VideoLifecycle(database).fail(USER, video.job_id, "DreamRefusedError", "No.", utc_now())
    assert (failed.status, failed.error_code, failed.error_message) == (VideoStatus.FAILED, "DreamRefusedError", "No.")
    dream = DreamRepository(database).get(USER, video.dream_id)
    assert (dream.analysis_status, dream.analysis_error) == (AnalysisStatus.FAILED, "DreamRefusedError")
    assert dream.video_status is VideoStatus.FAILED


def test_a_failed_video_keeps_a_completed_analysis(database: Database) -> None:
    video = analyzed(database)
    VideoLifecycle(database).fail(USER, video.job_id, "RenderFailedError", "No.", utc_now())
    assert DreamRepository(database).get(USER, video.dream_id).analysis_status is AnalysisStatus.COMPLETED


def test_the_dream_shows_its_latest_video_only(database: Database) -> None:
    videos, first = VideoLifecycle(database), analyzed(database)
    videos.fail(USER, first.job_id, "RenderFailedError", "No.", utc_now())
    older = videos.add(USER, new_id(), first.dream_id, 5, utc_now())
    newer = videos.add(USER, new_id(), first.dream_id, 5, utc_now())
    videos.complete(older, MEDIA, utc_now())
    dream = DreamRepository(database).get(USER, first.dream_id)
    assert (dream.latest_job_id, dream.video_status) == (newer.job_id, VideoStatus.PENDING)
    assert videos.get(USER, older.job_id).status is VideoStatus.COMPLETED
    assert ProfileRepository(database).get(USER).videos_count == 1


def test_a_video_requires_an_analyzed_dream_of_the_caller(database: Database) -> None:
    videos, waiting = VideoLifecycle(database), pending_video(database)
    with pytest.raises(DreamNotAnalyzedError):
        videos.add(USER, new_id(), waiting.dream_id, 5, utc_now())
    with pytest.raises(DreamNotFoundError):
        videos.add("another-user", new_id(), waiting.dream_id, 5, utc_now())
    with pytest.raises(VideoNotFoundError):
        videos.get("another-user", waiting.job_id)


def test_a_render_is_requested_once(database: Database) -> None:
    videos, video = VideoLifecycle(database), analyzed(database)
    videos.request_render(USER, video.job_id, utc_now())
    with pytest.raises(RenderOutcomeUnknownError):
        videos.request_render(USER, video.job_id, utc_now())
    videos.withdraw_render_request(USER, video.job_id, utc_now())
    videos.request_render(USER, video.job_id, utc_now())
    videos.record_render(USER, video.job_id, "task-1", 60, utc_now())
    assert videos.request_render(USER, video.job_id, utc_now()).provider_task_id == "task-1"
