"""Exactness under concurrency, on the emulator's DynamoDB, whose transactions are isolated."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database, TableNames
from dreamvision.database.transactions import ContentionError
from dreamvision.dreams.repository import DreamRepository
from dreamvision.dreams.service import analyze_pending
from dreamvision.rendering.errors import RenderOutcomeUnknownError
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoFinalError, VideoRecord
from dreamvision.videos.render import start_render
from tests.e2e.client import ControlPlane
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.runway import FakeRenderer

MEDIA = Media("videos/u/j.mp4", "thumbnails/t/j.jpg", None, 1280, 720)


@pytest.fixture
def database(control: ControlPlane) -> Database:
    tables = control.outputs["tables"]
    names = TableNames(
        profiles_table=tables["user_profiles"],
        dreams_table=tables["dreams"],
        videos_table=tables["videos"],
        guards_table=tables["guards"],
    )
    resource = boto3.resource(
        "dynamodb",
        endpoint_url=control.outputs["endpoint_url"],
        region_name=control.outputs["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return Database(names, resource.meta.client)


@pytest.fixture
def video(database: Database) -> VideoRecord:
    user_id = new_id()
    found = VideoLifecycle(database).add_with_dream(user_id, new_id(), new_id(), "I was flying", 5, utc_now())
    analyze_pending(user_id, found.dream_id, FakeAnalyzer(), DreamRepository(database))
    return found


def outcomes(work: Callable[[], object], times: int) -> list[str]:
    """Return the name of each error class, or ``done``."""

    def one(_: int) -> str:
        try:
            work()
        except (VideoFinalError, RenderOutcomeUnknownError, ContentionError) as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_twenty_concurrent_completions_count_once(database: Database, video: VideoRecord) -> None:
    found = outcomes(lambda: VideoLifecycle(database).complete(video, MEDIA, utc_now()), 20)
    assert found.count("done") == 1, found
    assert ProfileRepository(database).get(video.user_id, consistent=True).videos_count == 1


def test_ten_concurrent_starts_request_one_render(database: Database, video: VideoRecord) -> None:
    renderer = FakeRenderer()
    outcomes(
        lambda: start_render(
            video.user_id, video.job_id, renderer, DreamRepository(database), VideoLifecycle(database)
        ),
        10,
    )
    assert len(renderer.started) == 1


def test_thirty_concurrent_dreams_are_all_counted(database: Database) -> None:
    user_id = new_id()
    found = outcomes(
        lambda: VideoLifecycle(database).add_with_dream(user_id, new_id(), new_id(), "I was flying", 5, utc_now()), 30
    )
    assert ProfileRepository(database).get(user_id, consistent=True).dreams_count == found.count("done")
