"""Media as clients get them: images through the CDN, videos by signed links."""

import io
import re
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from tests.e2e.client import ControlPlane, User, fetch, register

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


def test_the_cdn_serves_nothing_but_images(
    completed_video: tuple[User, dict[str, Any]], control: ControlPlane, stack: dict[str, Any]
) -> None:
    user, video = completed_video
    stored = row(control, user)
    base = video["thumbnail_url"].split("/media/")[0] + "/media"
    for path in (
        stored["video_key"],
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
    assert whole.headers["content-disposition"] == "inline"
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


def test_a_link_is_valid_for_one_object_and_an_hour(completed_video: tuple[User, dict[str, Any]]) -> None:
    url = completed_video[1]["video_url"]
    assert "X-Amz-Expires=5400" in url
    assert re.search(r"X-Amz-Date=\d{8}T\d\d[03]000Z", url)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    for changed in (
        url.replace("X-Amz-Expires=5400", "X-Amz-Expires=540000"),
        url.replace(".mp4", ".mp5"),
        url.replace("response-content-disposition=inline", "response-content-disposition=attachment"),
        url.split("?")[0],
    ):
        assert changed != url
        assert fetch(changed).status_code == 403
    assert fetch(url, "DELETE").status_code == 403


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"disposition": "attachment"}, 'attachment; filename="dream-'),
        ({"disposition": "attachment", "filename": "flug.mp4"}, 'attachment; filename="flug.mp4"'),
        ({"disposition": "attachment", "filename": "сон"}, "filename*=UTF-8''%D1%81%D0%BE%D0%BD.mp4"),
        ({"disposition": "inline", "filename": "flug.mp4"}, "inline"),
    ],
)
def test_a_video_can_be_downloaded_under_a_name(
    completed_video: tuple[User, dict[str, Any]], query: dict[str, str], expected: str
) -> None:
    user, video = completed_video
    url = user.get(f"/videos/{video['job_id']}", params=query).json()["video_url"]
    answer = fetch(url, Range="bytes=0-0")
    assert answer.status_code == 206
    assert expected in answer.headers["content-disposition"]


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
