"""URLs of media: public for images, signed for videos, none for expired videos."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest

from dreamvision.core.config import ConfigurationError
from dreamvision.core.ids import new_id, time_of
from dreamvision.media.keys import image_url, video_url
from dreamvision.media.links import LinkSettings, MediaLinks, video_expiry
from tests.fakes.secrets import store
from tests.fakes.video_key import MEDIA_URL, expiry_of, key_text, refusal_of, signing_key

JOB = "019aae3c-8a2f-7d11-8c55-9b7e6f5d4c3b"
MADE = datetime(2025, 11, 22, 22, 59, 9, 679000, UTC)
KEY = f"videos/user/{JOB}.mp4"
PERIOD = datetime(2025, 11, 22, 21, tzinfo=UTC)


def links(days: int, now: datetime) -> MediaLinks:
    return MediaLinks(f"{MEDIA_URL}/", signing_key, days, lambda: now)


def link(now: datetime, days: int = 0, filename: str | None = None) -> str:
    found = links(days, now)
    url = found.video(KEY, until=found.video_until(JOB, None), filename=filename)
    assert url is not None
    return url


@pytest.mark.parametrize("days", [0, 30])
@pytest.mark.parametrize("filename", [None, "dream.mp4"])
def test_a_link_stays_the_same_until_an_hour_before_its_end(days: int, filename: str | None) -> None:
    urls = [link(PERIOD + timedelta(hours=hours), days, filename) for hours in (0, 1.5, 2.9999, 3)]
    assert urls[0] == urls[1] == urls[2] != urls[3]
    assert expiry_of(urls[0]) == PERIOD + timedelta(hours=4)


def test_a_day_has_eight_periods() -> None:
    day = [PERIOD + timedelta(hours=hour, minutes=30) for hour in range(24)]
    ends = [expiry_of(link(now)) for now in day]
    assert [end - PERIOD for end in ends] == [timedelta(hours=hour // 3 * 3 + 4) for hour in range(24)]


def test_a_link_is_valid_for_one_to_four_hours() -> None:
    for now in (PERIOD, MADE, PERIOD + timedelta(hours=3, seconds=-1)):
        url = link(now)
        assert timedelta(hours=1) < expiry_of(url) - now <= timedelta(hours=4)
        assert refusal_of(url, now) is None
        assert refusal_of(url, expiry_of(url) - timedelta(seconds=1)) is None
        assert refusal_of(url, expiry_of(url)) == "AccessDenied"
    assert links(0, MADE).video(None, until=None) is None


def test_every_process_gives_the_same_link(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN processes that read the key from the secret, again after five minutes
    secrets = store(monkeypatch)
    secrets["dreamvision/video-key"] = key_text()
    monkeypatch.setenv("MEDIA_BASE_URL", MEDIA_URL)
    monkeypatch.setenv("VIDEO_KEY_SECRET", "dreamvision/video-key")
    monkeypatch.setenv("VIDEO_EXPIRY_DAYS", "30")
    found = []
    for credentials in ("one", "another"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials)
        MediaLinks.shared.cache_clear()
        shared = MediaLinks.shared()
        shared._now = lambda: MADE
        found.append(shared.video(KEY, until=None))
        assert shared.video_until(JOB, None) == video_expiry(JOB, 30)
    MediaLinks.shared.cache_clear()
    assert found == [link(MADE)] * 2
    assert secrets.max_ages == {"dreamvision/video-key": 300}


def test_a_link_is_for_one_video_and_one_name() -> None:
    played, saved = link(MADE), link(MADE, filename="dream.mp4")
    assert refusal_of(saved, MADE) is None
    for changed in (
        played.replace(".mp4", ".mp5"),
        played.replace("/user/", "/other/"),
        played.replace("?", "?response-content-disposition=attachment&"),
        played.replace("Expires=176", "Expires=177"),
        played.replace(MEDIA_URL, "https://other.example.com"),
        saved.replace("dream.mp4", "other.mp4"),
        saved.replace("SHA256", "SHA1"),
        saved.replace("&Signature=", "&Signature=A"),
    ):
        assert changed not in (played, saved)
        assert refusal_of(changed, MADE) == "AccessDenied", changed


@pytest.mark.parametrize(
    ("filename", "plain"),
    [
        ("dream.mp4", "dream.mp4"),
        ('a"; x="\r\nSet-Cookie: b', "a__ x____Set-Cookie_ b"),
        ("мечта 🌙.mp4", "_____ _.mp4"),
        ("*'()&=#?+%41.mp4", "__________41.mp4"),
    ],
)
def test_a_file_name_makes_the_link_a_download(filename: str, plain: str) -> None:
    url = link(MADE, filename=filename)
    assert url.isascii()
    assert refusal_of(url, MADE) is None
    name, _, value = urlsplit(url).query.split("&")[0].partition("=")
    assert name == "response-content-disposition"
    # Wildcards of a policy are * and ?, and S3 reads a plus sign as a blank.
    assert not set(value) & set("*?+ '\"")
    first, _, second = unquote(value).partition("; filename*=UTF-8''")
    assert first == f'attachment; filename="{plain}"'
    assert unquote(second) == filename
    assert second.isascii()


def test_an_images_url_is_its_key_below_the_public_folder() -> None:
    found = links(0, MADE).image("thumbnails/t0k/j.jpg")
    assert found == "https://media.example.com/t0k/j.jpg"
    assert links(0, MADE).image(None) is None


@pytest.mark.parametrize("key", [KEY, "uploads/u/d/i.jpg", "thumbnails", "/thumbnails/t/j.jpg", ""])
def test_only_images_have_a_public_url(key: str) -> None:
    with pytest.raises(ValueError, match="public address"):
        image_url(MEDIA_URL, key)


@pytest.mark.parametrize("key", ["thumbnails/t/j.jpg", "uploads/u/d/i.jpg", "videos", "/videos/u/j.mp4", ""])
def test_only_videos_have_a_signed_url(key: str) -> None:
    with pytest.raises(ValueError, match="signed address"):
        video_url(MEDIA_URL, key)


def test_an_id_contains_its_creation_time() -> None:
    before = datetime.now(UTC)
    made = time_of(new_id())
    assert before - timedelta(milliseconds=1) <= made <= datetime.now(UTC)
    assert time_of(JOB).microsecond % 1000 == 0


def test_a_link_never_outlives_its_video() -> None:
    expiry = video_expiry(JOB, 30)
    assert expiry == time_of(JOB) + timedelta(days=30)
    for left in (timedelta(minutes=10), timedelta(seconds=1)):
        lost = expiry - expiry_of(link(expiry - left, 30))
        assert timedelta(0) <= lost < timedelta(seconds=1)
    assert expiry_of(link(expiry - timedelta(days=1), 30)) <= expiry - timedelta(hours=20)
    for late in (timedelta(seconds=-0.5), timedelta(0), timedelta(days=400)):
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


def test_settings_come_from_the_environment() -> None:
    environment = {"MEDIA_BASE_URL": "https://m", "VIDEO_KEY_SECRET": "key", "VIDEO_EXPIRY_DAYS": "30"}
    assert LinkSettings.from_environment(environment).video_expiry_days == 30
    with pytest.raises(ConfigurationError, match="VIDEO_EXPIRY_DAYS"):
        LinkSettings.from_environment(environment | {"VIDEO_EXPIRY_DAYS": "-1"})
