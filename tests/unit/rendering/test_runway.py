import json
from contextlib import suppress
from typing import Any

import httpx
import pytest

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.errors import DreamVisionError
from dreamvision.rendering import errors
from dreamvision.rendering.renderer import FailureKind, RenderFailure, RenderState, RenderStatus, RenderTask
from dreamvision.rendering.runway import MODELS, RunwayRenderer, RunwaySettings
from tests.fakes.runway import OUTPUT_URL, TASK_ID, ScriptedRunway, created, problem, task

KEY = "key_0123456789abcdef"
PROMPT = "POV: gliding over a city of glass"


def renderer(runway: ScriptedRunway, **settings: Any) -> RunwayRenderer:
    return RunwayRenderer(RunwaySettings(**settings), KEY, runway.client)


def read_state(answer: httpx.Response) -> RenderState:
    return renderer(ScriptedRunway(answer)).status(TASK_ID)


# --- start


def test_a_render_is_created_with_exactly_the_documented_request() -> None:
    runway = ScriptedRunway(created(60))
    # WHEN a render is started
    started = renderer(runway).start(PROMPT, 5)
    # THEN the result is the task with its maximum cost
    assert started == RenderTask(TASK_ID, estimated_credits=60)
    # AND one request was sent, in the format of the API reference
    (request,) = runway.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.dev.runwayml.com/v1/text_to_video")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-runway-version"] == "2024-11-06"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"
    assert json.loads(request.content) == {
        "model": "gen4.5",
        "promptText": PROMPT,
        "ratio": "1280:720",
        "duration": 5,
    }


def test_the_base_url_may_end_in_a_slash() -> None:
    runway = ScriptedRunway(created())
    renderer(runway, base_url="http://127.0.0.1:4569/").start(PROMPT, 10)
    assert str(runway.requests[0].url) == "http://127.0.0.1:4569/v1/text_to_video"


def test_every_request_has_the_timeouts_of_the_settings() -> None:
    """Without them httpx gives up after five seconds: the answer to a paid create would be lost."""
    runway = ScriptedRunway(created())
    client = renderer(runway, connect_timeout=3.0, create_timeout=61.0, read_timeout=7.0)
    client.start(PROMPT, 5)
    client.cancel(TASK_ID)
    with suppress(errors.RenderStatusUnavailableError):
        client.status(TASK_ID)
    create, cancel, status = (request.extensions["timeout"] for request in runway.requests)
    assert create == {"connect": 3.0, "read": 61.0, "write": 61.0, "pool": 61.0}
    assert cancel == status == {"connect": 3.0, "read": 7.0, "write": 7.0, "pool": 7.0}


def test_a_create_call_waits_for_as_long_as_the_provider_may_need() -> None:
    settings = RunwaySettings()
    assert (settings.connect_timeout, settings.create_timeout, settings.read_timeout) == (5.0, 60.0, 10.0)


def test_an_estimate_is_optional() -> None:
    runway = ScriptedRunway(httpx.Response(200, json={"id": TASK_ID}))
    assert renderer(runway).start(PROMPT, 5) == RenderTask(TASK_ID, estimated_credits=None)


@pytest.mark.parametrize("prompt", ["x" * 1000, "🌙" * 500, "حلم" * 300])
def test_a_prompt_of_a_thousand_utf16_units_is_sent_unchanged(prompt: str) -> None:
    runway = ScriptedRunway(created())
    renderer(runway).start(prompt, 5)
    assert json.loads(runway.requests[0].content)["promptText"] == prompt


@pytest.mark.parametrize("prompt", ["x" * 1001, "🌙" * 500 + "x", "", "  \n", "half a pair \ud83c"])
def test_a_prompt_that_the_api_would_reject_is_never_sent(prompt: str) -> None:
    runway = ScriptedRunway(created())
    with pytest.raises(errors.RenderRejectedError):
        renderer(runway).start(prompt, 5)
    assert runway.requests == []


@pytest.mark.parametrize(
    ("model", "ratio", "refused"),
    [
        ("gen4.5", AspectRatio.PORTRAIT, 11),
        ("gen4.5", AspectRatio.LANDSCAPE, 1),
        ("veo3.1", AspectRatio.LANDSCAPE, 5),
        ("veo3.1_fast", AspectRatio.PORTRAIT, 10),
    ],
)
def test_an_unsupported_duration_is_never_sent(model: str, ratio: AspectRatio, refused: int) -> None:
    runway = ScriptedRunway(created())
    with pytest.raises(errors.RenderRejectedError):
        renderer(runway, model=model).start(PROMPT, refused, ratio)
    assert runway.requests == []


def test_gen45_renders_every_duration_that_the_product_offers() -> None:
    assert set(range(5, 11)) <= set(RunwaySettings().rules.durations)
    assert RunwaySettings().rules.durations == MODELS["gen4.5"].durations == tuple(range(2, 11))


def test_an_unknown_model_is_rejected_at_once() -> None:
    with pytest.raises(ValueError, match="known"):
        RunwaySettings(model="gen3a_turbo")


@pytest.mark.parametrize(
    ("aspect_ratio", "ratio"), [(AspectRatio.LANDSCAPE, "1280:720"), (AspectRatio.PORTRAIT, "720:1280")]
)
def test_shape_and_seed_are_sent_in_the_words_of_the_api(aspect_ratio: AspectRatio, ratio: str) -> None:
    runway = ScriptedRunway(created())
    renderer(runway).start(PROMPT, 5, aspect_ratio, 4_294_967_295)
    assert json.loads(runway.requests[0].content) == {
        "model": "gen4.5",
        "promptText": PROMPT,
        "ratio": ratio,
        "duration": 5,
        "seed": 4_294_967_295,
    }


def test_seed_zero_is_a_seed() -> None:
    runway = ScriptedRunway(created())
    renderer(runway).start(PROMPT, 5, AspectRatio.LANDSCAPE, 0)
    assert json.loads(runway.requests[0].content)["seed"] == 0


@pytest.mark.parametrize("key", ["", "key with space", "key_1\n", "schlüssel"])
def test_a_malformed_key_is_rejected_before_any_request(key: str) -> None:
    with pytest.raises(errors.RenderKeyError):
        RunwayRenderer(RunwaySettings(), key)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("full"),
        httpx.ProxyError("no"),
        httpx.UnsupportedProtocol("ftp"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_without_a_connection_nothing_was_created(failure: Exception) -> None:
    runway = ScriptedRunway(failure)
    with pytest.raises(errors.RenderUnreachableError):
        renderer(runway).start(PROMPT, 5)
    assert len(runway.requests) == 1


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.WriteError("broken pipe"),
        httpx.CloseError("odd"),
        httpx.RemoteProtocolError("hung up"),
        httpx.LocalProtocolError("odd"),
        httpx.DecodingError("odd"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_after_sending_the_outcome_is_unknown_and_not_retried(failure: Exception) -> None:
    runway = ScriptedRunway(failure)
    with pytest.raises(errors.RenderOutcomeUnknownError):
        renderer(runway).start(PROMPT, 5)
    assert len(runway.requests) == 1


def test_every_transport_error_of_httpx_is_classified_as_sent_or_not_sent() -> None:
    # GIVEN every leaf of httpx' tree of transport errors, including those of newer versions
    leaves = [error for error in _tree(httpx.TransportError) if not error.__subclasses__()]
    assert len(leaves) >= 10
    # WHEN the create call raises it, THEN it maps to one of the two
    for error in leaves:
        runway = ScriptedRunway(error("odd"))
        with pytest.raises((errors.RenderUnreachableError, errors.RenderOutcomeUnknownError)):
            renderer(runway).start(PROMPT, 5)


def _tree(error: type[httpx.TransportError]) -> list[type[httpx.TransportError]]:
    return [error, *(leaf for child in error.__subclasses__() for leaf in _tree(child))]


VALIDATION = problem(400, "Validation of body failed", [{"code": "too_big", "path": ["promptText"], "message": "…"}])
ABOUT_CREDITS = problem(400, "Validation of body failed", [{"path": ["credits"], "message": "moderation"}])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (VALIDATION, errors.RenderRejectedError),
        (ABOUT_CREDITS, errors.RenderRejectedError),
        (httpx.Response(400, text="<html>"), errors.RenderRejectedError),
        (httpx.Response(400, json=["credits"]), errors.RenderRejectedError),
        (problem(400, "You do not have enough credits to run this task."), errors.RenderCreditsError),
        (httpx.Response(402), errors.RenderCreditsError),
        (problem(400, "The prompt was blocked by content moderation."), errors.RenderModerationError),
        (problem(401, "No API key was provided."), errors.RenderKeyError),
        (problem(403, "Forbidden"), errors.RenderKeyError),
        (problem(404, "Not found"), errors.RenderRejectedError),
        (httpx.Response(405), errors.RenderRejectedError),
        (httpx.Response(413), errors.RenderRejectedError),
        (httpx.Response(422), errors.RenderRejectedError),
        (problem(429, "Your daily task limit has been reached."), errors.RenderBusyError),
        (httpx.Response(503), errors.RenderBusyError),
        (httpx.Response(408), errors.RenderOutcomeUnknownError),
        (httpx.Response(500), errors.RenderOutcomeUnknownError),
        (httpx.Response(502), errors.RenderOutcomeUnknownError),
        (httpx.Response(504), errors.RenderOutcomeUnknownError),
        (httpx.Response(307, headers={"location": "https://elsewhere.example/"}), errors.RenderOutcomeUnknownError),
        (httpx.Response(202), errors.RenderOutcomeUnknownError),
        (httpx.Response(200, text="not json"), errors.RenderOutcomeUnknownError),
        (httpx.Response(200, content=b"\xff\xfe"), errors.RenderOutcomeUnknownError),
        (httpx.Response(200, json=[]), errors.RenderOutcomeUnknownError),
        (httpx.Response(200, json={}), errors.RenderOutcomeUnknownError),
        (httpx.Response(200, json={"id": 7}), errors.RenderOutcomeUnknownError),
        (httpx.Response(200, json={"id": "../organization"}), errors.RenderOutcomeUnknownError),
    ],
)
def test_a_response_without_a_task_tells_whether_one_may_exist(
    answer: httpx.Response, error: type[DreamVisionError]
) -> None:
    runway = ScriptedRunway(answer)
    with pytest.raises(error) as raised:
        renderer(runway).start(PROMPT, 5)
    # THEN it is exactly that error, after exactly one request, with our own message
    assert type(raised.value) is error
    assert len(runway.requests) == 1
    assert str(raised.value) == error.default_message


# --- status


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (task("PENDING", estimatedCost={"credits": 60}), RenderState(RenderStatus.QUEUED)),
        (task("THROTTLED", estimatedCost={"credits": 60}), RenderState(RenderStatus.THROTTLED)),
        (task("RUNNING", progress=0.45), RenderState(RenderStatus.RENDERING, 45)),
        (task("RUNNING"), RenderState(RenderStatus.RENDERING, 0)),
        (task("RUNNING", progress=None), RenderState(RenderStatus.RENDERING, 0)),
        (task("RUNNING", progress="0.5"), RenderState(RenderStatus.RENDERING, 0)),
        (task("RUNNING", progress=True), RenderState(RenderStatus.RENDERING, 0)),
        (task("RUNNING", progress=-3), RenderState(RenderStatus.RENDERING, 0)),
        (task("RUNNING", progress=1.0), RenderState(RenderStatus.RENDERING, 99)),
        (task("RUNNING", progress=70), RenderState(RenderStatus.RENDERING, 99)),
        (
            task("SUCCEEDED", output=[OUTPUT_URL], cost={"credits": 60}),
            RenderState(RenderStatus.SUCCEEDED, 100, (OUTPUT_URL,), credits=60),
        ),
        (
            task("FAILED", failure="a person was seen", failureCode="SAFETY.INPUT.TEXT", cost={"credits": 60}),
            RenderState(
                RenderStatus.FAILED,
                failure=RenderFailure(FailureKind.MODERATION, "SAFETY.INPUT.TEXT"),
                credits=60,
            ),
        ),
        (task("FAILED"), RenderState(RenderStatus.FAILED, failure=RenderFailure(FailureKind.PROVIDER))),
        (
            task("CANCELLED", cost={"credits": 0}),
            RenderState(RenderStatus.FAILED, failure=RenderFailure(FailureKind.CANCELLED), credits=0),
        ),
        (task("REVIEWING"), RenderState(RenderStatus.QUEUED)),
        (task("UPSCALING", progress=0.9), RenderState(RenderStatus.RENDERING, 90)),
    ],
)
def test_a_task_is_mapped_to_our_states(answer: httpx.Response, expected: RenderState) -> None:
    assert read_state(answer) == expected


@pytest.mark.parametrize("output", [[], None, "https://x.example/a.mp4", [""], [None], {"0": "https://x.example/"}])
def test_success_without_a_link_is_a_failure(output: object) -> None:
    state = read_state(task("SUCCEEDED", output=output, cost={"credits": 60}))
    assert state.status is RenderStatus.FAILED
    assert state.failure == RenderFailure(FailureKind.EMPTY_OUTPUT)
    assert state.credits == 60


def test_an_implausible_number_of_credits_is_ignored() -> None:
    answer = httpx.Response(200, text='{"status": "SUCCEEDED", "output": ["https://x"], "cost": {"credits": 1e999}}')
    assert read_state(answer).credits is None


def test_provider_text_never_reaches_the_state() -> None:
    state = read_state(task("FAILED", failure="a naked man in the attic", failureCode="a naked man"))
    assert "naked" not in repr(state)


def test_a_status_call_is_one_get() -> None:
    runway = ScriptedRunway(task("PENDING"))
    renderer(runway).status(TASK_ID)
    (request,) = runway.requests
    assert (request.method, request.url.path) == ("GET", f"/v1/tasks/{TASK_ID}")
    assert request.headers["x-runway-version"] == "2024-11-06"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(404, "Could not find Task"), errors.RenderTaskLostError),
        (problem(401, "No API key was provided."), errors.RenderKeyError),
        (httpx.Response(403), errors.RenderKeyError),
        (httpx.Response(429), errors.RenderStatusUnavailableError),
        (httpx.Response(500), errors.RenderStatusUnavailableError),
        (httpx.Response(200, text="<html>"), errors.RenderStatusUnavailableError),
        (httpx.Response(200, json={"id": TASK_ID}), errors.RenderStatusUnavailableError),
        (task(7), errors.RenderStatusUnavailableError),
        (httpx.Response(302, headers={"location": "https://x.example"}), errors.RenderStatusUnavailableError),
        (httpx.ReadTimeout("slow"), errors.RenderStatusUnavailableError),
        (httpx.ConnectError("refused"), errors.RenderStatusUnavailableError),
    ],
)
def test_a_failed_status_call_tells_whether_to_retry(
    answer: httpx.Response | Exception, error: type[DreamVisionError]
) -> None:
    runway = ScriptedRunway(answer)
    with pytest.raises(error):
        renderer(runway).status(TASK_ID)
    assert len(runway.requests) == 1


@pytest.mark.parametrize(
    "task_id", ["", "../organization", f"{TASK_ID}/x", "{" + TASK_ID + "}", TASK_ID.replace("-", "")]
)
def test_only_a_uuid_is_put_into_a_path(task_id: str) -> None:
    runway = ScriptedRunway(task("PENDING"))
    for call in (renderer(runway).status, renderer(runway).cancel):
        with pytest.raises(ValueError, match="UUID"):
            call(task_id)
    assert runway.requests == []


# --- cancel


@pytest.mark.parametrize("status", [204, 200, 404])
def test_a_missing_task_counts_as_cancelled(status: int) -> None:
    runway = ScriptedRunway(httpx.Response(status))
    renderer(runway).cancel(TASK_ID)
    (request,) = runway.requests
    assert (request.method, request.url.path) == ("DELETE", f"/v1/tasks/{TASK_ID}")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401), errors.RenderKeyError),
        (httpx.Response(403), errors.RenderKeyError),
        (httpx.Response(429), errors.RenderCancelUnconfirmedError),
        (httpx.Response(500), errors.RenderCancelUnconfirmedError),
        (httpx.ReadTimeout("slow"), errors.RenderCancelUnconfirmedError),
        (httpx.ConnectError("refused"), errors.RenderCancelUnconfirmedError),
    ],
)
def test_an_unconfirmed_cancellation_is_an_error(
    answer: httpx.Response | Exception, error: type[DreamVisionError]
) -> None:
    with pytest.raises(error):
        renderer(ScriptedRunway(answer)).cancel(TASK_ID)
