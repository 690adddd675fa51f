"""The log scan detects recorded secrets and texts that look like secrets."""

import httpx
import pytest

from tests.e2e.secrets_recorder import SecretsRecorder

DREAM = 'I was "flying"\nüber a forest of a thousand singing trees and nobody heard it'
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4"


@pytest.fixture
def recorder() -> SecretsRecorder:
    """A recorder that has seen a registration and a dream."""
    found = SecretsRecorder()
    answers = {
        "/register": {"access_token": TOKEN, "refresh_token": "a.refresh.token", "user": {"email": "a@b.example"}}
    }
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, json=answers.get(request.url.path, {"video_prompt": "POV gentle rise"}))
    )
    with found.client(base_url="https://api.test", transport=transport) as client:
        client.post("/register", json={"email": "luna@example.com", "password": "Moonlight-7", "username": "luna"})
        client.post("/analyze", json={"dream_text": DREAM}, headers={"Authorization": f"Bearer {TOKEN}"})
    return found


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"told: {DREAM}".replace("\n", " ").replace('"', "'"), None),
        (f"told: {DREAM}", "dream"),
        ('{"text": "I was \\"flying\\"\\n\\u00fcber a forest of a thousand singing trees"}', "dream"),
        ('{"text": "I was \\"flying\\"\\nüber a forest of a thousand singing"}', "dream"),
        ("the prompt is POV gentle rise", "prompt"),
        ("luna@example.com signed in", "e-mail address"),
        ("another.user@mail.example.org signed in", "something like an e-mail address"),
        ("password=Moonlight-7", "password"),
        ("signature c2lnbmF0dXJlLW9mLWEtdG9rZW4", "token"),
        ("refreshed with a.refresh.token", "token"),
        ("Authorization: Bearer eyJraWQiOiJhYmNkZWYifQ.eyJzdWIiOiIxMjM0In0", "something like a token"),
        ("x-api-key: sk-ant-api03-abcdefgh", "something like a provider's key"),
        ('{"level":"INFO","message":"answered","route":"POST /api/v1/dreams/analyze","status":200}', None),
    ],
)
def test_a_planted_secret_is_found(recorder: SecretsRecorder, line: str, kind: str | None) -> None:
    found = {leak.kind for leak in recorder.leaks(["START RequestId: 1", line, "END"])}

    assert (kind in found) if kind else not found


def test_short_texts_are_not_searched_for(recorder: SecretsRecorder) -> None:
    recorder.add("dream", "short")

    assert not list(recorder.leaks(["a short line"]))
