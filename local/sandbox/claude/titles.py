"""Write a dream's title from its own words, so that it is in the dream's language."""

import re

_MAX_CHARACTERS = 60
_MAX_WORDS = 6
_NOT_LAST = re.compile(r"(?:an?|the|and|or|of|in|on|at|to|with|over|into|from|und|mit|der|die|das)", re.IGNORECASE)
# "I dreamed that", "Ich habe geträumt, dass" ...: what every dream begins with says nothing of this one.
_OPENING = re.compile(
    r"(?:last night,? )?(?:i (?:dream(?:ed|t)(?: that| of)?|was) |ich (?:habe geträumt,? dass |war )|j'ai rêvé que )",
    re.IGNORECASE,
)


def write_title(dream: str) -> str:
    """Return the first words of the dream without its usual opening, at most 60 characters."""
    sentence = re.split(r"[.!?。！？\n]", _OPENING.sub("", dream.strip(), count=1).strip(), maxsplit=1)[0]
    words = sentence.split()[:_MAX_WORDS]
    while len(words) > 1 and (_NOT_LAST.fullmatch(words[-1]) or len(" ".join(words)) > _MAX_CHARACTERS):
        words.pop()
    title = " ".join(words).strip(" ,;:")[:_MAX_CHARACTERS] or dream.strip()[:_MAX_CHARACTERS]
    return title[:1].upper() + title[1:]
