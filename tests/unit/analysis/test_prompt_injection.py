"""Dreams that are instructions: they change neither the request nor the render, and no markup comes back."""

import html
import json
import string
import tomllib
from typing import Any

import pytest

from dreamvision.analysis.errors import AnalysisInvalidError
from dreamvision.analysis.output import validate_output
from dreamvision.rendering.runway import RunwayRenderer, RunwaySettings
from dreamvision.schemas.dreams import DreamAnalysisRequest
from tests.conftest import REPOSITORY
from tests.fakes.claude import GOOD_ANSWER, GOOD_PROMPT, FakeClaude, message
from tests.fakes.runway import ScriptedRunway, created
from tests.unit.analysis.fixtures import DREAM, analyzer

SET: dict[str, Any] = tomllib.loads((REPOSITORY / "tests/unit/analysis/prompt_injections.toml").read_text())
TEXTS = {f"{language}-{number}": text for language, texts in SET["texts"].items() for number, text in enumerate(texts)}
ANSWERS = [string.Template(answer).substitute(GOOD=GOOD_PROMPT) for answer in SET["refused"]["answers"]]


def with_addition(addition: str) -> str:
    """Return a valid answer whose prompt ends with ``addition``."""
    return json.dumps({**GOOD_ANSWER, "prompt": f"{GOOD_PROMPT} {addition}"})


def rendered(prompt: str, seconds: int = 5) -> dict[str, Any]:
    """Return the body of the request that a renderer sends for ``prompt``."""
    runway = ScriptedRunway(created())
    RunwayRenderer(RunwaySettings(), "key", runway.client).start(prompt, seconds)
    (request,) = runway.requests
    body: dict[str, Any] = json.loads(request.content)
    return body


def test_the_set_has_at_least_forty_texts_in_six_languages() -> None:
    assert len(TEXTS) == len(set(TEXTS.values())) >= 40
    assert len([language for language, texts in SET["texts"].items() if len(texts) >= 3]) >= 6


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_only_the_dream_differs_in_the_request(text: str) -> None:
    dream = DreamAnalysisRequest(dream_text=text).dream_text
    claude = FakeClaude([message(), message()])
    for each in (DREAM, dream):
        analyzer(claude).analyze(each)

    harmless, hostile = claude.bodies
    content = hostile["messages"][0]["content"]
    inside = content.removeprefix("<dream>\n").removesuffix("\n</dream>\n\nGenerate the Runway prompt for this dream.")
    assert len(content) - len(inside) == len(harmless["messages"][0]["content"]) - len(DREAM)
    assert not {"<", ">"} & set(inside)
    assert html.unescape(inside) == dream
    assert {**hostile, "messages": None} == {**harmless, "messages": None}
    assert [turn["role"] for turn in hostile["messages"]] == ["user"]


@pytest.mark.parametrize("answer", [*map(with_addition, SET["refused"]["additions"]), *ANSWERS])
def test_the_answer_of_a_model_that_obeyed_is_refused(answer: str) -> None:
    claude = FakeClaude([message(answer), message(answer)])

    with pytest.raises(AnalysisInvalidError) as caught:
        analyzer(claude).analyze(DREAM)

    # Neither the log nor the user gets any of it, and the correction asks for the same model and form.
    assert str(caught.value) == AnalysisInvalidError.default_message
    assert caught.value.user_message == AnalysisInvalidError.user_message
    first, second = claude.bodies
    assert {**second, "messages": None} == {**first, "messages": None}
    assert second["messages"][0] == first["messages"][0]


@pytest.mark.parametrize("addition", SET["harmless"]["additions"])
def test_parameters_in_a_prompt_stay_text(addition: str) -> None:
    claude = FakeClaude([message(with_addition(addition))])

    analysis = analyzer(claude).analyze(DREAM)

    assert analysis.model == "claude-sonnet-5-5"
    assert rendered(analysis.video_prompt) == {**rendered(GOOD_PROMPT), "promptText": f"{GOOD_PROMPT} {addition}"}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_prompt_that_repeats_the_dream_changes_no_parameter_and_has_no_markup(text: str) -> None:
    # The worst that a model can do is to answer with the dream itself.
    output, violations = validate_output(with_addition(" ".join(text.split())))
    if output is None:
        assert {violation.code for violation in violations} <= {
            "markup",
            "control_characters",
            "unfilled_placeholder",
            "several_scenes",
        }
        return
    assert rendered(output.video_prompt, 7) == {
        "model": "gen4.5",
        "promptText": output.video_prompt,
        "ratio": "1280:720",
        "duration": 7,
    }
    assert html.unescape(output.video_prompt) == output.video_prompt
    assert not {"<", ">"} & set(output.video_prompt)
