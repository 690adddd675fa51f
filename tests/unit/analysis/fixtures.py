"""Analyzers on an in-memory Messages API, shared by the tests of the Claude client."""

import httpx2
import pytest

from dreamvision.analysis.claude import ClaudeAnalyzer, ClaudeSettings
from dreamvision.analysis.errors import (
    AnalysisError,
)
from dreamvision.analysis.output import OUTPUT_SCHEMA
from dreamvision.analysis.prompts import load_prompts
from tests.conftest import REPOSITORY
from tests.fakes.claude import GOOD_ANSWER, FakeClaude, FakeClock, Step

PROMPTS = load_prompts(REPOSITORY / "prompts")
DREAM = "I was flying over a dark forest with twisted trees"
BAD_ANSWER = {**GOOD_ANSWER, "template": "CHASE", "prompt": "A glide, cut to the sea."}
FORMAT = {"type": "json_schema", "schema": OUTPUT_SCHEMA}


def analyzer(claude: FakeClaude, clock: FakeClock | None = None, **settings: object) -> ClaudeAnalyzer:
    clock = clock or FakeClock()
    chosen = ClaudeSettings(**settings)  # type: ignore[arg-type]
    return ClaudeAnalyzer(chosen, "sk-test", PROMPTS, claude.client(), clock=clock, sleep=clock.sleep)


def error_of(*steps: Step, **settings: object) -> tuple[AnalysisError, int]:
    """Return the error that the analysis raises, and the number of requests."""
    claude = FakeClaude(steps)
    with pytest.raises(AnalysisError) as caught:
        analyzer(claude, None, **settings).analyze(DREAM)
    return caught.value, len(claude.requests)


def timeouts(claude: FakeClaude) -> list[dict[str, float]]:
    return [request.extensions["timeout"] for request in claude.requests]


def reply_after(clock: FakeClock, seconds: float, reply: httpx2.Response) -> Step:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        clock.now += seconds
        return reply

    return answer
