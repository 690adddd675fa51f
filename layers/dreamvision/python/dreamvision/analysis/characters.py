"""Characters that neither prompts nor titles may contain."""

import unicodedata
from typing import Final

# They are inside emoji and words of some scripts. Every other character of the category Cf is invisible or reorders the
# text around it.
_JOINERS: Final = frozenset("\u200c\u200d")


def is_invisible(character: str) -> bool:
    """Return whether a character is a control or format character, or half of a surrogate pair."""
    # Cs: lone surrogates, which UTF-8 cannot encode.
    return unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character not in _JOINERS
