"""The rules of a video prompt, whether Claude or a user has written it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dreamvision.analysis.characters import is_invisible
from dreamvision.schemas.lengths import MAX_PROMPT_LENGTH, MIN_PROMPT_LENGTH

MAX_PROMPT_WORDS: Final = 150


@dataclass(frozen=True, slots=True)
class RuleViolation:
    """One broken rule. No field quotes the text, so all may be logged. ``sentence`` is for its author.

    ``limits``: the ``minimum`` or ``maximum``, of characters or words.
    """

    code: str
    sentence: str
    limits: Mapping[str, int] = field(default_factory=dict)


def broken_rules(prompt: str) -> tuple[RuleViolation, ...]:
    """Return every rule that the prompt breaks. White space around it counts: strip it before."""
    return tuple(violation for check in _PROMPT_CHECKS if (violation := check(prompt)) is not None)


def utf16_units(text: str) -> int:
    """Return the length in UTF-16 code units. A lone surrogate counts as one."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _check_pov_start(prompt: str) -> RuleViolation | None:
    if re.match(r"POV\b", prompt):
        return None
    return RuleViolation("no_pov_start", "The prompt must start with the word POV, in capitals.")


def _check_min_length(prompt: str) -> RuleViolation | None:
    if len(prompt) >= MIN_PROMPT_LENGTH:
        return None
    sentence = f"The prompt has {len(prompt)} characters; it needs at least {MIN_PROMPT_LENGTH}."
    return RuleViolation("too_short", sentence, {"minimum": MIN_PROMPT_LENGTH})


def _check_word_count(prompt: str) -> RuleViolation | None:
    words = len(prompt.split())
    if words <= MAX_PROMPT_WORDS:
        return None
    sentence = f"The prompt has {words} words; {MAX_PROMPT_WORDS} is the most."
    return RuleViolation("too_many_words", sentence, {"maximum": MAX_PROMPT_WORDS})


def _check_max_length(prompt: str) -> RuleViolation | None:
    units = utf16_units(prompt)
    if units <= MAX_PROMPT_LENGTH:
        return None
    sentence = f"The prompt has {units:,} characters; {MAX_PROMPT_LENGTH:,} is the most (an emoji counts as two)."
    return RuleViolation("too_long", sentence, {"maximum": MAX_PROMPT_LENGTH})


def _check_single_line(prompt: str) -> RuleViolation | None:
    if len(prompt.splitlines()) <= 1:
        return None
    return RuleViolation("several_lines", "The prompt must be a single line: one scene, no paragraphs and no list.")


def _check_characters(prompt: str) -> RuleViolation | None:
    if not any(map(is_invisible, "".join(prompt.splitlines()))):  # line breaks have their own rule
        return None
    sentence = "The prompt must not contain control characters, invisible characters or broken characters."
    return RuleViolation("control_characters", sentence)


# A description of a picture needs none of these; a dream that asks the model for markup or a link may get it. Clients
# must escape the prompt as well.
_MARKUP: Final = re.compile(
    r"[<>]|&(?:#|[a-z]\w*;)|://|\bwww\.|\b(?:javascript|vbscript|data):(?=\S)|\S@\w[\w-]*\.\w|\]\(", re.IGNORECASE
)


def _check_markup(prompt: str) -> RuleViolation | None:
    if _MARKUP.search(prompt[:MAX_PROMPT_LENGTH]) is None:  # longer ones are rejected anyway
        return None
    return RuleViolation("markup", "The prompt must be plain words: no tags, no markup, no links, no addresses.")


def _check_placeholders(prompt: str) -> RuleViolation | None:
    if re.search(r"\[[A-Za-z][A-Za-z/' -]*\]", prompt) is None:
        return None
    return RuleViolation("unfilled_placeholder", "The prompt still has a template's placeholder in square brackets.")


# Signs of more than one scene: forms that a shot list or an edit uses and a description of one continuous shot does not
# need. Allowed: the words "cuts" and "abrupt cuts" alone (the chase template has them), a single clock time, a
# numbered door, "fades to grey", and events that merely follow one another.
_SEVERAL_SCENES_PATTERNS: Final = (
    # "Scene 2", "shot #3", but not "shot 5 seconds" or "shot 35mm"
    re.compile(r"\b(?:scene|shot)\s*#?\s*[1-9]\b(?!\s*-?\s*(?:s|secs?|seconds?|mm|x|fps)\b)", re.IGNORECASE),
    re.compile(r"\b(?:scene|shot)\s+(?:one|two|three|four|five)\s*[:–—-]", re.IGNORECASE),
    re.compile(r"\b(?:next|second|third|new|following|another)\s+scene\b", re.IGNORECASE),
    re.compile(r"\b(?:next|following)\s+shot\b", re.IGNORECASE),
    # "Cut to: a beach", but not a wind that "cuts to the bone"
    re.compile(
        r"\bcut(?:s|ting)?\s+to\b(?!\s+(?:the\s+)?(?:bone|quick|shape|size|length|ribbons|pieces)\b)", re.IGNORECASE
    ),
    re.compile(
        r"\b(?:fades?|dissolves?|switch(?:es)?|transitions?|jumps?)\s+(?:in)?to\s+(?:an?\s+|the\s+)?"
        r"(?:new|next|different|another|second|other)\s+(?:scene|shot|location|place|room|view|angle)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:moments?|seconds?|minutes?|hours?|days?|weeks?|years?)\s+later\b", re.IGNORECASE),
    # "0-2s: ...", "0:00 - 0:02"
    re.compile(r"\b\d{1,2}(?:\.\d)?\s*[-–]\s*\d{1,2}(?:\.\d)?\s*(?:s|secs?|seconds?)\s*:", re.IGNORECASE),
    re.compile(r"\b\d{1,2}:\d{2}\s*[-–]\s*\d{1,2}:\d{2}\b"),
    # screenplay headings
    re.compile(r"\b(?:INT|EXT)\.\s"),
)


# "1. ", "2) ", "(3) ", "4: "
_LIST_ITEM: Final = re.compile(r"(?P<before>^|[.;:!?,]\s+|\s|\()(?P<number>[1-9])(?P<mark>[.):])(?=\s)")


def _has_numbered_list(prompt: str) -> bool:
    """Return whether the prompt has a list numbered 1, 2, 3; two numbers suffice if both are clearly list items.

    "past floor 1. Then floor 2. Silence" is not a list: its numbers end sentences instead of starting them.
    """
    count, unambiguous = 0, True
    for item in _LIST_ITEM.finditer(prompt):
        if int(item["number"]) == count + 1:
            count += 1
            unambiguous = unambiguous and (item["mark"] == ")" or item["before"].strip() != "" or item.start() == 0)
    return count >= 3 or (count == 2 and unambiguous)


def _check_single_scene(prompt: str) -> RuleViolation | None:
    start = prompt[:MAX_PROMPT_LENGTH]  # longer ones are rejected anyway, and could make a pattern slow
    if not _has_numbered_list(start) and not any(pattern.search(start) for pattern in _SEVERAL_SCENES_PATTERNS):
        return None
    sentence = (
        "The prompt must be ONE scene in one continuous shot: no shot list, no numbered steps, no time codes, "
        'no "cut to", no second scene, no jump in time.'
    )
    return RuleViolation("several_scenes", sentence)


_PROMPT_CHECKS: Final[tuple[Callable[[str], RuleViolation | None], ...]] = (
    _check_pov_start,
    _check_min_length,
    _check_word_count,
    _check_max_length,
    _check_single_line,
    _check_characters,
    _check_markup,
    _check_placeholders,
    _check_single_scene,
)
