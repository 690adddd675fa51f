"""The JSON schema of the model's output, and the validation of what the model returns.

The schema can enforce the fields and the two enums, but no lengths, ranges or prompt content. The validation checks
everything, because a refusal or a truncated output need not match the schema either.
"""

import json
import math
from dataclasses import dataclass
from typing import Final

from dreamvision.analysis.prompt_rules import RuleViolation, broken_rules
from dreamvision.analysis.titles import clean_title
from dreamvision.schemas.categories import TEMPLATE_NAMES, Category
from dreamvision.schemas.lengths import MAX_TITLE_LENGTH

_FIELDS: Final = ("category", "template", "confidence", "prompt", "title")

# Structured outputs support a subset of JSON Schema: additionalProperties must be false, and minLength, maxLength,
# minimum and maximum are rejected with a 400.
OUTPUT_SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "properties": {
        "category": {"type": "string", "enum": [category.value for category in Category]},
        "template": {"type": "string", "enum": [TEMPLATE_NAMES[category] for category in Category]},
        "confidence": {"type": "number", "description": "How well the category fits the dream, from 0 to 1."},
        "prompt": {
            "type": "string",
            "description": "The video prompt: one line starting with POV, 100 to 1,000 characters, 150 words at most.",
        },
        "title": {
            "type": "string",
            "description": f"A title in the language of the dream, at most {MAX_TITLE_LENGTH} characters.",
        },
    },
    "required": list(_FIELDS),
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class AnalysisOutput:
    """A valid output. ``video_prompt`` is stripped of surrounding white space; ``title`` is ``None`` without one."""

    category: Category
    template_used: str
    confidence: float
    video_prompt: str
    title: str | None = None


class _InvalidJsonError(ValueError):
    """JSON that Python's parser accepts and we do not."""


def validate_output(raw: str) -> tuple[AnalysisOutput | None, tuple[RuleViolation, ...]]:
    """Return the output and no violations, or ``None`` and every violation (at least one)."""
    fields, violations = _parse(raw)
    if violations:
        return None, violations
    category, category_violations = _check_category(fields["category"], fields["template"])
    confidence, confidence_violations = _check_confidence(fields["confidence"])
    prompt, prompt_violations = _check_prompt(fields["prompt"])
    violations = (*category_violations, *confidence_violations, *prompt_violations)
    if violations or category is None or confidence is None or prompt is None:
        return None, violations
    return AnalysisOutput(category, TEMPLATE_NAMES[category], confidence, prompt, clean_title(fields.get("title"))), ()


def _parse(raw: str) -> tuple[dict[str, object], tuple[RuleViolation, ...]]:
    try:
        parsed: object = json.loads(raw, object_pairs_hook=_reject_duplicates, parse_constant=_reject_constant)
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        return {}, (RuleViolation("not_json", "The answer must be one JSON object and nothing else."),)
    if not isinstance(parsed, dict) or {*parsed, "title"} != set(_FIELDS):
        sentence = "The JSON object must have exactly the fields category, template, confidence, prompt and title."
        return {}, (RuleViolation("wrong_fields", sentence),)
    return parsed, ()


def _reject_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _InvalidJsonError("A field occurs twice.")
    return fields


def _reject_constant(_name: str) -> object:
    raise _InvalidJsonError("NaN and Infinity are not JSON.")


def _check_category(category: object, template: object) -> tuple[Category | None, tuple[RuleViolation, ...]]:
    try:
        known = Category(category) if isinstance(category, str) else None
    except ValueError:
        known = None
    if known is None:
        sentence = f"The category must be one of {', '.join(Category)}, in lower case."
        return None, (RuleViolation("unknown_category", sentence),)
    expected = TEMPLATE_NAMES[known]
    if template != expected:
        sentence = f"The template of category {known} is {expected}; category and template must match."
        return None, (RuleViolation("template_mismatch", sentence),)
    return known, ()


def _check_confidence(value: object) -> tuple[float | None, tuple[RuleViolation, ...]]:
    # bool is an int in Python, and 1e999 parses as infinity
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1 and math.isfinite(value):
        return float(value), ()
    return None, (RuleViolation("bad_confidence", "The confidence must be a number from 0 to 1."),)


def _check_prompt(value: object) -> tuple[str | None, tuple[RuleViolation, ...]]:
    if not isinstance(value, str):
        return None, (RuleViolation("prompt_not_text", "The prompt must be text."),)
    prompt = value.strip()
    violations = broken_rules(prompt)
    return (None, violations) if violations else (prompt, ())
