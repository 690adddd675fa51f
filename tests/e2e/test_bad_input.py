"""Invalid input over HTTP: the documented response, nothing written, nothing spent."""

import json
from typing import Any

import httpx
import pytest

from tests.e2e.client import DREAM, ControlPlane, User

PROBLEM = "application/problem+json"
SPENDING_ROUTES = ["/dreams/analyze", "/dreams/generate-video"]
BAD_TEXTS: dict[str, Any] = {
    "empty": "",
    "blank": "            \t\n   ",
    "nine characters": "a" * 9,
    "nine characters in a blank frame": "  " + "a" * 9 + "   ",
    "2,001 characters": "a" * 2001,
    "number": 1234567890123,
    "list": ["I was flying over a forest"],
    "object": {"text": DREAM},
    "null": None,
    "half of a surrogate pair": "I was flying over the sea \ud83d",
}
NOT_AN_OBJECT = ['{"dream_text": ', "not json", "[]", '"text"', f'[{{"dream_text": "{DREAM}"}}]', "NaN", "[" * 30_000]
NOT_UUIDS = ["1", "not-a-uuid", "019aae3c-7e1b-7c3a-9b1e", "019aae3c7e1b7c3a9b1e5d2f8a6c4e10"]
LANGUAGES = {
    "ten emoji": "🌙" * 10,
    "2,000 emoji": "🌙" * 2000,
    "Arabic": "كنت أطير فوق غابة مظلمة والقمر يغني",
    "Hebrew": "חלמתי שאני עף מעל הים",
    "Japanese": "夢の中で私は空を飛んでいました",
    "trimmed": "   ten chars!  ",
}
BAD_DURATIONS: dict[str, Any] = {"4": 4, "11": 11, "5.5": 5.5, "text": "5", "true": True, "null": None, "list": [5]}


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == PROBLEM, answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    assert body["request_id"]
    return str(body["type"].removeprefix("urn:dreamvision:problem:"))


def nothing_is_written(control: ControlPlane, user: User) -> None:
    assert control.rows("dreams", user.id) == []
    assert control.rows("videos", user.id) == []


@pytest.mark.parametrize("route", SPENDING_ROUTES)
def test_invalid_dream_texts_are_rejected(route: str, user: User, control: ControlPlane) -> None:
    for name, text in BAD_TEXTS.items():
        # json.dumps escapes what UTF-8 cannot encode, as a JavaScript client does.
        answer = user.request(
            "POST", route, content=json.dumps({"dream_text": text}), headers={"Content-Type": "application/json"}
        )
        assert (name, answer.status_code) == (name, 422)
        assert code(answer) == "validation_failed"
        assert answer.json()["errors"][0]["loc"] == ["body", "dream_text"], name
    missing = user.post(route, {})
    assert missing.status_code == 422
    assert missing.json()["errors"][0]["loc"] == ["body", "dream_text"]
    nothing_is_written(control, user)


def test_invalid_durations_are_rejected(user: User, control: ControlPlane) -> None:
    for name, duration in BAD_DURATIONS.items():
        answer = user.post("/dreams/generate-video", {"dream_text": DREAM, "duration": duration})
        assert (name, answer.status_code, code(answer)) == (name, 422, "validation_failed")
        answer = user.post("/videos/generate", {"dream_id": user.id, "duration": duration})
        assert (name, answer.status_code) == (name, 422)
    nothing_is_written(control, user)


@pytest.mark.parametrize("route", [*SPENDING_ROUTES, "/videos/generate"])
def test_malformed_bodies_are_rejected(route: str, user: User, control: ControlPlane) -> None:
    as_json = {"Content-Type": "application/json"}
    for body in NOT_AN_OBJECT:
        answer = user.request("POST", route, content=body, headers=as_json)
        assert (body[:40], answer.status_code, code(answer)) == (body[:40], 400, "malformed_json")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"):
        answer = user.request("POST", route, content='{"dream_text": "x"}', headers={"Content-Type": content_type})
        assert (content_type, answer.status_code, code(answer)) == (content_type, 415, "unsupported_media_type")
    assert user.request("POST", route, content="", headers=as_json).status_code == 422
    unknown = user.post(route, {"dream_text": DREAM, "dream_id": user.id, "model": "gen4.5"})
    assert (unknown.status_code, code(unknown)) == (422, "validation_failed")
    assert ["body", "model"] in [row["loc"] for row in unknown.json()["errors"]]
    nothing_is_written(control, user)


def test_a_large_body_is_refused_without_being_parsed(http: httpx.Client, user: User, control: ControlPlane) -> None:
    attack = "{" + ",".join(f'"k{number}":1' for number in range(500_000)) + "}"
    as_json = {"Content-Type": "application/json"}
    answer = http.post("/api/v1/auth/login", content=attack, headers=as_json)
    assert (answer.status_code, code(answer)) == (413, "body_too_large")
    assert len(answer.content) < 1000
    # AND so are routes with a token, which accept the longest dream in its longest form
    for route in SPENDING_ROUTES:
        answer = user.request("POST", route, content=attack, headers=as_json)
        assert (answer.status_code, code(answer)) == (413, "body_too_large")
    nothing_is_written(control, user)
    longest = json.dumps({"dream_text": "\U0001f319" * 2000})
    assert user.request("POST", "/dreams/analyze", content=longest, headers=as_json).status_code == 200


def test_at_most_twenty_invalid_values_are_listed(http: httpx.Client) -> None:
    answer = http.post("/api/v1/auth/login", json={f"k{number}": 1 for number in range(2000)})
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 20)


def test_an_error_never_repeats_the_input(user: User) -> None:
    secret = "my-very-secret-dream-word" * 100
    answer = user.post("/dreams/generate-video", {"dream_text": secret, "unknown": secret})
    assert answer.status_code == 422
    assert "my-very-secret-dream-word" not in answer.text


@pytest.mark.parametrize("text", LANGUAGES.values(), ids=LANGUAGES)
def test_every_language_counts_by_characters(text: str, user: User, control: ControlPlane) -> None:
    answer = user.post("/dreams/analyze", {"dream_text": text})
    assert answer.status_code == 200, answer.text
    stored = user.get(f"/dreams/{answer.json()['dream_id']}").json()
    assert stored["dream_text"] == text.strip()


@pytest.mark.parametrize("path", ["/dreams/{id}", "/videos/{id}"])
@pytest.mark.parametrize("bad", NOT_UUIDS)
def test_ids_other_than_uuids_are_rejected(path: str, bad: str, user: User) -> None:
    answer = user.get(path.format(id=bad))
    assert (answer.status_code, code(answer)) == (422, "validation_failed")


def test_unknown_ids_are_not_found(user: User, control: ControlPlane) -> None:
    unknown = "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"
    assert code(user.get(f"/dreams/{unknown}")) == "dream_not_found"
    assert code(user.get(f"/videos/{unknown}")) == "video_not_found"
    answer = user.post("/videos/generate", {"dream_id": unknown})
    assert (answer.status_code, code(answer)) == (404, "dream_not_found")
    nothing_is_written(control, user)


def test_another_users_ids_are_not_found(user: User, other_user: User, control: ControlPlane) -> None:
    dream = other_user.post("/dreams/analyze", {"dream_text": DREAM}).json()
    answer = user.get(f"/dreams/{dream['dream_id']}")
    assert (answer.status_code, code(answer)) == (404, "dream_not_found")
    answer = user.post("/videos/generate", {"dream_id": dream["dream_id"]})
    assert (answer.status_code, code(answer)) == (404, "dream_not_found")
    answer = user.post("/dreams/analyze", {"dream_text": DREAM, "user_id": other_user.id})
    assert (answer.status_code, code(answer)) == (422, "validation_failed")
    nothing_is_written(control, user)
    assert len(control.rows("dreams", other_user.id)) == 1


def test_the_callers_own_id_is_accepted(user: User) -> None:
    assert user.post("/dreams/analyze", {"dream_text": DREAM, "user_id": user.id}).status_code == 200
