"""Analyze dreams with Claude: a category and a video prompt, through the Messages API with structured outputs.

The only module that imports ``anthropic``, which takes over a second: import it only where Claude is called.

An analysis makes at most three requests: the first, one retry of a request that failed for a transient reason, and one
repair turn that tells the model which rules its output broke. The client's own retries are off: they would wait as long
as the service's Retry-After says and so outlive any function.

The system prompt is not marked for prompt caching. Its 4,200 characters are roughly 1,200 tokens: above Sonnet 5.5's
minimum of 512, so it could be cached (Sonnet 4.5's minimum is 1,024), but a cache write costs a quarter more and pays
only if the next dream arrives within five minutes. The possible saving, $0.002 per analysis, is under half a percent of
the cost of the video that follows, and the recorded token counts would no longer determine the cost.
"""

import html
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import anthropic
import httpx2
from anthropic.types import Message, MessageParam, OutputConfigParam, ThinkingConfigParam

from dreamvision.analysis.errors import (
    AnalysisError,
    AnalysisInvalidError,
    AnalysisTruncatedError,
    ClaudeBillingError,
    ClaudeKeyError,
    ClaudeOverloadedError,
    ClaudeProtocolError,
    ClaudeRequestError,
    ClaudeTimeoutError,
    ClaudeUnreachableError,
    DreamRefusedError,
)
from dreamvision.analysis.models import Analysis
from dreamvision.analysis.output import OUTPUT_SCHEMA, AnalysisOutput, validate_output
from dreamvision.analysis.prompt_rules import RuleViolation
from dreamvision.analysis.prompts import PromptSystem
from dreamvision.core.pricing import model_family

DEFAULT_MODEL: Final = "claude-sonnet-5-5"
DEFAULT_BASE_URL: Final = "https://api.anthropic.com"

# Seconds; a connection that takes longer will not be established at all.
_CONNECT_SECONDS: Final = 5.0
# Seconds; with less time left a request is not worth starting, since a response takes about four seconds.
_MIN_REQUEST_SECONDS: Final = 3.0
# Seconds; a retry waits for half to all of this, unless the service sends Retry-After.
_RETRY_SECONDS: Final = 1.0
# The client rejects more than this for a response that is not streamed.
_MAX_TOKENS: Final = 21_333


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Parameters that make a model respond without extended thinking. ``None`` omits the parameter."""

    thinking: Literal["between_tools", "disabled"] | None = None
    effort: Literal["low", "medium", "high"] | None = None


# Models accept different parameters: Sonnet 4.5 rejects effort, Sonnet 5 and 5.5 think by default, and 5.5 rejects
# "disabled". An unlisted model gets neither parameter, which every model accepts.
MODEL_OPTIONS: Final[Mapping[str, ModelOptions]] = MappingProxyType(
    {
        "claude-sonnet-5-5": ModelOptions(thinking="between_tools", effort="low"),
        "claude-sonnet-5": ModelOptions(thinking="disabled", effort="low"),
        "claude-sonnet-4-6": ModelOptions(effort="low"),
        "claude-sonnet-4-5": ModelOptions(),
    }
)


@dataclass(frozen=True, slots=True)
class ClaudeSettings:
    """Settings of the client. ``timeout_seconds`` is for one request, ``budget_seconds`` for a whole analysis.

    ``max_tokens`` caps the output: 1,000 characters and their JSON are under 500 tokens, the rest is for a model that
    thinks first. ``options`` is keyed by model id without a release date.

    Raises:
        ValueError: ``max_tokens`` or ``timeout_seconds`` is out of range.
    """

    model: str = DEFAULT_MODEL
    base_url: str = DEFAULT_BASE_URL
    timeout_seconds: float = 20.0
    budget_seconds: float = 25.0
    max_tokens: int = 2_048
    options: Mapping[str, ModelOptions] = field(default_factory=lambda: MODEL_OPTIONS)

    def __post_init__(self) -> None:
        if not 0 < self.max_tokens <= _MAX_TOKENS or self.timeout_seconds <= 0:
            raise ValueError("max_tokens must be 1 to 21,333 and timeout_seconds above 0.")


def build_client(
    settings: ClaudeSettings, api_key: str, http_client: httpx2.Client | None = None
) -> anthropic.Anthropic:
    """Return a client without retries of its own.

    White space around the key (such as a pasted line end) and a trailing ``/v1`` of the base URL (the client adds its
    own) are removed.

    Raises:
        ClaudeKeyError: the key contains characters that a header cannot carry.
    """
    key = api_key.strip()
    if re.fullmatch(r"[!-~]+", key) is None:
        raise ClaudeKeyError
    base_url = settings.base_url.rstrip("/").removesuffix("/v1")
    return anthropic.Anthropic(api_key=key, base_url=base_url, max_retries=0, http_client=http_client)


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    input_tokens: int
    output_tokens: int
    model: str


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed request. ``retry``: whether the same request may succeed a moment later."""

    error: AnalysisError
    retry: bool = False


@dataclass(slots=True)
class _Run:
    """The remaining budget and the token usage of one analysis."""

    deadline: float
    may_retry: bool = True
    input_tokens: int = 0
    output_tokens: int = 0


class ClaudeAnalyzer:
    """Analyzes dreams with Claude. Stores no dream, so it may be reused between invocations.

    ``client`` replaces the one that is otherwise built from ``settings`` and ``api_key``; ``clock`` returns seconds.
    """

    def __init__(
        self,
        settings: ClaudeSettings,
        api_key: str,
        prompts: PromptSystem,
        client: anthropic.Anthropic | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._prompts = prompts
        self._client = (client or build_client(settings, api_key)).with_options(max_retries=0)
        self._clock = clock
        self._sleep = sleep

    def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Analysis:
        """Return a validated analysis of the dream, within ``budget_seconds`` (default: the settings').

        Starts no request that cannot finish within the budget. A service that sends its response byte by byte can
        still overrun it, because a timeout counts from the last byte.

        Raises:
            AnalysisError: the analysis failed; the subclass gives the cause.
        """
        budget = self._settings.budget_seconds if budget_seconds is None else budget_seconds
        run = _Run(deadline=self._clock() + budget)
        turns: list[MessageParam] = [{"role": "user", "content": _dream_message(dream_text)}]
        reply = self._request_with_retry(turns, run)
        output, violations = validate_output(reply.text)
        if output is None:
            reply = self._request_with_retry(_repair_turns(turns, reply.text, violations), run)
            output, _ = validate_output(reply.text)
        if output is None:
            raise AnalysisInvalidError
        return _analysis(output, reply.model, run)

    def _request_with_retry(self, turns: list[MessageParam], run: _Run) -> _Reply:
        outcome = self._request(turns, run)
        if isinstance(outcome, _Failure) and outcome.retry and run.may_retry:
            run.may_retry = False
            pause = _retry_delay(outcome.error)
            if self._clock() + pause + _MIN_REQUEST_SECONDS <= run.deadline:
                self._sleep(pause)
                outcome = self._request(turns, run)
        if isinstance(outcome, _Failure):
            raise outcome.error
        run.input_tokens += outcome.input_tokens
        run.output_tokens += outcome.output_tokens
        return outcome

    def _request(self, turns: list[MessageParam], run: _Run) -> _Reply | _Failure:
        """Send one request. Errors are returned, so that none carries the provider's text as its context."""
        remaining = run.deadline - self._clock()
        if remaining < _MIN_REQUEST_SECONDS:
            return _Failure(ClaudeTimeoutError())
        seconds = min(self._settings.timeout_seconds, remaining)
        try:
            message: object = self._create(turns, httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds)))
        except anthropic.APIError as error:
            return _classify(error)
        except (ValueError, RecursionError):  # a 200 declared as JSON that is not JSON or is nested too deeply
            return _Failure(ClaudeProtocolError())
        return _parse_message(message)

    def _create(self, turns: list[MessageParam], timeout: httpx2.Timeout) -> object:
        settings = self._settings
        options = settings.options.get(model_family(settings.model), ModelOptions())
        output: OutputConfigParam = {"format": {"type": "json_schema", "schema": OUTPUT_SCHEMA}}
        if options.effort is not None:
            output["effort"] = options.effort
        return self._client.messages.create(
            model=settings.model,
            max_tokens=settings.max_tokens,
            system=self._prompts.system,
            messages=turns,
            output_config=output,
            thinking=anthropic.omit if options.thinking is None else _thinking(options.thinking),
            timeout=timeout,
        )


def _thinking(kind: Literal["between_tools", "disabled"]) -> ThinkingConfigParam:
    return {"type": "between_tools"} if kind == "between_tools" else {"type": "disabled"}


def _dream_message(dream_text: str) -> str:
    """Wrap the dream in tags that it cannot close: every < in it is escaped."""
    dream = html.escape(_replace_surrogates(dream_text), quote=False)
    return f"<dream>\n{dream}\n</dream>\n\nGenerate the Runway prompt for this dream."


def _repair_turns(turns: list[MessageParam], raw: str, violations: tuple[RuleViolation, ...]) -> list[MessageParam]:
    rules = "\n".join(f"- {violation.sentence}" for violation in violations)
    correction = (
        f"That answer cannot be used:\n{rules}\n\n"
        "Answer again for the same dream, as one JSON object with all five fields, and keep every rule."
    )
    previous = _replace_surrogates(raw).strip()
    if not previous:  # the API rejects an empty assistant turn, so append the correction to the dream's turn
        return [{"role": "user", "content": f"{turns[0]['content']}\n\n{correction}"}]
    return [*turns, {"role": "assistant", "content": previous}, {"role": "user", "content": correction}]


def _replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot encode, with U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _retry_delay(error: AnalysisError) -> float:
    """Return the seconds to wait before a retry: the service's Retry-After, else a jittered half to one second."""
    retry_after = error.retry_after_seconds if isinstance(error, ClaudeOverloadedError) else None
    return retry_after if retry_after is not None else random.uniform(_RETRY_SECONDS / 2, _RETRY_SECONDS)  # noqa: S311 - no secret


def _analysis(output: AnalysisOutput, model: str, run: _Run) -> Analysis:
    return Analysis(
        category=output.category,
        template_used=output.template_used,
        confidence=output.confidence,
        video_prompt=output.video_prompt,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        model=model,
        title=output.title,
    )


# A 200 guarantees nothing: the client builds its objects without validating them, and returns a body that is not JSON
# as a string. A refusal or a truncated output need not match the schema, so the stop reason is checked first.


def _parse_message(message: object) -> _Reply | _Failure:
    if not isinstance(message, Message):
        return _Failure(ClaudeProtocolError())
    stop_reason: object = message.stop_reason
    if stop_reason == "refusal":
        return _Failure(DreamRefusedError())
    if stop_reason in {"max_tokens", "model_context_window_exceeded"}:
        return _Failure(AnalysisTruncatedError())
    text, usage, model = _joined_text(message.content), _token_usage(message.usage), message.model
    if stop_reason != "end_turn" or text is None or usage is None or not isinstance(model, str) or not model:
        return _Failure(ClaudeProtocolError())
    return _Reply(text, *usage, model)


def _joined_text(content: object) -> str | None:
    """Join the text blocks. A model that thinks puts another block before them."""
    if not isinstance(content, list):
        return None
    texts: list[object] = [getattr(block, "text", None) for block in content if getattr(block, "type", None) == "text"]
    if not all(isinstance(text, str) for text in texts):
        return None
    return "".join(str(text) for text in texts)


def _token_usage(usage: object) -> tuple[int, int] | None:
    input_tokens: object = getattr(usage, "input_tokens", None)
    output_tokens: object = getattr(usage, "output_tokens", None)
    if not isinstance(input_tokens, int) or not isinstance(output_tokens, int) or min(input_tokens, output_tokens) < 0:
        return None
    return input_tokens, output_tokens


# Spend limits are reported as 402, as 429 with one of these codes, or as a 400 that differs from a bad request only in
# its text.
_SPEND_CODES: Final = frozenset({"contract_spend_limit_reached", "enforced_spend_limit_reached"})
_SPEND_PATTERN: Final = re.compile(r"credit balance|usage limits|spend(?:ing)? limit", re.IGNORECASE)


def _classify(error: anthropic.APIError) -> _Failure:
    if isinstance(error, anthropic.APITimeoutError):
        return _Failure(ClaudeTimeoutError())  # no retry: the caller has already waited that long
    if isinstance(error, anthropic.APIConnectionError):
        return _Failure(ClaudeUnreachableError(), retry=True)
    if isinstance(error, anthropic.APIStatusError):
        return _classify_status(error)
    return _Failure(ClaudeProtocolError())


def _classify_status(error: anthropic.APIStatusError) -> _Failure:
    status = error.status_code
    if _is_billing(error):
        return _Failure(ClaudeBillingError())
    if status in {401, 403}:
        return _Failure(ClaudeKeyError())
    retry = error.response.headers.get("x-should-retry") != "false"
    if status in {408, 504}:
        return _Failure(ClaudeTimeoutError(), retry)
    if status in {409, 429} or status >= 500:
        return _Failure(ClaudeOverloadedError(retry_after_seconds=_retry_after(error)), retry)
    return _Failure(ClaudeRequestError() if status >= 400 else ClaudeProtocolError())


def _is_billing(error: anthropic.APIStatusError) -> bool:
    if error.status_code == 402 or error.type == "billing_error" or error.error_code in _SPEND_CODES:
        return True
    return error.status_code == 400 and _SPEND_PATTERN.search(error.api_message or "") is not None


def _retry_after(error: anthropic.APIStatusError) -> float | None:
    value = error.response.headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", value) else None
