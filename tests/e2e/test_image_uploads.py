"""Image uploads by signed forms, from the form to the image that the dream shows."""

import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.client import ControlPlane, User, fetch, register, wait_for
from tests.fakes import images

MAX_BYTES = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def dream_without_images(http: httpx.Client) -> tuple[User, str]:
    """A user with an analyzed dream, no video and no displayed image."""
    return with_a_dream(http)


@pytest.fixture(scope="module")
def dream_with_images(http: httpx.Client) -> tuple[User, str]:
    """A user with an analyzed dream whose images are displayed. Two users, since one may upload ten a minute."""
    return with_a_dream(http)


def with_a_dream(http: httpx.Client) -> tuple[User, str]:
    user = register(http)
    answer = user.post("/dreams/analyze", {"dream_text": "I was flying over a dark forest"})
    assert answer.status_code == 200, answer.text
    return user, answer.json()["dream_id"]


def announce(user: User, dream_id: str, content_type: str = "image/jpeg") -> dict[str, Any]:
    answer = user.post("/storage/thumbnails", {"dream_id": dream_id, "content_type": content_type})
    assert answer.status_code == 200, answer.text
    form: dict[str, Any] = answer.json()
    return form


def send(form: dict[str, Any], data: bytes, **changed: str) -> httpx.Response:
    files = {"file": ("image", data)}
    return httpx.post(form["url"], data=form["fields"] | changed, files=files, timeout=30, trust_env=False)


def outcome(user: User, dream_id: str, form: dict[str, Any]) -> dict[str, Any]:
    """Return the dream once its upload was processed."""

    def read_dream() -> dict[str, Any]:
        found: dict[str, Any] = user.get(f"/dreams/{dream_id}").json()
        assert found["thumbnail_upload"]["upload_id"] == form["upload_id"]
        return found

    return wait_for(read_dream, lambda found: found["thumbnail_upload"]["status"] != "pending")


def uploads_left(control: ControlPlane, user: User) -> list[str]:
    found = control.client("s3").list_objects_v2(Bucket=control.outputs["media_bucket"], Prefix=f"uploads/{user.id}/")
    return [each["Key"] for each in found.get("Contents", [])]


@pytest.mark.parametrize(
    ("content_type", "make", "size"),
    [
        ("image/jpeg", lambda: images.jpeg(orientation=6), (200, 320)),
        ("image/png", images.png, (320, 200)),
        ("image/jpeg", lambda: images.jpeg(images.halves((4000, 3000))), (1264, 948)),
    ],
    ids=["jpeg", "png", "large"],
)
def test_an_image_is_shown_with_its_dream_without_metadata(
    dream_with_images: tuple[User, str],
    control: ControlPlane,
    content_type: str,
    make: Callable[[], bytes],
    size: tuple[int, int],
) -> None:
    user, dream_id = dream_with_images
    data = make()
    assert images.CAMERA.encode() in data
    # WHEN an image is announced and sent
    form = announce(user, dream_id, content_type)
    assert form["max_bytes"] == MAX_BYTES
    assert form["fields"]["key"].startswith(f"uploads/{user.id}/")
    assert send(form, data).status_code == 204
    # THEN the dream shows it
    dream = outcome(user, dream_id, form)
    assert dream["thumbnail_upload"] == {
        "upload_id": form["upload_id"], "status": "attached", "error_message": None
    }  # fmt: skip
    answer = fetch(dream["thumbnail_url"])
    assert answer.headers["content-type"] == content_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert abs(image.width - size[0]) <= 2
        assert abs(image.height - size[1]) <= 2
        assert not image.getexif()
    # AND it contains neither camera nor location nor comment, and the upload is deleted
    for secret in (images.CAMERA, images.COMMENT, "Exif"):
        assert secret.encode() not in answer.content
    wait_for(lambda: uploads_left(control, user), lambda left: not left)


@pytest.mark.parametrize(
    ("content_type", "data", "words"),
    [
        pytest.param("image/jpeg", b"<html><script>alert(1)</script></html>", "not a valid", id="a web page"),
        pytest.param("image/jpeg", images.png(), "not a valid", id="a png declared as jpeg"),
        pytest.param("image/jpeg", images.jpeg() + b"<html>", "more than a plain image", id="a web page behind it"),
        pytest.param(
            "image/png",
            images.with_chunk(images.png(), b"tEXt", b"Comment\0<?php system('id');"),
            "more than a plain image",
            id="a program in a comment",
        ),
        pytest.param("image/png", images.png_of_size(20_000, 20_000), "pixels", id="a bomb"),
        pytest.param("image/jpeg", images.jpeg()[:1500], "not a valid", id="cut off"),
        pytest.param("image/jpeg", bytes(MAX_BYTES), "not a valid", id="the most that may be sent"),
    ],
)
def test_an_invalid_image_is_deleted_and_reported(
    dream_without_images: tuple[User, str], control: ControlPlane, content_type: str, data: bytes, words: str
) -> None:
    user, dream_id = dream_without_images
    form = announce(user, dream_id, content_type)
    assert send(form, data).status_code == 204
    dream = outcome(user, dream_id, form)
    assert dream["thumbnail_upload"]["status"] == "rejected"
    assert words in dream["thumbnail_upload"]["error_message"]
    assert dream["thumbnail_url"] is None
    wait_for(lambda: uploads_left(control, user), lambda left: not left)


def test_s3_rejects_what_the_form_does_not_allow(
    dream_without_images: tuple[User, str], other_user: User, control: ControlPlane
) -> None:
    user, dream_id = dream_without_images
    form, data = announce(user, dream_id), images.jpeg()
    key = form["fields"]["key"]
    # THEN too much data, none, another type and any other key are rejected
    too_large = send(form, bytes(MAX_BYTES + 1))
    assert too_large.status_code == 400
    assert "EntityTooLarge" in too_large.text
    assert send(form, b"").status_code == 400
    for changed in (
        {"Content-Type": "text/html"},
        {"Content-Type": "image/png"},
        {"key": key.replace(user.id, other_user.id)},
        {"key": "thumbnails/mine/mine.jpg"},
        {"key": key.replace(".jpg", ".html")},
        {"acl": "public-read"},
        {"x-amz-signature": "0" * 64},
    ):
        assert send(form, data, **changed).status_code == 403, changed
    # AND so are fields that stand after the file
    fields = [(name, (None, value)) for name, value in form["fields"].items()]
    parts = [*fields[:-1], ("file", ("image", data)), fields[-1]]
    assert httpx.post(form["url"], files=parts, timeout=30, trust_env=False).status_code in (400, 403)
    assert uploads_left(control, user) == uploads_left(control, other_user) == []
    assert user.get(f"/dreams/{dream_id}").json()["thumbnail_upload"]["status"] == "pending"


def test_no_form_is_issued_for_another_users_dream(dream_without_images: tuple[User, str], other_user: User) -> None:
    _, dream_id = dream_without_images
    for unknown in (dream_id, "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"):
        answer = other_user.post("/storage/thumbnails", {"dream_id": unknown, "content_type": "image/png"})
        assert answer.status_code == 404
        assert answer.json()["type"].endswith("dream_not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"content_type": "image/gif"},
        {"content_type": "text/html"},
        {},
        {"content_type": "image/jpeg", "key": "uploads/mine"},
        {"content_type": "image/jpeg", "dream_id": "../../x"},
    ],
)
def test_a_form_for_anything_else_is_rejected(dream_without_images: tuple[User, str], body: dict[str, str]) -> None:
    user, dream_id = dream_without_images
    answer = user.post("/storage/thumbnails", {"dream_id": dream_id} | body)
    assert answer.status_code == 422


def test_a_form_requires_a_token(http: httpx.Client) -> None:
    assert http.post("/api/v1/storage/thumbnails", json={"content_type": "image/png"}).status_code == 401


def test_an_uploaded_image_stays_when_a_video_is_created(dream_with_images: tuple[User, str]) -> None:
    # GIVEN a dream with an uploaded image
    user, dream_id = dream_with_images
    form = announce(user, dream_id)
    send(form, images.jpeg())
    own = outcome(user, dream_id, form)["thumbnail_url"]
    # WHEN a video of it is created
    job_id = user.post("/videos/generate", {"dream_id": dream_id, "duration": 5}).json()["job_id"]
    video = user.wait_for_video(job_id)
    # THEN the video has its own thumbnail, and the dream keeps the user's
    dream = user.get(f"/dreams/{dream_id}").json()
    assert dream["thumbnail_url"] == own
    assert video["thumbnail_url"] != own
    assert dream["preview_url"] == video["preview_url"]
    # AND a newer image replaces it, and the old one is deleted
    newer = announce(user, dream_id, "image/png")
    send(newer, images.png())
    assert outcome(user, dream_id, newer)["thumbnail_url"] != own
    wait_for(lambda: fetch(own).status_code, lambda status: status == 403)


def test_an_image_is_deleted_with_its_dream(dream_with_images: tuple[User, str], control: ControlPlane) -> None:
    # GIVEN a dream with an image, and an issued form
    user, dream_id = dream_with_images
    form = announce(user, dream_id)
    shown = user.get(f"/dreams/{dream_id}").json()["thumbnail_url"]
    assert fetch(shown).status_code == 200
    # WHEN the dream is deleted, THEN so is the image
    assert user.delete(f"/dreams/{dream_id}").status_code == 204
    wait_for(lambda: fetch(shown).status_code, lambda status: status == 403)
    # AND an upload with the form is deleted
    assert send(form, images.jpeg()).status_code == 204
    wait_for(lambda: uploads_left(control, user), lambda left: not left)
