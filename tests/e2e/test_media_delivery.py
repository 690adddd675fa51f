"""Media as clients get them, through the CDN: images by public URLs, videos by signed links."""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image

from tests.e2e.client import ControlPlane, User, fetch, register
from tests.e2e.listener import listening
from tests.fakes.video_key import expiry_of

ORIGIN = "http://localhost:8081"
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; sandbox",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "cross-origin-resource-policy": "cross-origin",
}


@pytest.fixture(scope="module")
def completed_video(http: httpx.Client) -> tuple[User, dict[str, Any]]:
    """A user with a completed video."""
    user = register(http)
    job_id = user.create_video()["video_generation"]["job_id"]
    video = user.wait_for_video(job_id)
    assert video["status"] == "completed", video
    return user, video


def row(control: ControlPlane, user: User, role: str = "videos") -> dict[str, Any]:
    (found,) = control.rows(role, user.id)
    return found


def test_images_come_from_the_cdn_and_are_cached_forever(
    completed_video: tuple[User, dict[str, Any]], control: ControlPlane
) -> None:
    user, video = completed_video
    for name, content_type in (("thumbnail_url", "image/jpeg"), ("preview_url", "image/webp")):
        # WHEN its URL is requested without credentials
        answer = fetch(video[name])
        # THEN it is served through CloudFront, cacheable forever, with security headers
        assert answer.status_code == 200
        assert answer.headers["content-type"] == content_type
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "CloudFront" in answer.headers["via"]
        assert {key: answer.headers[key] for key in SECURITY_HEADERS} == SECURITY_HEADERS
        with Image.open(io.BytesIO(answer.content)) as image:
            assert getattr(image, "is_animated", False) is (content_type == "image/webp")
        # AND the URL has no signature, has an unguessable part, and never changes
        assert urlsplit(video[name]).query == ""
        assert len(urlsplit(video[name]).path.split("/")[2]) >= 22
        assert user.video(video["job_id"])[name] == video[name]
    # AND the row has the size of the image
    stored = row(control, user)
    with Image.open(io.BytesIO(fetch(video["thumbnail_url"]).content)) as image:
        assert image.size == (stored["thumbnail_width"], stored["thumbnail_height"])
    # AND the dream has the same URLs
    dream = user.get(f"/dreams/{video['dream_id']}").json()
    assert (dream["thumbnail_url"], dream["preview_url"]) == (video["thumbnail_url"], video["preview_url"])


def test_a_cached_image_is_not_sent_again(completed_video: tuple[User, dict[str, Any]]) -> None:
    url = completed_video[1]["thumbnail_url"]
    tag = fetch(url).headers["etag"]
    assert fetch(url, **{"If-None-Match": tag}).status_code == 304


def test_without_a_signature_the_cdn_serves_nothing_but_images(
    completed_video: tuple[User, dict[str, Any]], control: ControlPlane, stack: dict[str, Any]
) -> None:
    user, video = completed_video
    stored = row(control, user)
    base = video["thumbnail_url"].split("/media/")[0] + "/media"
    for path in (
        stored["video_key"],
        f"/{stored['video_key']}",
        stored["video_key"].replace("/", "%2f"),
        stored["video_key"].replace("videos", "%76ideos"),
        stored["video_key"].replace("videos", "Videos"),
        f"videos/../{stored['video_key']}",
        f"videos/%2e%2e/{stored['thumbnail_key']}",
        f"%2e%2e/{stored['video_key']}",
        f"..%2f{stored['video_key']}",
        f"thumbnails/%2e%2e/{stored['video_key']}",
        stored["thumbnail_key"],
        "",
        "unknown/unknown.jpg",
    ):
        assert fetch(f"{base}/{path}").status_code == 403, path
    for method in ("PUT", "POST", "DELETE"):
        assert fetch(video["thumbnail_url"], method).status_code == 403


def test_the_distribution_requires_tls(completed_video: tuple[User, dict[str, Any]], stack: dict[str, Any]) -> None:
    path = urlsplit(completed_video[1]["thumbnail_url"]).path.removeprefix("/media")
    distributions = ControlPlane(stack).client("cloudfront").list_distributions()["DistributionList"]["Items"]
    origin = stack["media_bucket"]
    host = next(each["DomainName"] for each in distributions if origin in str(each["Origins"]["Items"]))
    assert fetch(f"{stack['endpoint_url']}{path}", Host=host).status_code == 403
    assert fetch(f"{stack['endpoint_url']}{path}", Host=host, **{"X-Forwarded-Proto": "https"}).status_code == 200


def test_the_bucket_is_private(
    completed_video: tuple[User, dict[str, Any]], control: ControlPlane, stack: dict[str, Any]
) -> None:
    stored = row(control, completed_video[0])
    bucket = f"{stack['endpoint_url']}/{stack['media_bucket']}"
    for path in ("", "?list-type=2", f"/{stored['video_key']}", f"/{stored['thumbnail_key']}"):
        assert fetch(f"{bucket}{path}").status_code == 403, path
    assert fetch(f"{bucket}/uploads/x.jpg", "PUT").status_code == 403
    block = control.client("s3").get_public_access_block(Bucket=stack["media_bucket"])
    assert set(block["PublicAccessBlockConfiguration"].values()) == {True}


def test_a_video_plays_and_supports_ranges(completed_video: tuple[User, dict[str, Any]]) -> None:
    _, video = completed_video
    whole = fetch(video["video_url"])
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "video/mp4"
    assert "content-disposition" not in whole.headers
    assert "CloudFront" in whole.headers["via"]
    for name in ("x-content-type-options", "referrer-policy", "strict-transport-security"):
        assert whole.headers[name] == SECURITY_HEADERS[name]
    # A Content-Security-Policy would apply to the document in which a browser shows a video that is opened directly.
    assert "content-security-policy" not in whole.headers
    # AND its length is told before it is loaded
    assert fetch(video["video_url"], "HEAD").headers["content-length"] == str(len(whole.content))
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(whole.content)
    # WHEN a player in a page requests a range, and the end
    for wanted, first, last in (("bytes=1000-1999", 1000, 1999), ("bytes=-500", size - 500, size - 1)):
        part = fetch(video["video_url"], Range=wanted, Origin=ORIGIN)
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == whole.content[first : last + 1]
        # THEN its page may read it
        assert part.headers["access-control-allow-origin"] == ORIGIN
        assert "Content-Range" in part.headers["access-control-expose-headers"]
    assert fetch(video["video_url"], Range=f"bytes={size}-").status_code == 416
    assert "access-control-allow-origin" not in fetch(video["video_url"], Origin="https://evil.example").headers


def test_a_page_may_ask_before_it_reads_a_video(completed_video: tuple[User, dict[str, Any]]) -> None:
    url = completed_video[1]["video_url"]
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    answer = fetch(url, "OPTIONS", Origin=ORIGIN, **asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert fetch(url, "OPTIONS", Origin="https://evil.example", **asked).status_code == 403
    assert fetch(url.split("?")[0], "OPTIONS", Origin=ORIGIN, **asked).status_code == 403


def test_a_link_is_valid_for_one_object_and_one_to_four_hours(completed_video: tuple[User, dict[str, Any]]) -> None:
    url = completed_video[1]["video_url"]
    assert set(parse_qs(urlsplit(url).query)) == {"Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"}
    expires_at = expiry_of(url)
    assert (expires_at.hour % 3, expires_at.minute, expires_at.second) == (1, 0, 0)
    assert timedelta(hours=1) < expires_at - datetime.now(UTC) <= timedelta(hours=4)
    later = int(expires_at.timestamp()) + 3600
    for changed, code in (
        (url.replace(f"Expires={int(expires_at.timestamp())}", f"Expires={later}"), "AccessDenied"),
        (url.replace(".mp4", ".mp5"), "AccessDenied"),
        (url.replace("?", "?response-content-disposition=attachment&"), "AccessDenied"),
        (url.replace("Key-Pair-Id=K", "Key-Pair-Id=A"), "InvalidKey"),
        (url.split("?")[0], "MissingKey"),
    ):
        assert changed != url
        answer = fetch(changed)
        assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (403, True), changed
    assert fetch(url, "DELETE").status_code == 403


def test_every_answer_has_the_same_link(http: httpx.Client, stack: dict[str, Any]) -> None:
    user = register(http)
    links = {}

    # WHEN a video is completed, and a function with another role than the API's says so
    async def scenario() -> str:
        async with listening(stack["websocket_url"], user) as page:
            job_id: str = (await asyncio.to_thread(user.create_video))["video_generation"]["job_id"]
            await page.wait_for(lambda heard: "completed" in heard.statuses(job_id))
            links["the message"] = page.messages[-1]["video_url"]
            *missed, _ = await page.sync("2026-01-01T00:00:00Z")
            links["what a client has missed"] = missed[-1]["video_url"]
        return job_id

    video = user.video(asyncio.run(scenario()))
    dream = user.get(f"/dreams/{video['dream_id']}").json()
    links |= {
        "the dream": dream["video_url"],
        "the dream's video": dream["video"]["video_url"],
        "the list of videos": user.get("/videos").json()["videos"][0]["video_url"],
        "the list of dreams": user.get("/dreams").json()["dreams"][0]["video_url"],
    }
    # THEN its link is the same in all answers (or the next one, if a period has ended meanwhile)
    again = user.video(video["job_id"])
    assert set(links.values()) <= {video["video_url"], again["video_url"]}, links


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"disposition": "attachment"}, 'attachment; filename="dream-'),
        ({"disposition": "attachment", "filename": "flug.mp4"}, 'attachment; filename="flug.mp4"'),
        ({"disposition": "attachment", "filename": "сон"}, "filename*=UTF-8''%D1%81%D0%BE%D0%BD.mp4"),
        ({"disposition": "inline", "filename": "flug.mp4"}, ""),
    ],
)
def test_a_video_can_be_downloaded_under_a_name(
    completed_video: tuple[User, dict[str, Any]], query: dict[str, str], expected: str
) -> None:
    user, video = completed_video
    url = user.get(f"/videos/{video['job_id']}", params=query).json()["video_url"]
    answer = fetch(url, Range="bytes=0-0")
    assert answer.status_code == 206
    # A browser plays what has no such header.
    assert expected in answer.headers.get("content-disposition", "")
    assert bool(expected) is ("content-disposition" in answer.headers)


@pytest.mark.parametrize(
    "query",
    [
        {"disposition": "save"},
        {"disposition": "attachment", "filename": ""},
        {"disposition": "attachment", "filename": "../x.mp4"},
        {"disposition": "attachment", "filename": "a\r\nSet-Cookie: b"},
        {"disposition": "attachment", "filename": "x" * 101},
    ],
)
def test_an_invalid_name_is_rejected(completed_video: tuple[User, dict[str, Any]], query: dict[str, str]) -> None:
    user, video = completed_video
    answer = user.get(f"/videos/{video['job_id']}", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][0] == "query"
