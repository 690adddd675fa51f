"""Titles: at most sixty characters on one line, whatever the model or the dream is."""

import json

import pytest

from dreamvision.analysis.output import validate_output
from dreamvision.analysis.titles import clean_title, opening_words
from dreamvision.schemas.lengths import MAX_TITLE_LENGTH
from tests.fakes.claude import GOOD_ANSWER, GOOD_TITLE

LONG = "The house of my grandmother, in which every corridor had become longer than before"


@pytest.mark.parametrize(
    ("given", "title"),
    [
        (GOOD_TITLE, GOOD_TITLE),
        ("  Der singende Mond \n", "Der singende Mond"),
        ("Two\nlines\tand  a\x07 bell", "Two lines and a bell"),
        ('"The school without an end"', "The school without an end"),
        ("„Die Treppe“", "Die Treppe"),
        ("half \ud83c a pair", "half a pair"),
        ("drawn \u202egnicnal\u202c\u200b hidden\ufeff", "drawn gnicnal hidden"),
        ("x" * 60, "x" * 60),
        (LONG, "The house of my grandmother, in which every corridor had…"),
        ("夢" * 61, "夢" * 59 + "…"),
        ("word, " * 20, f"{'word, ' * 9}word…"),
        ("a " + "x" * 80, "a " + "x" * 57 + "…"),
    ],
)
def test_a_title_is_one_short_line(given: str, title: str) -> None:
    assert clean_title(given) == title
    assert len(title) <= MAX_TITLE_LENGTH


@pytest.mark.parametrize("given", [None, 5, ["title"], "", "  \n", '""', "\ud83c"])
def test_what_is_no_title_is_left_out(given: object) -> None:
    assert clean_title(given) is None


# A repair turn or a failed analysis would cost more than a title is worth.
@pytest.mark.parametrize("given", [None, "", LONG, "two\nlines"])
def test_a_bad_title_breaks_no_rule(given: object) -> None:
    output, violations = validate_output(json.dumps({**GOOD_ANSWER, "title": given}))
    assert violations == ()
    assert output is not None
    assert output.title == clean_title(given)


def test_an_answer_without_a_title_is_accepted() -> None:
    output, violations = validate_output(
        json.dumps({name: value for name, value in GOOD_ANSWER.items() if name != "title"})
    )
    assert (violations, output and output.title) == ((), None)


def test_a_dream_without_a_title_is_named_by_its_beginning() -> None:
    assert opening_words("I was flying\nover a forest") == "I was flying over a forest"
    assert opening_words(LONG) == clean_title(LONG)
