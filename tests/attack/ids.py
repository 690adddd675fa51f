"""Ids, cursors and keys of another user on every route that takes one: nothing is read and nothing changes."""

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from dreamvision.core.ids import new_id
from dreamvision.media.signatures import SigningKey
from local.sample_events import routes
from tests.attack.attack import Outcome, attack
from tests.attack.target import Target
from tests.e2e.client import DREAM, User

_MARK = "the lighthouse of an attacked dreamer"
# The app chooses the id of a device, so that everybody may register one under any id.
_CHOSEN_ID = "PUT /api/v1/devices/{device_id}"
_ROUTES_WITH_IDS = tuple(
    sorted(route for route in routes() if "{" in route and "/docs/" not in route and route != _CHOSEN_ID)
)
_HEADERS = ("x-user-id", "x-amzn-userid", "x-original-user", "x-forwarded-user", "user-id", "sub")


def _victim(target: Target) -> tuple[User, dict[str, str]]:
    """Return a user with an analyzed dream, a video of it and a device, and their ids."""
    user = target.register()
    dream_id = user.post("/dreams/analyze", {"dream_text": f"{DREAM} in {_MARK}"}).json()["dream_id"]
    job_id = user.post("/videos/generate", {"dream_id": dream_id}).json()["job_id"]
    device_id, device = new_id(), {"push_token": "ExponentPushToken[of-the-victim]", "platform": "ios"}
    user.request("PUT", f"/devices/{device_id}", json=device)
    return user, {"dream_id": dream_id, "job_id": job_id, "device_id": device_id}


def _spellings(id_: str) -> Iterator[str]:
    """Yield other spellings of an id, which a parser or a cache may take for the same."""
    yield from (id_, id_.upper(), f"{{{id_}}}", f"urn:uuid:{id_}", id_.replace("-", ""), f"{id_}%00", f"{id_}%20")
    yield from (f"{id_}/", f"{id_}.json", f"{id_};a=b", f"..%2f{id_}", f"%2e%2e/{id_}", f"./{id_}", f"{id_},{id_}")
    yield from (str(uuid.UUID(id_).int), "*", "%25", "me", "0", "-1", "null", "' OR '1'='1", f"{id_}#x")


def _state(user: User, ids: dict[str, str]) -> str:
    dream, video = user.get(f"/dreams/{ids['dream_id']}").json(), user.get(f"/videos/{ids['job_id']}").json()
    device = user.get(f"/devices/{ids['device_id']}").json()
    return json.dumps([dream["id"], dream["dream_text"], video["job_id"], video["status"] == "cancelled", device])


def _leaks(answer: httpx.Response, ids: dict[str, str], victim: User) -> bool:
    return answer.is_success or any(text in answer.text for text in (_MARK, victim.email, victim.username))


@attack("another user's ids in paths, in every spelling", remote=True)
def in_paths(target: Target, outcome: Outcome) -> None:
    (victim, ids), thief = _victim(target), target.register()
    before = _state(victim, ids)
    for route in _ROUTES_WITH_IDS:
        verb, path = route.split(" ")
        (name,) = (each for each in ids if f"{{{each}}}" in path)
        for spelling in _spellings(ids[name]):
            url = path.removeprefix("/api/v1").replace(f"{{{name}}}", spelling)
            answer = thief.request(verb, url, params={"user_id": victim.id}, headers=dict.fromkeys(_HEADERS, victim.id))
            outcome.expect(
                400 <= answer.status_code < 500 and not _leaks(answer, ids, victim),
                f"{route} as {spelling.replace(ids[name], 'ID')[:30]}: {answer.status_code}",
            )
        theirs, unknown = (thief.request(verb, _path(path, name, each)) for each in (ids[name], new_id()))
        outcome.expect(_told(theirs) == _told(unknown), f"{route} tells an id of others from an unknown one")
    outcome.expect(_state(victim, ids) == before, "the victim's dream or video has changed")


def _path(path: str, name: str, value: str) -> str:
    return path.removeprefix("/api/v1").replace(f"{{{name}}}", value)


def _told(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, json.dumps({name: value for name, value in body.items() if name != "request_id"})


@attack("another user's ids in bodies", remote=True)
def in_bodies(target: Target, outcome: Outcome) -> None:
    (victim, ids), thief = _victim(target), target.register()
    before = _state(victim, ids)
    bodies: dict[str, list[dict[str, Any]]] = {
        "/videos/generate": [
            {"dream_id": ids["dream_id"]},
            {"dream_id": ids["job_id"]},
            {"dream_id": ids["dream_id"], "user_id": victim.id},
            {"dream_id": [ids["dream_id"]]},
            {"dream_id": {"S": ids["dream_id"]}},
            {"dream_id": ids["dream_id"].upper()},
        ],
        "/storage/thumbnails": [
            {"dream_id": ids["dream_id"], "content_type": "image/png"},
            {"dream_id": ids["dream_id"], "content_type": "image/png", "user_id": victim.id},
            {"dream_id": f"../{victim.id}/{ids['dream_id']}", "content_type": "image/png"},
        ],
        "/dreams/analyze": [
            {"dream_text": DREAM, "user_id": victim.id},
            {"dream_text": DREAM, "user_id": victim.id.upper()},
            {"dream_text": DREAM, "dream_id": ids["dream_id"]},
        ],
        "/dreams/generate-video": [
            {"dream_text": DREAM, "user_id": victim.id},
            {"dream_text": DREAM, "job_id": ids["job_id"]},
        ],
    }
    for path, each in bodies.items():
        for body in each:
            answer = thief.post(path, body)
            outcome.expect(
                answer.status_code in (404, 422) and not _leaks(answer, ids, victim),
                f"POST {path} with {sorted(body)}: {answer.status_code}",
            )
    answer = thief.request("PATCH", "/auth/me", json={"username": victim.username})
    outcome.expect(answer.status_code == 409, f"the victim's username: {answer.status_code}")
    for name in ("id", "user_id", "email", "subscription_tier", "videos_count", "created_at"):
        answer = thief.request("PATCH", "/auth/me", json={"username": thief.username, name: victim.id})
        outcome.expect(answer.status_code == 422, f"PATCH /auth/me with {name}: {answer.status_code}")
    outcome.expect(_state(victim, ids) == before, "the victim's dream or video has changed")
    outcome.expect(thief.get("/auth/me").json()["subscription_tier"] == "free", "the thief has another tier")


@attack("another user's cursors, ETags and idempotency keys", remote=True)
def in_headers(target: Target, outcome: Outcome) -> None:
    (victim, ids), thief = _victim(target), target.register()
    victim.post("/dreams/analyze", {"dream_text": DREAM})
    cursor = victim.get("/dreams", params={"limit": 1}).json()["next_cursor"]
    for path in ("/dreams", "/videos"):
        for each in (cursor, *_forged_cursors(cursor)):
            answer = thief.get(path, params={"cursor": each, "user_id": victim.id})
            outcome.expect(answer.status_code == 422, f"GET {path} by a cursor of others: {answer.status_code}")
    etag = victim.get(f"/videos/{ids['job_id']}").headers.get("etag", '"x"')
    for value in (etag, "*", f"W/{etag}"):
        answer = thief.get(f"/videos/{ids['job_id']}", headers={"If-None-Match": value})
        outcome.expect(answer.status_code == 404, f"If-None-Match: {answer.status_code}")
    key, body = {"Idempotency-Key": str(uuid.uuid4())}, {"dream_text": f"{DREAM} of {_MARK}"}
    first = victim.post("/dreams/analyze", body, headers=key).json()["dream_id"]
    answer = thief.post("/dreams/analyze", body, headers=key)
    outcome.expect(answer.json().get("dream_id") != first, "the response to a key of others is replayed")
    lists = (thief.get(path).text for path in ("/dreams", "/videos", "/dreams/stats", "/auth/me"))
    outcome.expect(not any(text in each for each in lists for text in (victim.id, first, *ids.values())), "a list")


def _forged_cursors(cursor: str) -> Iterator[str]:
    raw = base64.urlsafe_b64decode(cursor)
    for position in (0, 1, 4, 19, 20, 35):
        changed = bytes([*raw[:position], raw[position] ^ 1, *raw[position + 1 :]])
        yield base64.urlsafe_b64encode(changed).decode().rstrip("=")
    yield base64.urlsafe_b64encode(raw[:20] + bytes(16)).decode().rstrip("=")


@attack("another user's video, by links and folders", remote=True)
def by_links(target: Target, outcome: Outcome) -> None:
    victim, ids = _victim(target)
    video = victim.wait_for_video(ids["job_id"])
    assert video["status"] == "completed"
    signed = httpx.URL(video["video_url"])
    changed = {name: value[:-1] + ("0" if value[-1] != "0" else "1") for name, value in signed.params.items()}
    for name, value in changed.items():
        answer = httpx.get(signed.copy_set_param(name, value), trust_env=False)
        outcome.expect(answer.status_code in (400, 403, 404), f"a link with another {name}: {answer.status_code}")
    for link in (*_unsigned(str(signed.copy_with(query=None))), *_forged(signed), *_moved(signed, ids["job_id"])):
        answer = httpx.get(link, trust_env=False)
        outcome.expect(answer.status_code in (403, 404), f"{link}: {answer.status_code}")
    outcome.expect(
        httpx.put(signed, content=b"x", trust_env=False).status_code in (403, 405), "a link to play the video writes it"
    )
    folder = video["thumbnail_url"].rpartition("/")[0]
    for url in (f"{folder}/", folder, folder.rpartition("/")[0] + "/", video["thumbnail_url"].replace(".jpg", ".png")):
        answer = httpx.get(url, trust_env=False)
        outcome.expect(answer.status_code in (403, 404), f"a folder of images: {answer.status_code}")


def _unsigned(url: str) -> Iterator[str]:
    base, _, key = url.partition("/videos/")
    for folder in ("videos/", "/videos/", "videos%2f", "%76ideos/", "x/../videos/", "x/%2e%2e/videos/", "..%2fvideos/"):
        yield f"{base}/{folder}{key}"
    yield f"{url}?"
    yield f"{url}/"


def _forged(signed: httpx.URL) -> Iterator[str]:
    """Yield links by a key of one's own, with the name of the real one and with another."""
    key = generate_private_key(SECP256R1())
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    for key_pair_id in (signed.params["Key-Pair-Id"], "K2JCJMDEHXQW5F", ""):
        forger = SigningKey(key_pair_id, lambda policy: key.sign(policy, ECDSA(SHA256())))
        yield forger.signed(str(signed.copy_with(query=None)), expires_at)
    everything = base64.b64encode(
        b'{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":4000000000}}}]}'
    )
    yield str(signed.copy_add_param("Policy", everything.decode().replace("=", "_")))


def _moved(signed: httpx.URL, job_id: str) -> Iterator[str]:
    """Yield links whose signature is of another video, file or address."""
    yield str(signed.copy_with(path=signed.path.replace(job_id, new_id())))
    yield str(signed.copy_with(path=f"{signed.path}/../{new_id()}.mp4"))
    yield str(signed.copy_add_param("response-content-disposition", "attachment"))
