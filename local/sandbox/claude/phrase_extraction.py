"""Extract noun phrases from a dream (places, threats and things) by rules, without a language model."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from local.sandbox.classifier import normalize_text
from local.sandbox.claude.word_lists import (
    CREATURES,
    DETERMINERS,
    EMPTY_HEADS,
    LY_NOUNS,
    NAMES,
    NUMBERS,
    PLACE_PREPOSITIONS,
    PLACES,
    PREPOSITIONS,
    STARTERS,
    STOP,
)
from local.sandbox.faults import without_fault_markers

_KEPT_DETERMINERS = {"a": "a", "an": "an", "my": "the dreamer's", "our": "the dreamer's", **{n: n for n in NUMBERS}}
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Miss|Professor|Uncle|Aunt)\.?\s+[A-Z][a-z]+")
_TOKEN = re.compile(r"[A-Za-zÀ-ɏ]+(?:['-][A-Za-zÀ-ɏ]+)*|[.!?;:,\n()\"]")
_MAX_NOUN_WORDS = 4
_MAX_PHRASE_WORDS = 9
_MAX_WORD_CHARS = 18


@dataclass(frozen=True)
class DreamPhrases:
    """Lower-case phrases of 1 to 9 words in the dream's order, with personal names removed."""

    places: tuple[str, ...]
    threats: tuple[str, ...]
    things: tuple[str, ...]


def extract_phrases(text: str) -> DreamPhrases:
    """Return the phrases of ``text``. A text in a non-Latin script yields none, since the rules are English."""
    words = [token.lower() for token in _TOKEN.findall(_without_names(without_fault_markers(normalize_text(text))))]
    places: list[str] = []
    threats: list[str] = []
    things: list[str] = []
    index = 0
    while index < len(words):
        phrase, after = _phrase_at(words, index)
        if not phrase:
            index += 1
            continue
        plain, after = _with_material(words, phrase, after)
        acting, after = _with_action(words, plain, after)
        if _is_threat(words, index, after, phrase):
            threats.append(plain)
        elif _is_place(words, index, phrase):
            places.append(plain)
            things += [acting] if acting != plain else []
        else:
            things.append(acting)
        index = after
    places.sort(key=lambda place: not PLACES & set(place.split()))
    return DreamPhrases(_unique(places), _unique(threats), _unique(things))


def _without_names(text: str) -> str:
    text = _TITLE.sub("a figure", text)
    mid_sentence = set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+\b", text)) - {"I"}
    names = {name for name in mid_sentence if name.lower() not in STARTERS}
    names |= {word for word in re.findall(r"\b[A-Z][a-z]+\b", text) if word.lower() in NAMES}
    for name in names:
        text = re.sub(rf"\b{name}(?:'s)?(?:\s+[A-Z][a-z]+)?\b", "a figure", text)
    return text


def _phrase_at(words: list[str], index: int) -> tuple[list[str], int]:
    """Return the noun phrase that starts at ``index``, empty if there is none, and the index after it."""
    word = words[index]
    follows_place = index > 0 and words[index - 1] in PLACE_PREPOSITIONS
    if word not in DETERMINERS and not follows_place and word not in PLACES | CREATURES:
        return [], index
    phrase = [word] if word in DETERMINERS else []
    at = index + len(phrase)
    while at < len(words) and len(phrase) <= _MAX_NOUN_WORDS and _continues(words[at], phrase):
        phrase.append(words[at])
        at += 1
    while len(phrase) > 1 and phrase[-1].endswith(("ing", "ed")) and phrase[-2] not in DETERMINERS:
        phrase.pop()
        at -= 1
    nouns = [one for one in phrase if one not in DETERMINERS]
    if not nouns or nouns[-1] in EMPTY_HEADS or _is_adverb(nouns[-1]) or (len(nouns) == 1 and len(nouns[0]) < 3):
        return [], index
    return phrase, at


def _continues(word: str, phrase: list[str]) -> bool:
    if not word[0].isalpha() or len(word) > _MAX_WORD_CHARS or word in STOP | DETERMINERS:
        return False
    bare = [one for one in phrase if one not in DETERMINERS]
    return not (bare and (word.endswith("ed") or _is_adverb(word)))


def _is_adverb(word: str) -> bool:
    return word.endswith("ly") and word not in LY_NOUNS


def _with_material(words: list[str], phrase: list[str], after: int) -> tuple[str, int]:
    """Return the phrase with its material or content, as in "a city made of glass", and the index after it."""
    plain = " ".join(_in_third_person(phrase))
    for link in (["made", "of"], ["full", "of"], ["of"]):
        end = after + len(link)
        if words[after:end] == link and end < len(words) and _continues(words[end], []):
            return f"{plain} {' '.join(link)} {words[end]}", end + 1
    return plain, after


def _with_action(words: list[str], plain: str, after: int) -> tuple[str, int]:
    """Return the phrase with its action, as in "the walls melting into warm honey", and the index after it."""
    at = after + (words[after : after + 1] in (["was"], ["were"], ["kept"], ["started"], ["began"]))
    verb = words[at] if at < len(words) and len(words[at]) <= _MAX_WORD_CHARS else ""
    if verb.endswith("ed") and len(verb) > 4 and at == after:
        acting = f"{plain} {verb.removesuffix('ed')}ing"
    elif verb.endswith("ing") and verb not in STOP | EMPTY_HEADS:
        acting = f"{plain} {verb}"
    else:
        return plain, after
    after = at + 1
    if after + 1 < len(words) and words[after] in PREPOSITIONS:
        target, beyond = _phrase_at(words, after + 1)
        if target and len(acting.split()) + 1 + len(target) <= _MAX_PHRASE_WORDS:
            return " ".join([acting, words[after], *_in_third_person(target)]), beyond
    return acting, after


def _is_place(words: list[str], index: int, phrase: list[str]) -> bool:
    is_inside = index > 0 and words[index - 1] in PLACE_PREPOSITIONS - {"at", "on", "over"}
    return phrase[-1] in PLACES or (is_inside and len(phrase) > 1)


def _is_threat(words: list[str], index: int, after: int, phrase: list[str]) -> bool:
    before = words[max(0, index - 3) : index]
    following = words[after : after + 3]
    hunts = ("chas", "hunt", "pursu", "follow", "attack")
    is_agent = "by" in before and any(word.startswith(hunts) for word in before)
    return is_agent or phrase[-1] in CREATURES or any(word.startswith(hunts) for word in following)


def _in_third_person(phrase: list[str]) -> list[str]:
    """Return the phrase in the third person: my -> the dreamer's; his, that, every -> the."""
    if phrase[0] not in DETERMINERS:
        return list(phrase)
    return [*_KEPT_DETERMINERS.get(phrase[0], "the").split(), *phrase[1:]]


def _unique(phrases: Iterable[str]) -> tuple[str, ...]:
    """Remove duplicates; "the door" and "a door" are the same phrase."""
    seen: dict[str, str] = {}
    for phrase in phrases:
        seen.setdefault(re.sub(r"^(?:an?|the|the dreamer's) ", "", phrase), phrase)
    return tuple(seen.values())
