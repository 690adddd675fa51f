"""URLs of media: public for images, signed for videos, none for expired videos."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from dreamvision.core.config import ConfigurationError
from dreamvision.core.ids import new_id, time_of
from dreamvision.media.keys import public_url
from dreamvision.media.links import LinkSettings, MediaLinks, video_expiry
from dreamvision.media.storage import MediaStore

JOB = "019aae3c-8a2f-7d11-8c55-9b7e6f5d4c3b"
MADE = datetime(2025, 11, 22, 22, 59, 9, 679000, UTC)
KEY = f"videos/user/{JOB}.mp4"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def links(days: int, now: datetime) -> MediaLinks:
    return MediaLinks(MediaStore("bucket"), "https://media.example.com/", days, lambda: now)


def query(url: str | None) -> dict[str, str]:
    assert url is not None
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def expiry_of(url: str | None) -> datetime:
    signed = query(url)
    return datetime.strptime(f"{signed['X-Amz-Date']}+0000", "%Y%m%dT%H%M%SZ%z") + timedelta(
        seconds=int(signed["X-Amz-Expires"])
    )


@pytest.mark.parametrize("days", [0, 30])
def test_a_link_stays_the_same_for_half_an_hour(days: int) -> None:
    period = datetime(2025, 11, 22, 23, 0, tzinfo=UTC)
    urls = []
    for minutes in (0, 17, 29.99, 30):
        found = links(days, period + timedelta(minutes=minutes))
        urls.append(found.video(KEY, until=found.video_until(JOB, None)))
    assert urls[0] == urls[1] == urls[2] != urls[3]


def test_an_images_url_is_its_key_below_the_public_folder() -> None:
    found = links(0, MADE).image("thumbnails/t0k/j.jpg")
    assert found == "https://media.example.com/t0k/j.jpg"
    assert links(0, MADE).image(None) is None


@pytest.mark.parametrize("key", [KEY, "uploads/u/d/i.jpg", "thumbnails", "/thumbnails/t/j.jpg", ""])
def test_only_images_have_a_public_url(key: str) -> None:
    with pytest.raises(ValueError, match="public address"):
        public_url("https://media.example.com", key)


def test_an_id_contains_its_creation_time() -> None:
    before = datetime.now(UTC)
    made = time_of(new_id())
    assert before - timedelta(milliseconds=1) <= made <= datetime.now(UTC)
    assert time_of(JOB).microsecond % 1000 == 0


def test_a_link_to_a_video_without_an_expiry_lasts_an_hour() -> None:
    found = links(0, MADE)
    until = found.video_until(JOB, None)
    assert until is None
    assert timedelta(hours=1) <= expiry_of(found.video(KEY, until=until)) - MADE <= timedelta(hours=1.5)
    assert found.video(None, until=None) is None


def test_a_link_never_outlives_its_video() -> None:
    expiry = video_expiry(JOB, 30)
    assert expiry == time_of(JOB) + timedelta(days=30)
    for left in (timedelta(minutes=10), timedelta(seconds=1)):
        found = links(30, expiry - left)
        lost = expiry - expiry_of(found.video(KEY, until=found.video_until(JOB, None)))
        assert timedelta(0) <= lost < timedelta(seconds=1)
    found = links(30, expiry - timedelta(days=1))
    assert expiry_of(found.video(KEY, until=found.video_until(JOB, None))) >= expiry - timedelta(hours=23)
    for late in (timedelta(0), timedelta(days=400)):
        found = links(30, expiry + late)
        assert found.video(KEY, until=found.video_until(JOB, None)) is None


def test_the_earlier_of_two_expiries_applies() -> None:
    # GIVEN a video stored while videos were kept for 30 days
    stored = video_expiry(JOB, 30)
    # THEN a longer setting does not extend it, a shorter one applies, and none keeps the stored expiry
    assert links(60, MADE).video_until(JOB, stored) == stored
    assert links(7, MADE).video_until(JOB, stored) == video_expiry(JOB, 7)
    assert links(0, MADE).video_until(JOB, stored) == stored
    # AND a video stored without an expiry expires by today's setting
    assert links(7, MADE).video_until(JOB, None) == video_expiry(JOB, 7)


def test_a_link_contains_the_region_even_us_east_1() -> None:
    url = links(0, MADE).video(KEY, until=None)
    assert url is not None
    assert urlsplit(url).netloc == "bucket.s3.us-east-1.amazonaws.com"


def test_settings_come_from_the_environment() -> None:
    environment = {"MEDIA_BUCKET": "b", "MEDIA_BASE_URL": "https://m", "VIDEO_EXPIRY_DAYS": "30"}
    assert LinkSettings.from_environment(environment).video_expiry_days == 30
    with pytest.raises(ConfigurationError, match="VIDEO_EXPIRY_DAYS"):
        LinkSettings.from_environment(environment | {"VIDEO_EXPIRY_DAYS": "-1"})
