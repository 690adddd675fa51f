"""Validation of the model's output to the character, its schema, prices, and error messages."""

import json
import re
import subprocess
import sys
from decimal import Decimal

import pytest

from dreamvision.analysis import errors as errors_module
from dreamvision.analysis.errors import AnalysisError
from dreamvision.analysis.output import OUTPUT_SCHEMA, AnalysisOutput, validate_output
from dreamvision.analysis.prompt_rules import utf16_units
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.pricing import estimate_cost, model_family
from dreamvision.schemas.categories import TEMPLATE_NAMES, Category
from tests.fakes.claude import GOOD_ANSWER, GOOD_PROMPT, GOOD_TITLE

CHASE = (
    "POV rapid movement through wet alleys, a faceless figure gaining in peripheral, sharp turns, toppled crates, red "
    "light from behind, accelerating panic, abrupt cuts."
)


def codes(answer: object) -> list[str]:
    raw = answer if isinstance(answer, str) else json.dumps(answer)
    accepted, violations = validate_output(raw)
    assert (accepted is None) == bool(violations)
    return [violation.code for violation in violations]


def with_prompt(prompt: object) -> dict[str, object]:
    return {**GOOD_ANSWER, "prompt": prompt}


def padded(characters: int) -> str:
    """Return a valid prompt of exactly this many ASCII characters in few words."""
    return "POV glide, " + "a" * (characters - len("POV glide, "))


@pytest.mark.parametrize("category", list(Category))
def test_every_category_with_its_template_is_accepted(category: Category) -> None:
    name = TEMPLATE_NAMES[category]

    answer, violations = validate_output(json.dumps({**GOOD_ANSWER, "category": category.value, "template": name}))

    assert violations == ()
    assert answer == AnalysisOutput(category, name, 0.9, GOOD_PROMPT, GOOD_TITLE)


def test_whitespace_around_answer_and_prompt_is_trimmed() -> None:
    answer, _ = validate_output("\n" + json.dumps(with_prompt(f"  {GOOD_PROMPT}\n")) + " ")

    assert answer is not None
    assert answer.video_prompt == GOOD_PROMPT


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "POV glide",
        "CATEGORY: flight\nTEMPLATE: FLIGHT\nPROMPT: POV ...",
        '{"category": "flight"',
        f"```json\n{json.dumps(GOOD_ANSWER)}\n```",
        json.dumps(GOOD_ANSWER) + json.dumps(GOOD_ANSWER),
        json.dumps(GOOD_ANSWER).replace("0.9", "NaN"),
        json.dumps(GOOD_ANSWER).replace("0.9", "Infinity"),
        json.dumps(GOOD_ANSWER).replace("{", '{"category": "chase", '),
        json.dumps(GOOD_ANSWER).replace("0.9", "9" * 5_000),
        "[" * 100_000,
    ],
)
def test_anything_but_one_json_object_is_rejected(raw: str) -> None:
    assert codes(raw) == ["not_json"]


@pytest.mark.parametrize(
    "answer",
    [
        [GOOD_ANSWER],
        "null",
        {},
        {**GOOD_ANSWER, "duration": 10},
        {name: value for name, value in GOOD_ANSWER.items() if name != "template"},
    ],
)
def test_missing_and_extra_fields_are_rejected(answer: object) -> None:
    assert codes(answer) == ["wrong_fields"]


@pytest.mark.parametrize("category", ["Flight", "FLIGHT", "nightmare", "", " flight", None, 1, ["flight"], {}])
def test_unknown_categories_are_rejected(category: object) -> None:
    assert codes({**GOOD_ANSWER, "category": category}) == ["unknown_category"]


@pytest.mark.parametrize("template", ["CHASE", "flight", "FLIGHT/FLOATING", "GENERAL", None])
def test_a_template_of_another_category_is_rejected(template: object) -> None:
    assert codes({**GOOD_ANSWER, "template": template}) == ["template_mismatch"]


@pytest.mark.parametrize(("confidence", "value"), [(0, 0.0), (1, 1.0), (0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_confidence_accepts_the_whole_range(confidence: float, value: float) -> None:
    answer, _ = validate_output(json.dumps({**GOOD_ANSWER, "confidence": confidence}))

    assert answer is not None
    assert answer.confidence == value
    assert isinstance(answer.confidence, float)


@pytest.mark.parametrize("confidence", [True, False, -0.01, 1.01, 95, "0.9", None, [0.9], 10**400])
def test_other_confidences_are_rejected(confidence: object) -> None:
    assert codes({**GOOD_ANSWER, "confidence": confidence}) == ["bad_confidence"]


def test_a_confidence_that_overflows_is_rejected() -> None:
    assert codes(json.dumps(GOOD_ANSWER).replace("0.9", "1e999")) == ["bad_confidence"]


@pytest.mark.parametrize("prompt", [None, 5, ["POV"], {"text": "POV"}])
def test_a_prompt_that_is_not_a_string_is_rejected(prompt: object) -> None:
    assert codes(with_prompt(prompt)) == ["prompt_not_text"]


@pytest.mark.parametrize("start", ["pov ", "Pov ", "A POV ", "POVs ", '"POV ', "Slow "])
def test_a_prompt_starts_with_pov(start: str) -> None:
    assert codes(with_prompt(GOOD_PROMPT.replace("POV ", start, 1))) == ["no_pov_start"]


@pytest.mark.parametrize("start", ["POV: ", "POV, ", "POV - "])
def test_punctuation_after_pov_is_accepted(start: str) -> None:
    assert codes(with_prompt(GOOD_PROMPT.replace("POV ", start, 1))) == []


def test_a_prompt_needs_at_least_100_characters() -> None:
    assert codes(with_prompt(padded(100))) == []
    assert codes(with_prompt(padded(99))) == ["too_short"]
    assert codes(with_prompt(padded(99) + " ")) == ["too_short"]


def test_a_prompt_has_at_most_150_words() -> None:
    assert codes(with_prompt("POV" + " fog" * 149)) == []
    assert codes(with_prompt("POV" + " fog" * 150)) == ["too_many_words"]


def test_a_prompt_has_at_most_1000_utf16_units() -> None:
    assert codes(with_prompt(padded(1_000))) == []
    assert codes(with_prompt(padded(1_001))) == ["too_long"]
    assert codes(with_prompt(padded(998) + "🌙")) == []
    assert codes(with_prompt(padded(999) + "🌙")) == ["too_long"]
    assert codes(with_prompt(padded(200) + "🌙" * 400)) == []
    assert codes(with_prompt(padded(200) + "🌙" * 400 + "é")) == ["too_long"]


def test_utf16_units_are_counted_as_runway_counts() -> None:
    assert utf16_units("aé夢") == 3
    assert utf16_units("🌙") == 2
    assert utf16_units("👩‍🚀") == 5


@pytest.mark.parametrize("break_", ["\n", "\n\n", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_several_lines_are_rejected(break_: str) -> None:
    assert codes(with_prompt(f"{GOOD_PROMPT}{break_}{GOOD_PROMPT}")) == ["several_lines"]


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\t", "\x1b[0m", "\x7f", "\x9f"])
def test_control_characters_are_rejected(bad: str) -> None:
    assert codes(with_prompt(f"{GOOD_PROMPT}{bad} end")) == ["control_characters"]


@pytest.mark.parametrize("bad", ["\\ud83c", "\\udf19", "\\udf19\\ud83c"])
def test_lone_surrogates_are_rejected(bad: str) -> None:
    assert codes(json.dumps(GOOD_ANSWER).replace("wonder", bad)) == ["control_characters"]


def test_joined_emoji_and_other_scripts_are_accepted() -> None:
    assert codes(with_prompt(GOOD_PROMPT + " 👩‍🚀 שלום 夢")) == []


def test_a_template_placeholder_is_rejected() -> None:
    assert codes(with_prompt(GOOD_PROMPT.replace("lanterns", "[surreal elements]"))) == ["unfilled_placeholder"]


@pytest.mark.parametrize(
    "addition",
    [
        "Cut to: a beach at dawn.",
        "then cut to a beach",
        "The camera cuts to the sea.",
        "smash cut to black",
        "Scene 2: a beach.",
        "SCENE 2 - the beach",
        "Shot #3 the beach",
        "Scene two: the beach",
        "In the next scene the sea is gone.",
        "a second scene opens",
        "next shot, the sea",
        "fades to a new scene",
        "dissolve into another location",
        "Moments later, the sea is gone.",
        "two hours later it rains",
        "1. glide forward 2. push in 3. rise",
        "Steps: 1) glide, 2) rise",
        "(1) glide (2) rise",
        "1. Glide forward. 2. Rise.",
        "0-2s: glide. 2-5s: rise.",
        "00:00 - 00:02 glide",
        "INT. SCHOOL, night",
    ],
)
def test_more_than_one_scene_is_rejected(addition: str) -> None:
    assert codes(with_prompt(f"{GOOD_PROMPT} {addition}")) == ["several_scenes"]


@pytest.mark.parametrize(
    "addition",
    [
        "abrupt cuts",
        "a door numbered 2. Silence.",
        "past floor 1. Past floor 2. Silence.",
        "clocks all show 3:33",
        "colours fade to grey",
        "walls dissolve into dust",
        "wind that cuts to the bone",
        "one continuous shot, 5-second focus",
        "a single shot 5 seconds long",
        "shot 35mm, shallow focus",
        "the scene breathes, then the ground falls away",
        "first the sea, then the sky, finally silence",
        "stairs shift to glass",
        "exterior light from the left",
        "a second door opens",
        "10-12 pale doors",
    ],
)
def test_one_scene_may_move_and_change(addition: str) -> None:
    assert codes(with_prompt(f"{GOOD_PROMPT} {addition}")) == []


def test_the_chase_template_filled_in_is_accepted() -> None:
    assert codes({"category": "chase", "template": "CHASE", "confidence": 0.8, "prompt": CHASE}) == []


def test_all_violations_are_reported_at_once() -> None:
    answer = {"category": "flight", "template": "CHASE", "confidence": 2, "prompt": "A cut to\nnowhere [location]"}

    assert codes(answer) == [
        "template_mismatch",
        "bad_confidence",
        "no_pov_start",
        "too_short",
        "several_lines",
        "unfilled_placeholder",
        "several_scenes",
    ]


def test_violations_never_quote_the_answer() -> None:
    secret = "my sister Zelda drowned"
    bad = [
        secret,
        {secret: 1},
        {"category": secret, "template": secret, "confidence": secret, "prompt": secret},
        with_prompt(f"{secret} cut to [{secret}]\n\x00 " * 60),
        {**GOOD_ANSWER, "template": secret},
    ]
    for answer in bad:
        _, violations = validate_output(json.dumps(answer))
        assert violations
        assert "Zelda" not in str(violations)
        for violation in violations:
            assert re.fullmatch(r"[a-z_]+", violation.code)
            assert violation.sentence.endswith((".", ")"))


def test_a_hostile_prompt_does_not_slow_the_validation() -> None:
    # a pattern with quadratic time would take minutes here
    assert "too_long" in codes(with_prompt("POV " + "1. 2. " * 50_000 + "3. x"))
    assert "too_long" in codes(with_prompt("POV " + "cut [a scene shot fades to the " * 20_000))
    assert "too_long" in codes(with_prompt("POV shot" + " " * 200_000 + "x"))


def test_the_schema_uses_only_what_structured_outputs_support() -> None:
    refused = {"minLength", "maxLength", "minimum", "maximum", "multipleOf", "pattern", "minItems", "$ref"}
    assert OUTPUT_SCHEMA["additionalProperties"] is False
    assert OUTPUT_SCHEMA["required"] == ["category", "template", "confidence", "prompt", "title"]
    assert not refused & set(re.findall(r'"([^"]+)":', json.dumps(OUTPUT_SCHEMA)))
    properties = OUTPUT_SCHEMA["properties"]
    assert isinstance(properties, dict)
    assert properties["category"]["enum"] == [category.value for category in Category]
    assert properties["template"]["enum"] == list(TEMPLATE_NAMES.values())


def test_cost_is_exact() -> None:
    assert estimate_cost("claude-sonnet-5-5", 1_234, 567) == Decimal("0.008138")
    assert estimate_cost("claude-sonnet-4-5", 1, 1) == Decimal("0.000018")
    assert estimate_cost("claude-sonnet-4-5-20250929", 1, 1) == Decimal("0.000018")
    assert estimate_cost("claude-sonnet-5-5", 0, 0) == 0


def test_cost_of_an_unknown_model_is_unknown() -> None:
    assert estimate_cost("claude-next-9", 1_000, 1_000) is None
    assert estimate_cost("", 1, 1) is None


def test_negative_tokens_are_an_error() -> None:
    with pytest.raises(ValueError, match="negative"):
        estimate_cost("claude-sonnet-5-5", -1, 0)


def test_only_a_release_date_is_removed_from_a_model_id() -> None:
    assert model_family("claude-sonnet-5") == "claude-sonnet-5"
    assert model_family("claude-sonnet-5-5") == "claude-sonnet-5-5"
    assert model_family("claude-sonnet-4-5-20250929") == "claude-sonnet-4-5"


def test_every_error_has_its_own_log_and_user_message() -> None:
    errors = [
        value
        for value in vars(errors_module).values()
        if isinstance(value, type) and issubclass(value, AnalysisError) and value is not AnalysisError
    ]
    assert len(errors) == 10
    assert len({str(error()) for error in errors}) == len(errors)
    for error in errors:
        assert str(error()) == error.default_message
        assert error.user_message != DreamVisionError.user_message
        assert "Claude" not in error.user_message
        assert error.__name__.endswith("Error")


def test_shared_analysis_modules_do_not_import_the_client_library() -> None:
    code = (
        "import sys, dreamvision.analysis.errors, dreamvision.analysis.models, dreamvision.analysis.output;"
        "import dreamvision.core.pricing, dreamvision.analysis.prompts;"
        "sys.exit('anthropic' in sys.modules or 'pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False)

    assert done.returncode == 0
