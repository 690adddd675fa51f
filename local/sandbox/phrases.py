"""Finds usable phrases in a dream: its places, its things, and what is after the dreamer. Plain rules, no model."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from local.sandbox.categories import plain_english
from local.sandbox.magic import without_magic

_DETERMINERS = frozenset(
    "a an the my our his her their its some this that these those every each many several countless hundreds "
    "thousands two three four five six seven eight nine ten another".split()
)
_PLACE_PREPOSITIONS = frozenset(
    "in inside into through across over above along down under beneath within toward towards around between past "
    "at on onto near".split()
)
_PREPOSITIONS = _PLACE_PREPOSITIONS | frozenset("of to from with by for up off behind before after out like as".split())
_STOP = _PREPOSITIONS | frozenset(
    "and but or so then than when while where which who whose that because until if though although also just only "
    "i me we us you he she it they them him myself himself herself itself there here not no never always very too "
    "was were is are am be been being had has have having did do does done could would should can will might must "
    "went go goes going ran run runs flew fly fell fall falls felt feel feeling grew grow began begin became become "
    "saw see sees came come comes got get gets getting kept keep made make took take told tell tells knew know knows "
    "thought think stood stand sat sit lay lie led lead left lost opened broke said say says heard hear looked look "
    "looking woke wake swam swim spoke speak found find kept keeps trying tries tried started start starts starting "
    "suddenly slowly everywhere somewhere again away back forward together around again forever still even ever "
    "chasing chased chases what how why all more once".split()
)
_EMPTY_HEADS = frozenset(
    "dream dreams night morning evening day time moment way lot bit kind sort thing things end beginning front middle "
    "top side one first last next same other something everything nothing someone everyone anyone place feeling "
    "sense course fact point part number minute minutes second seconds hour hours while instructions prompt".split()
)
_PLACES = frozenset(
    "school schools house home forest woods city town street streets alley road corridor corridors hallway hallways "
    "castle cathedral church mansion ocean sea lake river beach desert mountain mountains valley field fields garden "
    "sky clouds building tower room basement attic office mall hotel airport pool station hospital supermarket "
    "library museum theater theatre cave tunnel bridge island village market stairs staircase elevator subway train "
    "ship graveyard cemetery maze labyrinth rooftop rooftops kitchen bedroom bathroom classroom lobby park space".split()
)
_CREATURES = frozenset(
    "man men woman women stranger figure shadow shadows monster creature beast wolf wolves dog dogs bear snake snakes "
    "spider spiders demon ghost killer clown police crowd soldiers zombie zombies dragon shark tiger lion witch robot "
    "robots machine wave fire fog storm tornado train car truck thing faceless".split()
)
_STARTERS = frozenset(
    "i i'm i'd i've we it he she they the a an there this that my our his her then suddenly when while every everything "
    "everyone someone somebody something nobody nothing no in on at as and but so after before behind below above all "
    "also because by each even for from if inside into last later lately like look many maybe most now of once one "
    "only or out outside over people running flying falling water some somehow soon still through to under until what "
    "where who why with you your two three its".split()
)
_NAMES = frozenset(
    "anna alice adam alex amy ben bob carl carol charlie chris claire dan daniel dave david diana emily emma eric eva "
    "frank george grace hannah harry helen henry jack jacob james jane jason jenny jim joe john josh julia kate kevin "
    "laura leo linda lisa lucas lucy luke maria mark martin mary matt max mia michael mike nick nina oliver olivia paul "
    "peter rachel rob robert ruth sam samantha sara sarah simon sofia sophie stephen steve susan thomas tim tom victor "
    "will william zoe".split()
)
_NUMBERS = frozenset("some many several countless hundreds thousands two three four five six seven eight nine ten".split())
_KEPT_DETERMINERS = {"a": "a", "an": "an", "my": "the dreamer's", "our": "the dreamer's", **{n: n for n in _NUMBERS}}
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Miss|Professor|Uncle|Aunt)\.?\s+[A-Z][a-z]+")
_TOKEN = re.compile(r"[A-Za-zÀ-ɏ]+(?:['-][A-Za-zÀ-ɏ]+)*|[.!?;:,\n()\"]")
_MAX_NOUN_WORDS = 4
_MAX_PHRASE_WORDS = 9


@dataclass(frozen=True)
class DreamWords:
    """Phrases in the dream's order, without names: each is lower case and has 1 to 9 words."""

    places: tuple[str, ...]
    threats: tuple[str, ...]
    things: tuple[str, ...]


def read_dream(text: str) -> DreamWords:
    """The phrases of ``text``. A text in another script than Latin gives none: nothing is quoted blindly."""
    tokens = _TOKEN.findall(_without_names(without_magic(plain_english(text))))
    words = [token if token.isalpha() and token.isupper() and len(token) < 3 else token.lower() for token in tokens]
    words = [word.lower() for word in words]
    places: list[str] = []
    threats: list[str] = []
    things: list[str] = []
    index = 0
    while index < len(words):
        phrase, after = _phrase_at(words, index)
        if not phrase:
            index += 1
            continue
        previous = words[index - 1] if index else ""
        head = phrase[-1]
        text_of = " ".join(_respoken(phrase))
        full, after = _with_action(words, phrase, after)
        if _is_threat(words, index, after, phrase):
            threats.append(text_of)
        elif head in _PLACES or (previous in _PLACE_PREPOSITIONS - {"at", "on", "over"} and len(phrase) > 1):
            places.append(text_of)
            if full != text_of:
                things.append(full)
        else:
            things.append(full)
        index = after
    places.sort(key=lambda place: place.split()[-1] not in _PLACES)
    return DreamWords(_unique(places), _unique(threats), _unique(things))


def _without_names(text: str) -> str:
    text = _TITLE.sub("a figure", text)
    mid_sentence = set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+\b", text)) - {"I"}
    names = {name for name in mid_sentence if name.lower() not in _STARTERS}
    names |= {word for word in re.findall(r"\b[A-Z][a-z]+\b", text) if word.lower() in _NAMES}
    for name in names:
        text = re.sub(rf"\b{name}(?:'s)?(?:\s+[A-Z][a-z]+)?\b", "a figure", text)
    return text


def _phrase_at(words: list[str], index: int) -> tuple[list[str], int]:
    """A noun phrase that starts at ``index``, and the index after it; empty when there is none."""
    word = words[index]
    follows_place = index > 0 and words[index - 1] in _PLACE_PREPOSITIONS
    if word not in _DETERMINERS and not follows_place and word not in _PLACES | _CREATURES:
        return [], index
    phrase = [word] if word in _DETERMINERS else []
    at = index + len(phrase)
    while at < len(words) and len(phrase) <= _MAX_NOUN_WORDS and _continues(words[at], phrase):
        phrase.append(words[at])
        at += 1
    while len(phrase) > 1 and phrase[-1].endswith(("ing", "ed")) and phrase[-2] not in _DETERMINERS:
        phrase.pop()
        at -= 1
    nouns = [one for one in phrase if one not in _DETERMINERS]
    if not nouns or nouns[-1] in _EMPTY_HEADS or nouns[-1].endswith("ly") or (len(nouns) == 1 and len(nouns[0]) < 3):
        return [], index
    return phrase, at


def _continues(word: str, phrase: list[str]) -> bool:
    if not word[0].isalpha() or word in _STOP or word in _DETERMINERS:
        return False
    bare = [one for one in phrase if one not in _DETERMINERS]
    return not (bare and (word.endswith("ed") or word.endswith("ly")))


def _with_action(words: list[str], phrase: list[str], after: int) -> tuple[str, int]:
    """The phrase with what it does, as in "the walls melting into warm honey"."""
    parts = _respoken(phrase)
    at = after
    if at < len(words) and words[at] in ("was", "were", "kept", "started", "began"):
        at += 1
    verb = words[at] if at < len(words) else ""
    if verb.endswith("ed") and len(verb) > 4 and at == after:
        parts.append(verb[:-2] + "ing")
    elif verb.endswith("ing") and verb not in _STOP and verb not in _EMPTY_HEADS:
        parts.append(verb)
    else:
        return " ".join(parts), after
    after = at + 1
    if after + 1 < len(words) and words[after] in _PREPOSITIONS:
        target, beyond = _phrase_at(words, after + 1)
        if target and len(parts) + 1 + len(target) <= _MAX_PHRASE_WORDS:
            return " ".join([*parts, words[after], *_respoken(target)]), beyond
    return " ".join(parts), after


def _is_threat(words: list[str], index: int, after: int, phrase: list[str]) -> bool:
    before = words[max(0, index - 3) : index]
    following = words[after : after + 3]
    hunts = ("chas", "hunt", "pursu", "follow", "attack")
    is_agent = "by" in before and any(word.startswith(hunts) for word in before)
    return is_agent or phrase[-1] in _CREATURES or any(word.startswith(hunts) for word in following)


def _respoken(phrase: list[str]) -> list[str]:
    """The phrase in the third person: my -> the dreamer's; his, that, every -> the."""
    if phrase[0] not in _DETERMINERS:
        return list(phrase)
    return [*_KEPT_DETERMINERS.get(phrase[0], "the").split(), *phrase[1:]]


def _unique(phrases: Iterable[str]) -> tuple[str, ...]:
    heads: dict[str, str] = {}
    for phrase in phrases:
        heads.setdefault(phrase.split()[-1], phrase)
    return tuple(heads.values())
