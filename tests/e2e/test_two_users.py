"""Isolation of users on every route with an id and every verb: another user's id is a 404, like an unknown one, and
changes nothing. The routes come from the template, so that new ones are covered; the meaning of each id is defined
here.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from dreamvision.core.ids import new_id
from local.sample_events import event_of, routes
from tests.e2e.client import ControlPlane, User, register, wait_for

_DREAM = "I was hiding in a gothic cathedral while the bells rang backwards [[runway:stuck]]"
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NOT_ROUTED = {"message": "Not Found"}


def _sample_body(route: str) -> dict[str, Any]:
    body = event_of(route, public=False).get("body")
    found: dict[str, Any] = json.loads(body) if body else {}
    return found


def _ids_in_body(route: str) -> list[str]:
    return [name for name in _sample_body(route) if name.endswith("_id")]


# The documentation's files are public.
_WITH_PATH_ID = sorted(route for route in routes() if "{" in route and "/docs/" not in route)
# The app chooses the id of a device: the same one names another device of each user.
_CHOSEN_ID = "PUT /api/v1/devices/{device_id}"
_WITH_BODY_ID = sorted(route for route, public in routes().items() if not public and _ids_in_body(route))
_PATHS = sorted({route.split(" ")[1] for route in _WITH_PATH_ID})


@pytest.fixture(scope="module")
def owner(request: pytest.FixtureRequest) -> User:
    return register(request.getfixturevalue("http"))


@pytest.fixture(scope="module")
def stranger(request: pytest.FixtureRequest) -> User:
    return register(request.getfixturevalue("http"))


@pytest.fixture(scope="module")
def ids(owner: User, stranger: User) -> list[Mapping[str, str]]:
    """The owner's ids by their names in routes: of a dream with a completed video, and of one with a running video.

    The stranger has data as well, so that an empty account is not the reason for a 404.
    """
    stranger.wait_for_video(stranger.create_video()["video_generation"]["job_id"])
    completed_video = owner.create_video()
    owner.wait_for_video(completed_video["video_generation"]["job_id"])
    running = owner.create_video(_DREAM)
    job_id = running["video_generation"]["job_id"]
    wait_for(lambda: owner.video(job_id), lambda video: video["status"] == "processing")
    device_id = new_id()
    assert owner.request("PUT", f"/devices/{device_id}", json=_sample_body(_CHOSEN_ID)).status_code == 200
    return [
        {
            "dream_id": created["dream_analysis"]["dream_id"],
            "job_id": created["video_generation"]["job_id"],
            "device_id": device_id,
        }
        for created in (completed_video, running)
    ]


def _belongings(control: ControlPlane, owner: User) -> str:
    """Return all data of the owner, without what the running video's progress changes."""
    rows = [row for role in ("user_profiles", "dreams", "videos") for row in control.rows(role, owner.id)]
    moving = ("progress", "updated_at", "queued_since")
    still = [{name: value for name, value in row.items() if name not in moving} for row in rows]
    media = control.client("s3").list_objects_v2(Bucket=control.outputs["media_bucket"], Prefix=f"videos/{owner.id}/")
    return json.dumps([still, [item["Key"] for item in media.get("Contents", [])]], default=repr, sort_keys=True)


def test_routes_with_ids_are_found() -> None:
    assert "GET /api/v1/dreams/{dream_id}" in _WITH_PATH_ID
    assert "POST /api/v1/videos/generate" in _WITH_BODY_ID


@pytest.mark.parametrize(
    ("verb", "path"),
    [(verb, path) for path in _PATHS for verb in _VERBS if f"{verb} {path}" != _CHOSEN_ID],
)
def test_another_users_id_in_a_path_is_not_found(
    verb: str, path: str, owner: User, stranger: User, ids: list[Mapping[str, str]], control: ControlPlane
) -> None:
    body = _sample_body(f"{verb} {path}") or ({} if verb in ("POST", "PUT", "PATCH") else None)
    before = _belongings(control, owner)
    unknown = stranger.request(verb, _filled(path, dict.fromkeys(ids[0], new_id())), json=body)

    for mine in ids:
        theirs = stranger.request(verb, _filled(path, mine), json=body)

        assert theirs.status_code == 404, theirs.text
        assert _without_request_id(theirs.json()) == _without_request_id(unknown.json())
        if f"{verb} {path}" not in _WITH_PATH_ID:
            assert theirs.json() == _NOT_ROUTED
    assert _belongings(control, owner) == before


def test_a_device_of_the_same_id_is_another_one(owner: User, stranger: User, ids: list[Mapping[str, str]]) -> None:
    path = f"/devices/{ids[0]['device_id']}"
    before = owner.get(path).json()
    body = _sample_body(_CHOSEN_ID) | {"push_token": "ExponentPushToken[of-the-stranger]"}
    assert stranger.request("PUT", path, json=body).status_code == 200
    assert stranger.delete(path).status_code == 204
    assert owner.get(path).json() == before


@pytest.mark.parametrize("route", _WITH_BODY_ID)
def test_another_users_id_in_a_body_is_not_found(
    route: str, owner: User, stranger: User, ids: list[Mapping[str, str]], control: ControlPlane
) -> None:
    verb, path = route.split(" ")
    sample = _sample_body(route)
    before, before_theirs = _belongings(control, owner), _belongings(control, stranger)
    names = _ids_in_body(route)
    unknown = stranger.request(verb, _filled(path, {}), json=sample | dict.fromkeys(names, new_id()))

    for mine in ids:
        theirs = stranger.request(verb, _filled(path, mine), json=sample | {name: mine[name] for name in names})

        assert theirs.status_code == 404, theirs.text
        assert _without_request_id(theirs.json()) == _without_request_id(unknown.json())
    assert _belongings(control, owner) == before
    assert _belongings(control, stranger) == before_theirs


def test_lists_contain_only_the_callers_items(owner: User, stranger: User, ids: list[Mapping[str, str]]) -> None:
    mine = {each["dream_id"] for each in ids}

    assert {dream["id"] for dream in owner.get("/dreams").json()["dreams"]} == mine
    assert mine.isdisjoint(dream["id"] for dream in stranger.get("/dreams").json()["dreams"])
    assert mine.isdisjoint(video["dream_id"] for video in stranger.get("/videos").json()["videos"])
    cursor = owner.get("/dreams", params={"limit": 1}).json()["next_cursor"]
    assert stranger.get("/dreams", params={"cursor": cursor}).status_code == 422


def _filled(path: str, ids: Mapping[str, str]) -> str:
    """Return the path below ``/api/v1`` with its ids.

    Raises:
        KeyError: the meaning of an id is not defined here.
    """
    return path.removeprefix("/api/v1").format_map(ids)


def _without_request_id(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "request_id"}
