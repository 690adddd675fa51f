"""Fakes of Claude: an in-memory Messages API for the real client library, and an analyzer without either."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2

from dreamvision.analysis.errors import AnalysisError
from dreamvision.analysis.models import Analysis
from dreamvision.schemas.categories import Category

GOOD_PROMPT = (
    "POV gentle rise through a moonlit forest of twisted trees, glowing lanterns drift past like slow fish, weightless "
    "perspective shifts, cold light from below, dreamlike momentum, quiet wonder."
)
GOOD_TITLE = "Lanterns over the forest"
GOOD_ANSWER: Mapping[str, object] = {
    "category": "flight",
    "template": "FLIGHT",
    "confidence": 0.9,
    "prompt": GOOD_PROMPT,
    "title": GOOD_TITLE,
}

type Step = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


def message(
    answer: object = GOOD_ANSWER,
    *,
    input_tokens: int = 1_000,
    output_tokens: int = 200,
    thinking: bool = False,
    **changes: object,
) -> httpx2.Response:
    """Return a 200 of the Messages API.

    ``answer`` is the text, or a value to encode as JSON; ``changes`` replace fields.
    """
    text = answer if isinstance(answer, str) else json.dumps(answer)
    content: list[dict[str, object]] = [{"type": "text", "text": text}]
    if thinking:
        content.insert(0, {"type": "thinking", "thinking": "", "signature": "c2lnbmF0dXJl"})
    body: dict[str, object] = {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": content,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens, "service_tier": "standard"},
    }
    # encoded as ASCII, so that a test may send a lone surrogate
    headers = {"content-type": "application/json", "request-id": "req_fake"}
    return httpx2.Response(200, content=json.dumps(body | changes), headers=headers)


def refusal() -> httpx2.Response:
    details = {"type": "refusal", "category": None, "explanation": None}
    return message(content=[], stop_reason="refusal", stop_details=details)


def failure(
    status: int,
    kind: str = "api_error",
    text: str = "secret words of the provider",
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    """Return an error response in the API's format."""
    error: dict[str, object] = {"type": kind, "message": text}
    if code is not None:
        error["details"] = {"error_code": code}
    body = {"type": "error", "error": error, "request_id": "req_fake"}
    return httpx2.Response(status, json=body, headers={"request-id": "req_fake", **(headers or {})})


@dataclass
class FakeClaude:
    """Answers requests with ``steps`` in order and records them. More requests than steps are an error of the test."""

    steps: Sequence[Step]
    requests: list[httpx2.Request] = field(default_factory=list)

    def client(self, api_key: str = "sk-test", base_url: str = "https://claude.test") -> anthropic.Anthropic:
        return anthropic.Anthropic(api_key=api_key, base_url=base_url, http_client=self.http_client())

    def http_client(self) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(self._answer))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if len(self.requests) > len(self.steps):
            raise AssertionError("Claude was asked more often than the test foresees.")
        step = self.steps[len(self.requests) - 1]
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx2.Response) else step(request)


@dataclass
class FakeClock:
    """A clock that advances only by sleeping, or when a test sets it."""

    now: float = 1_000.0
    pauses: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@dataclass
class FakeAnalyzer:
    """A ``DreamAnalyzer`` with a given outcome, for tests of the code around the analysis."""

    outcome: Analysis | AnalysisError = field(
        default_factory=lambda: Analysis(
            category=Category.FLIGHT,
            template_used="FLIGHT",
            confidence=0.9,
            video_prompt=GOOD_PROMPT,
            input_tokens=1_000,
            output_tokens=200,
            model="claude-sonnet-5-5",
            title=GOOD_TITLE,
        )
    )
    dreams: list[str] = field(default_factory=list)

    def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Analysis:
        self.dreams.append(dream_text)
        if isinstance(self.outcome, AnalysisError):
            raise self.outcome
        return self.outcome
