"""The client library: API keys, addresses, limits, and secrets that reach no error and no log."""

import logging
import traceback

import anthropic
import httpx2
import pytest

from dreamvision.analysis.claude import ClaudeAnalyzer, ClaudeSettings, build_client
from dreamvision.analysis.errors import (
    AnalysisError,
    ClaudeKeyError,
)
from tests.fakes.claude import FakeClaude, Step, failure, message, refusal
from tests.unit.analysis.fixtures import DREAM, PROMPTS, analyzer


@pytest.mark.parametrize("key", ["", "  ", "two words", "ключ", "sk\nX-Evil: 1", "sk-\x00"])
def test_a_key_that_does_not_fit_a_header_is_rejected(key: str) -> None:
    with pytest.raises(ClaudeKeyError):
        build_client(ClaudeSettings(), key)


@pytest.mark.parametrize("base_url", ["https://c.test", "https://c.test/", "https://c.test/v1", "https://c.test/v1/"])
def test_the_client_uses_the_base_url_of_the_settings(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN an environment that says something else
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://elsewhere.test")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-other")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other")
    claude = FakeClaude([message()])
    settings = ClaudeSettings(base_url=base_url)

    # WHEN
    client = build_client(settings, " sk-mine\n", claude.http_client())
    ClaudeAnalyzer(settings, "unused", PROMPTS, client).analyze(DREAM)

    # THEN
    (request,) = claude.requests
    assert str(request.url) == "https://c.test/v1/messages"
    assert request.headers["authorization"] == "Bearer sk-mine"
    assert client.max_retries == 0


def test_the_analyzer_builds_a_client_if_none_is_given() -> None:
    with pytest.raises(ClaudeKeyError):
        ClaudeAnalyzer(ClaudeSettings(), "", PROMPTS)
    ClaudeAnalyzer(ClaudeSettings(), "sk-test", PROMPTS)


@pytest.mark.parametrize("settings", [{"max_tokens": 0}, {"max_tokens": 21_334}, {"timeout_seconds": 0}])
def test_impossible_limits_are_rejected(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="max_tokens"):
        ClaudeSettings(**settings)  # type: ignore[arg-type]


def test_the_client_accepts_the_largest_token_limit_of_the_settings() -> None:
    claude = FakeClaude([message()])

    assert analyzer(claude, max_tokens=21_333).analyze(DREAM)


SECRETS = ("Zelda", "sk-test", "secret words")


@pytest.mark.parametrize(
    "steps",
    [
        [failure(400, text="secret words: Zelda")],
        [failure(401, text="secret words sk-test")],
        [failure(529, text="secret words"), httpx2.ConnectError("secret words")],
        [httpx2.ReadTimeout("secret words")],
        [refusal()],
        [httpx2.Response(200, content=b'{"secret words', headers={"content-type": "application/json"})],
        [message("secret words Zelda"), message("secret words Zelda")],
    ],
)
def test_errors_and_logs_contain_no_dream_key_or_provider_text(
    steps: list[Step], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    claude = FakeClaude(steps)
    dream = "Zelda was flying over the forest"

    with pytest.raises(AnalysisError) as caught:
        analyzer(claude).analyze(dream)

    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    report = "".join(traceback.format_exception(error)) + str(error) + repr(error) + error.user_message + caplog.text
    for secret in SECRETS:
        assert secret not in report


def test_settings_and_analyzer_do_not_show_the_key() -> None:
    settings = ClaudeSettings()
    shown = repr(settings) + repr(ClaudeAnalyzer(settings, "sk-ant-visible", PROMPTS))

    assert "sk-ant-visible" not in shown


def test_the_client_library_accepts_the_fakes_responses() -> None:
    reply = (
        FakeClaude([message(thinking=True)])
        .client()
        .messages.create(model="claude-sonnet-5-5", max_tokens=10, messages=[{"role": "user", "content": "hi"}])
    )

    assert isinstance(reply, anthropic.types.Message)
    assert [block.type for block in reply.content] == ["thinking", "text"]
    assert reply.usage.input_tokens == 1_000
