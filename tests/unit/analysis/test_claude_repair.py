"""The repair turn after an invalid answer."""

import json

import pytest

from dreamvision.analysis.errors import (
    AnalysisInvalidError,
    DreamRefusedError,
)
from tests.fakes.claude import GOOD_PROMPT, FakeClaude, message, refusal
from tests.unit.analysis.fixtures import BAD_ANSWER, DREAM, analyzer, error_of


def test_a_repair_turn_lists_the_violations_and_both_requests_count() -> None:
    claude = FakeClaude([message(BAD_ANSWER, input_tokens=1_000, output_tokens=90), message(input_tokens=1_300)])

    analysis = analyzer(claude).analyze(DREAM)

    assert analysis.video_prompt == GOOD_PROMPT
    assert (analysis.input_tokens, analysis.output_tokens) == (2_300, 290)
    first, second = claude.bodies
    dream, wrong, correction = second.pop("messages")
    assert [dream] == first.pop("messages")
    assert second == first
    assert wrong == {"role": "assistant", "content": json.dumps(BAD_ANSWER)}
    assert correction["role"] == "user"
    assert correction["content"].splitlines() == [
        "That answer cannot be used:",
        "- The template of category flight is FLIGHT; category and template must match.",
        "- The prompt must start with the word POV, in capitals.",
        "- The prompt has 24 characters; it needs at least 100.",
        "- The prompt must be ONE scene in one continuous shot: no shot list, no numbered steps, no time codes, "
        'no "cut to", no second scene, no jump in time.',
        "",
        "Answer again for the same dream, as one JSON object with all five fields, and keep every rule.",
    ]


def test_a_second_invalid_answer_is_an_error() -> None:
    error, requests = error_of(message(BAD_ANSWER), message(BAD_ANSWER))

    assert type(error) is AnalysisInvalidError
    assert requests == 2


def test_an_answer_that_is_not_json_is_repaired_too() -> None:
    claude = FakeClaude([message("  Sure! Here is your prompt.  "), message()])

    analyzer(claude).analyze(DREAM)

    _, wrong, correction = claude.bodies[1]["messages"]
    assert wrong["content"] == "Sure! Here is your prompt."
    assert "one JSON object and nothing else" in correction["content"]


@pytest.mark.parametrize("changes", [{"answer": " \n"}, {"content": []}])
def test_an_empty_answer_is_repaired_without_an_empty_assistant_turn(changes: dict[str, object]) -> None:
    claude = FakeClaude([message(**changes), message()])  # type: ignore[arg-type]

    analyzer(claude).analyze(DREAM)

    (turn,) = claude.bodies[1]["messages"]
    assert turn["role"] == "user"
    assert turn["content"].startswith(claude.bodies[0]["messages"][0]["content"])
    assert "one JSON object and nothing else" in turn["content"]


def test_an_answer_with_invalid_characters_can_be_sent_back() -> None:
    bad = message(content=[{"type": "text", "text": "broken \ud83c"}])
    claude = FakeClaude([bad, message()])

    analyzer(claude).analyze(DREAM)

    assert claude.bodies[1]["messages"][1]["content"] == "broken �"


def test_a_refusal_in_the_repair_turn_is_a_refusal() -> None:
    error, requests = error_of(message(BAD_ANSWER), refusal())

    assert type(error) is DreamRefusedError
    assert requests == 2
