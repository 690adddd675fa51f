"""Why a value of a request is invalid: codes for programs, with the limits that the value must keep."""

from enum import StrEnum

from pydantic_core import PydanticCustomError


class ValueCode(StrEnum):
    """The rule that a value of a request breaks."""

    MISSING = "missing"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    NOT_ALLOWED = "not_allowed"
    WRONG_FORMAT = "wrong_format"
    INVALID_CHARACTERS = "invalid_characters"
    INVALID_EMAIL = "invalid_email"
    NO_UPPER_CASE = "no_upper_case"
    NO_DIGIT = "no_digit"
    SPACE_AROUND = "space_around"
    NOT_OWN_ID = "not_own_id"
    INVALID_CURSOR = "invalid_cursor"
    CONFLICT = "conflict"
    # The rules of video prompts, besides too_short and too_long (analysis/prompt_rules.py).
    NO_POV_START = "no_pov_start"
    TOO_MANY_WORDS = "too_many_words"
    SEVERAL_LINES = "several_lines"
    CONTROL_CHARACTERS = "control_characters"
    MARKUP = "markup"
    UNFILLED_PLACEHOLDER = "unfilled_placeholder"
    SEVERAL_SCENES = "several_scenes"
    INVALID = "invalid"


def invalid(code: ValueCode, sentence: str, **limits: int) -> PydanticCustomError:
    """Return the error for a validator to raise. ``limits`` are ``minimum`` and ``maximum``."""
    return PydanticCustomError(code.value, sentence, limits)


def too_short(minimum: int) -> PydanticCustomError:
    """Return the error of a text with fewer characters."""
    return invalid(ValueCode.TOO_SHORT, at_least(minimum), minimum=minimum)


def too_long(maximum: int) -> PydanticCustomError:
    """Return the error of a text with more characters."""
    return invalid(ValueCode.TOO_LONG, at_most(maximum), maximum=maximum)


def at_least(minimum: int) -> str:
    """Return the sentence about a shortest length, in characters."""
    return f"Must have at least {minimum:,} characters." if minimum > 1 else "Must not be empty."


def at_most(maximum: int) -> str:
    """Return the sentence about a longest length, in characters."""
    return f"Must have at most {maximum:,} characters."
