"""Titles of dreams: one line of at most ``MAX_TITLE_LENGTH`` characters.

A title is decoration, so a bad one never costs a repair turn or an analysis: it is shortened, or left out.
"""

import unicodedata

from dreamvision.analysis.characters import is_invisible
from dreamvision.schemas.lengths import MAX_TITLE_LENGTH

_ELLIPSIS = "…"
_QUOTES = "\"'“”„‟«»「」『』"


def clean_title(value: object) -> str | None:
    """Return the model's title as one line without quotation marks around it; ``None`` if it is not text or empty."""
    if not isinstance(value, str):
        return None
    return shorten(_one_line(value).strip(f"{_QUOTES} ")) or None


def opening_words(dream_text: str) -> str:
    """Return the beginning of a dream, the title of one that has none."""
    return shorten(_one_line(dream_text))


def shorten(line: str) -> str:
    """Cut a line to ``MAX_TITLE_LENGTH``: after a word, or anywhere in a script without spaces."""
    if len(line) <= MAX_TITLE_LENGTH:
        return line
    start = line[: MAX_TITLE_LENGTH - len(_ELLIPSIS) + 1]
    words, space, _ = start.rpartition(" ")
    if not space or len(words) < MAX_TITLE_LENGTH // 2:
        words = start[:-1]
    return words.rstrip(" ,;:.-–—\u200d") + _ELLIPSIS


def _one_line(text: str) -> str:
    """Replace white space and control characters by single spaces, and drop what is invisible or reorders the text."""
    # Cc: among the control characters are line breaks and tabs.
    spaced = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    return " ".join("".join(character for character in spaced if not is_invisible(character)).split())
