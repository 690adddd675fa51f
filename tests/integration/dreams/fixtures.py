"""Dreams and videos in every state, written by the product's own repositories, and the services that use them."""

from datetime import UTC, datetime

import boto3
import pytest

from dreamvision.analysis.models import Analysis
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamRepository
from dreamvision.dreams.uploads import Uploads
from dreamvision.media.links import MediaLinks
from dreamvision.media.models import ReencodedImage
from dreamvision.media.storage import MediaStore
from dreamvision.queries.cursors import Cursors
from dreamvision.queries.dreams import DreamQueries
from dreamvision.queries.presenters import Presenter
from dreamvision.queries.videos import VideoQueries, VideoQuerySettings
from dreamvision.schemas.categories import TEMPLATE_NAMES, Category
from dreamvision.schemas.uploads import ImageType
from dreamvision.users.repository import Profile, ProfileRepository
from dreamvision.users.usernames import Usernames
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoRecord
from dreamvision.videos.service import VideoService, VideoServiceSettings
from dreamvision.videos.workflow import VideoWorkflow
from tests.fakes.aws import MEDIA_BUCKET, REGION
from tests.fakes.runway import FakeRenderer, new_task_id
from tests.fakes.states import MACHINE, FakeStates
from tests.fakes.video_key import MEDIA_URL, signing_key

LUNA = "11111111-1111-4111-8111-111111111111"
STELLA = "22222222-2222-4222-8222-222222222222"
DREAM = "I was flying over a dark forest with twisted trees"


class DreamBackend:
    """The services of dreams and videos on one database, with a bucket, fake state machines and a fake renderer."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.dreams = DreamRepository(database)
        self.videos = VideoLifecycle(database)
        self.profiles = ProfileRepository(database)
        self.usernames = Usernames(database)
        self.states = FakeStates()
        self.workflow = VideoWorkflow(MACHINE, self.states)  # type: ignore[arg-type]
        self.renderer = FakeRenderer()
        self.media = boto3.client("s3", region_name=REGION)
        self.store = MediaStore(MEDIA_BUCKET, self.media)
        self.now = float(int(utc_now().timestamp()))
        self.links = MediaLinks(MEDIA_URL, signing_key, now=lambda: datetime.fromtimestamp(self.now, UTC))
        self.presenter = Presenter(self.links, clock=lambda: self.now)
        self.cursors = Cursors(lambda: b"a key")
        settings = VideoQuerySettings(poll_interval=5)
        self.video_queries = VideoQueries(database, self.presenter, self.cursors, settings)
        self.service = VideoService(database, self.workflow, VideoServiceSettings(poll_first_wait=20))
        self.dream_queries = DreamQueries(database, self.presenter, self.cursors)

    # ------------------------------------------------------------ builders

    def analyzed_dream(
        self,
        user_id: str = LUNA,
        category: Category = Category.FLIGHT,
        *,
        now: datetime | None = None,
        text: str = DREAM,
    ) -> DreamRecord:
        """Create an analyzed dream."""
        analysis = Analysis(category, TEMPLATE_NAMES[category], 0.9, "POV gentle rise", 800, 140, "claude-sonnet-5-5")
        return self.dreams.add_analyzed(user_id, new_id(), text, analysis, 1200, now or utc_now())

    def pending_video(self, user_id: str = LUNA) -> VideoRecord:
        """Create a dream whose analysis is pending, with its pending video."""
        job_id = new_id()
        video = self.videos.add_with_dream(user_id, job_id, new_id(), DREAM, 5, utc_now())
        self.states.started[job_id] = {}
        return video

    def queued_video(self, dream: DreamRecord) -> VideoRecord:
        """Create a pending video of an analyzed dream."""
        job_id = new_id()
        self.videos.add(dream.user_id, job_id, dream.dream_id, 5, utc_now())
        self.states.started[job_id] = {}
        return self.stored_video(dream.user_id, job_id)

    def processing_video(self, dream: DreamRecord) -> VideoRecord:
        """Create a video whose render is in progress."""
        video = self.queued_video(dream)
        self.videos.request_render(video.user_id, video.job_id, utc_now())
        waiting = self.videos.record_render(video.user_id, video.job_id, new_task_id(), 60, utc_now())
        self.videos.record_progress(waiting, 0, None, utc_now())
        return self.stored_video(video.user_id, video.job_id)

    def completed_video(self, dream: DreamRecord) -> VideoRecord:
        """Create a completed video with its media in the bucket."""
        video = self.processing_video(dream)
        media = Media(
            f"videos/{video.user_id}/{video.job_id}.mp4",
            f"thumbnails/{video.media_token}/{video.job_id}.jpg",
            f"thumbnails/{video.media_token}/{video.job_id}.webp",
            1280,
            720,
        )
        for key in media[:3]:
            self.media.put_object(Bucket=MEDIA_BUCKET, Key=str(key), Body=b"media")
        self.videos.complete(video, media, utc_now())
        return self.stored_video(video.user_id, video.job_id)

    def dream_with_upload(self, dream: DreamRecord) -> tuple[str, str]:
        """Give the dream an uploaded image and upload another that is not processed yet. Return the keys of both."""
        uploads = Uploads(self.database, self.store)
        for _ in range(2):
            form = uploads.announce(dream.user_id, dream.dream_id, ImageType.JPEG)
            key = form.fields["key"]
            self.media.put_object(Bucket=MEDIA_BUCKET, Key=key, Body=b"media")
            if not (shown := self.dreams.get(dream.user_id, dream.dream_id, consistent=True).image_key):
                uploads.receive(key, lambda data, _: ReencodedImage(data, 64, 64), "01")
        return str(shown), key

    def failed_video(self, dream: DreamRecord, error: str = "RenderFailedError") -> VideoRecord:
        video = self.processing_video(dream)
        return self.videos.fail(video.user_id, video.job_id, error, "It failed.", utc_now())

    # ------------------------------------------------------------ stored state

    def stored_video(self, user_id: str, job_id: str) -> VideoRecord:
        return self.videos.get(user_id, job_id, consistent=True)

    def profile(self, user_id: str = LUNA) -> Profile:
        return self.profiles.get(user_id, consistent=True)

    def media_keys(self) -> list[str]:
        """Return all keys of the bucket."""
        return [item["Key"] for item in self.media.list_objects_v2(Bucket=MEDIA_BUCKET).get("Contents", [])]


@pytest.fixture
def backend(database: Database, monkeypatch: pytest.MonkeyPatch) -> DreamBackend:
    """An empty backend that the functions use."""
    found = DreamBackend(database)
    monkeypatch.setattr(Database, "shared", lambda: database)
    monkeypatch.setattr(Presenter, "shared", lambda: found.presenter)
    monkeypatch.setattr(DreamQueries, "shared", lambda: found.dream_queries)
    monkeypatch.setattr(VideoQueries, "shared", lambda: found.video_queries)
    monkeypatch.setattr(VideoService, "shared", lambda: found.service)
    return found
