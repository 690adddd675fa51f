"""Claude turns a dream into a category and a video prompt, through the Messages API with structured outputs.

The only module that imports ``anthropic``, which costs over a second: import it only where Claude is called.

One analysis is at most three requests: the first, one repetition of a request that failed for a passing reason, and
one repair turn that tells the model which rules its answer broke. The client's own repetitions are off: they would
wait as long as the service's Retry-After says and so outlive any function.

The system text is not marked for prompt caching. Its 4,200 characters are roughly 1,200 tokens: above Sonnet 5.5's
minimum of 512, so a cache would take hold (below Sonnet 4.5's 1,024 or just at it), but writing it costs a quarter
more and only pays when the next dream comes within five minutes. What it could save, $0.002 an analysis, is under half
a percent of the video that follows, and the recorded token counts would no longer give the cost.
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
from dreamvision.analysis.output import OUTPUT_SCHEMA, AnalysisOutput, RuleViolation, validate_output
from dreamvision.analysis.prompts import PromptSystem
from dreamvision.core.pricing import model_family

DEFAULT_MODEL: Final = "claude-sonnet-5-5"
DEFAULT_BASE_URL: Final = "https://api.anthropic.com"

# A connection that is not there after this many seconds will not come.
_CONNECT_SECONDS: Final = 5.0
# Less than this and no further request is worth starting: an answer takes about four seconds.
_MIN_REQUEST_SECONDS: Final = 3.0
# A repetition waits for half to all of this, unless the service says how long.
_RETRY_SECONDS: Final = 1.0
# The client refuses more than this for a reply that is not streamed.
_MAX_TOKENS: Final = 21_333


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a model must be told so that it answers at once. ``None`` leaves the parameter out."""

    thinking: Literal["between_tools", "disabled"] | None = None
    effort: Literal["low", "medium", "high"] | None = None


# Models differ in what they take: Sonnet 4.5 refuses effort, Sonnet 5 and 5.5 think unless told otherwise, and 5.5
# refuses "disabled". A model that is not listed gets neither parameter, which none refuses.
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
    """How Claude is called. ``timeout_seconds`` is for one request, ``budget_seconds`` for a whole analysis.

    ``max_tokens`` caps the answer: 1,000 characters and their JSON are under 500 tokens, the rest is for a model that
    thinks first. ``options`` is keyed by model id without a release date.
    """

    model: str = DEFAULT_MODEL
    base_url: str = DEFAULT_BASE_URL
    timeout_seconds: float = 20.0
    budget_seconds: float = 25.0
    max_tokens: int = 2_048
    options: Mapping[str, ModelOptions] = field(default_factory=lambda: MODEL_OPTIONS)

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a limit that no request could be made with."""
        if not 0 < self.max_tokens <= _MAX_TOKENS or self.timeout_seconds <= 0:
            raise ValueError("max_tokens must be 1 to 21,333 and timeout_seconds above 0.")


def build_client(
    settings: ClaudeSettings, api_key: str, http_client: httpx2.Client | None = None
) -> anthropic.Anthropic:
    """A client that never repeats a request by itself. Raises ``ClaudeKeyError`` for a key that no header can carry.

    White space around the key (a pasted line end) and a ``/v1`` at the end of the base URL (the client adds its own)
    are dropped.
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
    """``retry``: whether the same request may do better a moment later."""

    error: AnalysisError
    retry: bool = False


@dataclass(slots=True)
class _Run:
    """What one analysis has left and has used."""

    deadline: float
    may_retry: bool = True
    input_tokens: int = 0
    output_tokens: int = 0


class ClaudeAnalyzer:
    """Analyses dreams with Claude. Safe to keep between invocations; holds no dream.

    ``client`` replaces the one that would be built from ``settings`` and ``api_key``; ``clock`` counts seconds.
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
        """A checked analysis of the dream, within ``budget_seconds`` (the settings' when left out).

        No request starts that could not end inside the budget; a service that sends its answer byte by byte can
        overrun it, because a timeout counts from the last byte. Raises a subclass of ``AnalysisError``.
        """
        budget = self._settings.budget_seconds if budget_seconds is None else budget_seconds
        run = _Run(deadline=self._clock() + budget)
        turns: list[MessageParam] = [{"role": "user", "content": _dream_turn(dream_text)}]
        reply = self._ask(turns, run)
        answer, violations = validate_output(reply.text)
        if answer is None:
            reply = self._ask(_repair_turns(turns, reply.text, violations), run)
            answer, _ = validate_output(reply.text)
        if answer is None:
            raise AnalysisInvalidError
        return _analysis(answer, reply.model, run)

    def _ask(self, turns: list[MessageParam], run: _Run) -> _Reply:
        outcome = self._request(turns, run)
        if isinstance(outcome, _Failure) and outcome.retry and run.may_retry:
            run.may_retry = False
            pause = _pause(outcome.error)
            if self._clock() + pause + _MIN_REQUEST_SECONDS <= run.deadline:
                self._sleep(pause)
                outcome = self._request(turns, run)
        if isinstance(outcome, _Failure):
            raise outcome.error
        run.input_tokens += outcome.input_tokens
        run.output_tokens += outcome.output_tokens
        return outcome

    def _request(self, turns: list[MessageParam], run: _Run) -> _Reply | _Failure:
        """One request. Errors are returned, so that none carries the provider's words along as its context."""
        left = run.deadline - self._clock()
        if left < _MIN_REQUEST_SECONDS:
            return _Failure(ClaudeTimeoutError())
        seconds = min(self._settings.timeout_seconds, left)
        try:
            message: object = self._create(turns, httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds)))
        except anthropic.APIError as error:
            return _classify(error)
        except (ValueError, RecursionError):  # a 200 that says it is JSON, and is not or is nested without end
            return _Failure(ClaudeProtocolError())
        return _read(message)

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


def _dream_turn(dream_text: str) -> str:
    """The dream between tags that it cannot close: no < of its own is left, in whatever spelling of a tag."""
    dream = html.escape(_sendable(dream_text), quote=False)
    return f"<dream>\n{dream}\n</dream>\n\nGenerate the Runway prompt for this dream."


def _repair_turns(turns: list[MessageParam], raw: str, violations: tuple[RuleViolation, ...]) -> list[MessageParam]:
    rules = "\n".join(f"- {violation.sentence}" for violation in violations)
    correction = (
        f"That answer cannot be used:\n{rules}\n\n"
        "Answer again for the same dream, as one JSON object with all four fields, and keep every rule."
    )
    previous = _sendable(raw).strip()
    if not previous:  # the API refuses an assistant turn without text, so the correction joins the dream's turn
        return [{"role": "user", "content": f"{turns[0]['content']}\n\n{correction}"}]
    return [*turns, {"role": "assistant", "content": previous}, {"role": "user", "content": correction}]


def _sendable(text: str) -> str:
    """Lone surrogates, which no UTF-8 body can carry, become U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _pause(error: AnalysisError) -> float:
    """Seconds before the repetition: the service's advice, else half to all of a second so that callers spread."""
    advised = error.retry_after_seconds if isinstance(error, ClaudeOverloadedError) else None
    return advised if advised is not None else random.uniform(_RETRY_SECONDS / 2, _RETRY_SECONDS)  # noqa: S311 - no secret


def _analysis(answer: AnalysisOutput, model: str, run: _Run) -> Analysis:
    return Analysis(
        category=answer.category,
        template_used=answer.template_used,
        confidence=answer.confidence,
        video_prompt=answer.video_prompt,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        model=model,
    )


# A 200 is no promise: the client builds its objects without checking them, and hands a body that is not JSON through
# as a string. A refusal or a cut-off answer need not match the schema, so the stop reason comes first.


def _read(message: object) -> _Reply | _Failure:
    if not isinstance(message, Message):
        return _Failure(ClaudeProtocolError())
    stop_reason: object = message.stop_reason
    if stop_reason == "refusal":
        return _Failure(DreamRefusedError())
    if stop_reason in {"max_tokens", "model_context_window_exceeded"}:
        return _Failure(AnalysisTruncatedError())
    text, usage, model = _text(message.content), _usage(message.usage), message.model
    if stop_reason != "end_turn" or text is None or usage is None or not isinstance(model, str) or not model:
        return _Failure(ClaudeProtocolError())
    return _Reply(text, *usage, model)


def _text(content: object) -> str | None:
    """The text blocks, joined: a model that thinks puts another block before them."""
    if not isinstance(content, list):
        return None
    texts: list[object] = [getattr(block, "text", None) for block in content if getattr(block, "type", None) == "text"]
    if not all(isinstance(text, str) for text in texts):
        return None
    return "".join(str(text) for text in texts)


def _usage(usage: object) -> tuple[int, int] | None:
    input_tokens: object = getattr(usage, "input_tokens", None)
    output_tokens: object = getattr(usage, "output_tokens", None)
    if not isinstance(input_tokens, int) or not isinstance(output_tokens, int) or min(input_tokens, output_tokens) < 0:
        return None
    return input_tokens, output_tokens


# Spend limits come as 402, as 429 with one of these codes, or as a 400 that only its words tell from a bad request.
_SPEND_CODES: Final = frozenset({"contract_spend_limit_reached", "enforced_spend_limit_reached"})
_SPEND_WORDS: Final = re.compile(r"credit balance|usage limits|spend(?:ing)? limit", re.IGNORECASE)


def _classify(error: anthropic.APIError) -> _Failure:
    if isinstance(error, anthropic.APITimeoutError):
        return _Failure(ClaudeTimeoutError())  # a second wait of the same length is no service to who waits already
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
    return error.status_code == 400 and _SPEND_WORDS.search(error.api_message or "") is not None


def _retry_after(error: anthropic.APIStatusError) -> float | None:
    value = error.response.headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", value) else None
