"""Image uploads: hostile files, changed forms, fields after the file, and one form posted again and again."""

import base64
import json
import time
import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.dreams.repository import DreamRepository
from tests.attack.attack import Outcome, attack
from tests.attack.forgery import in_parallel
from tests.attack.target import Target
from tests.e2e.client import DREAM, User, fetch, wait_for
from tests.e2e.test_image_uploads import announce, send, uploads_left
from tests.fakes import images
from tests.fakes.claude import FakeAnalyzer

_MAX_BYTES = 5 * 1024 * 1024
# A user may ask for ten forms a minute.
_FORMS = 9
_JPEG, _PNG = "image/jpeg", "image/png"
_PAGE = b"<html><script>alert(1)</script></html>"


def hostile_files() -> dict[str, tuple[str, bytes]]:
    """Return files that must not become images, with the type under which they are sent."""
    jpeg, png = images.jpeg(), images.png()
    bomb = zlib.compress(bytes(30_000_000), 9)
    return {
        "a web page": (_JPEG, _PAGE),
        "an SVG": (_PNG, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        "a GIF": (_PNG, b"GIF89a" + bytes(1000)),
        "a WebP": (_JPEG, b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(4000)),
        "a PDF before a JPEG": (_JPEG, b"%PDF-1.7\n" + jpeg),
        "an ELF": (_PNG, b"\x7fELF" + bytes(1000)),
        "a PNG sent as JPEG": (_JPEG, png),
        "a JPEG sent as PNG": (_PNG, jpeg),
        "a page behind a JPEG": (_JPEG, jpeg + _PAGE),
        "a page behind a PNG": (_PNG, png + _PAGE),
        "an archive behind a PNG": (_PNG, png + b"PK\x03\x04" + bytes(1000)),
        "two JPEGs": (_JPEG, jpeg + jpeg),
        "a program in a PNG's comment": (_PNG, images.with_chunk(png, b"tEXt", b"Comment\0<?php system('id');")),
        "a script in an unknown chunk": (_PNG, images.with_chunk(png, b"quIz", _PAGE)),
        "a program in a JPEG's comment": (_JPEG, images.with_segment(jpeg, 0xFE, b"<?php system('id');")),
        "a script in Photoshop's segment": (_JPEG, images.with_segment(jpeg, 0xED, b"Photoshop 3.0\0" + _PAGE)),
        "a bomb of text": (_PNG, images.with_chunk(png, b"zTXt", b"Comment\0\0" + bomb)),
        "a bomb of colors": (_PNG, images.with_chunk(png, b"iCCP", b"profile\0\0" + bomb)),
        "20,000 pixels squared": (_PNG, images.png_of_size(20_000, 20_000)),
        "2 billion pixels squared": (_PNG, images.png_of_size(2**31 - 1, 2**31 - 1)),
        "65,535 pixels squared": (_JPEG, images.jpeg_of_size(65_535, 65_535)),
        "a thread of pixels": (_PNG, images.png_of_size(10_000_000, 64)),
        "one pixel": (_PNG, images.png_of_size(1, 1)),
        "half a JPEG": (_JPEG, jpeg[: len(jpeg) // 2]),
        "half a PNG": (_PNG, png[: len(png) // 2]),
        "a wrong checksum": (_PNG, png[:40] + b"?" + png[41:]),
        "fill bytes": (_JPEG, b"\xff\xd8" + b"\xff" * 100_000),
        "two frames": (_JPEG, images.with_segment(jpeg, 0xC0, bytes(15))),
        "zeros, as many as may be sent": (_JPEG, bytes(_MAX_BYTES)),
    }


def _dream(target: Target, user: User) -> str:
    analysis = FakeAnalyzer().analyze(DREAM)
    return DreamRepository(target.database).add_analyzed(user.id, new_id(), DREAM, analysis, 900, utc_now()).dream_id


def _shown(user: User, dream_id: str) -> dict[str, Any]:
    """Return the dream once its upload is no longer pending."""

    def read() -> dict[str, Any]:
        found: dict[str, Any] = user.get(f"/dreams/{dream_id}").json()
        return found

    return wait_for(read, lambda found: found["thumbnail_upload"]["status"] != "pending", 60)


@attack("hostile files")
def files(target: Target, outcome: Outcome) -> None:
    names = list(hostile_files().items())
    groups = [names[start : start + _FORMS] for start in range(0, len(names), _FORMS)]

    def upload(group: list[tuple[str, tuple[str, bytes]]]) -> tuple[User, list[tuple[str, dict[str, Any]]]]:
        user, sent = target.register(), []
        for name, (content_type, data) in group:
            dream_id = _dream(target, user)
            assert send(announce(user, dream_id, content_type), data).status_code == 204, name
            sent.append((name, _shown(user, dream_id)))
        return user, sent

    for user, sent in in_parallel(upload, groups):
        for name, dream in sent:
            rejected = dream["thumbnail_upload"]["status"] == "rejected"
            outcome.expect(
                rejected and dream["thumbnail_url"] is None, f"{name}: {dream['thumbnail_upload']['status']}"
            )
        left = wait_for(partial(uploads_left, target.control, user), lambda keys: not keys)
        outcome.expect(left == [], f"{len(left)} files stay")


@attack("a valid image: nothing but its pixels is published")
def metadata(target: Target, outcome: Outcome) -> None:
    user = target.register()
    for content_type, data in ((_JPEG, images.jpeg(orientation=6)), (_PNG, images.png())):
        dream_id = _dream(target, user)
        assert send(announce(user, dream_id, content_type), data).status_code == 204
        url = _shown(user, dream_id)["thumbnail_url"]
        published = fetch(url).content
        for secret in (images.CAMERA, images.COMMENT, "Exif", user.id):
            outcome.expect(secret.encode() not in published, f"{content_type} with {secret}")
        outcome.expect(user.id not in url and dream_id not in url, "an image's address names its user or dream")


@attack("changed forms", remote=True)
def forms(target: Target, outcome: Outcome) -> None:
    user, victim = target.register(), target.register()
    dream_id = user.post("/dreams/analyze", {"dream_text": DREAM}).json()["dream_id"]
    form, data = announce(user, dream_id), images.jpeg()
    key = form["fields"]["key"]
    for changed in (
        {"key": key.replace(user.id, victim.id)},
        {"key": f"thumbnails/{user.id}/x.jpg"},
        {"key": "videos/x.mp4"},
        {"key": f"{key}/../../{victim.id}/x.jpg"},
        {"key": "${filename}"},
        {"key": key.replace(".jpg", ".html")},
        {"Content-Type": "text/html"},
        {"Content-Type": "image/svg+xml"},
        {"acl": "public-read"},
        {"x-amz-meta-user": victim.id},
        {"x-amz-storage-class": "GLACIER"},
        {"success_action_redirect": "https://evil.example/"},
        {"x-amz-signature": "0" * 64},
        {"x-amz-date": "20200101T000000Z"},
        {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20261128/us-east-1/s3/aws4_request"},
        {"policy": _policy_for(form["fields"]["policy"], victim.id)},
        {"policy": ""},
    ):
        answer = send(form, data, **changed)
        outcome.expect(answer.status_code in (400, 403), f"with another {next(iter(changed))}: {answer.status_code}")
    for name in form["fields"]:
        fields = {each: value for each, value in form["fields"].items() if each != name}
        answer = send({**form, "fields": fields}, data)
        outcome.expect(answer.status_code in (400, 403), f"without {name}: {answer.status_code}")
    for size in (0, _MAX_BYTES + 1):
        answer = send(form, bytes(size))
        outcome.expect(answer.status_code in (400, 403), f"{size} bytes: {answer.status_code}")


def _policy_for(policy: str, user_id: str) -> str:
    document = json.loads(base64.b64decode(policy))
    document["conditions"] = [["starts-with", "$key", f"uploads/{user_id}/"], ["content-length-range", 0, 10**9]]
    return base64.b64encode(json.dumps(document).encode()).decode()


def _posted(url: str, parts: list[tuple[str, str | bytes]]) -> httpx.Response:
    """Post a form with its parts in this order. The file is the part in bytes."""
    border = "attack-border"
    body = b""
    for name, value in parts:
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"'
        head += '; filename="x"' if isinstance(value, bytes) else ""
        body += f"{head}\r\n\r\n".encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    body += f"--{border}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={border}"}
    return httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False)


@attack("fields after the file")
def fields_after_the_file(target: Target, outcome: Outcome) -> None:
    """S3 ignores every field after the file, so a form with its fields there has none."""
    user, victim = target.register(), target.register()
    dream_id = _dream(target, user)
    form, data = announce(user, dream_id), images.jpeg()
    fields: Mapping[str, str] = form["fields"]
    every: list[tuple[str, str | bytes]] = list(fields.items())
    answer = _posted(form["url"], [("file", data), *every])
    outcome.expect(answer.status_code in (400, 403), f"every field after the file: {answer.status_code}")
    for name in ("key", "policy", "x-amz-signature", "Content-Type"):
        before = [pair for pair in every if pair[0] != name]
        answer = _posted(form["url"], [*before, ("file", data), (name, fields[name])])
        outcome.expect(answer.status_code in (400, 403), f"{name} after the file: {answer.status_code}")
    other = fields["key"].replace(user.id, victim.id)
    orders: dict[str, list[tuple[str, str | bytes]]] = {
        "after": [*every, ("file", data), ("key", other)],
        "before": [*every, ("key", other), ("file", data)],
    }
    for name, parts in orders.items():
        _posted(form["url"], parts)
        outcome.expect(uploads_left(target.control, victim) == [], f"a second key {name} the file")


@attack("one form, posted again and again")
def again_and_again(target: Target, outcome: Outcome) -> None:
    user = target.register()
    dream_id = _dream(target, user)
    form = announce(user, dream_id)
    in_parallel(lambda _: send(form, images.jpeg()), list(range(8)))
    first = _shown(user, dream_id)["thumbnail_url"]
    for _ in range(4):
        send(form, images.jpeg(images.halves((640, 480))))
    wait_for(lambda: uploads_left(target.control, user), lambda keys: not keys, 60)
    outcome.tries += 11
    outcome.expect(user.get(f"/dreams/{dream_id}").json()["thumbnail_url"] == first, "the form has replaced its image")
    folder = first.rpartition("/media/")[2].rpartition("/")[0]
    bucket = target.outputs["media_bucket"]
    time.sleep(1)  # a late notification would be under way
    stored = (
        target.control.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"thumbnails/{folder}/").get("Contents", [])
    )
    outcome.expect(len(stored) == 1, f"{len(stored)} images of one form")
