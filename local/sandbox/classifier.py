"""Classify a text into one of the six cinematic categories, by weighted English keywords."""

import re
import unicodedata
from dataclasses import dataclass

DEFAULT = "liminal"
"""Category of a text without keywords: its mood of unexplained emptiness fits a dream with few details."""

_KEYWORDS: dict[str, dict[str, float]] = {
    "gothic": {
        "nightmare*": 3, "haunt*": 3, "ghost*": 3, "castle*": 2.5, "cathedral*": 3, "grave*": 3, "cemetery": 3,
        "blood*": 2, "demon*": 3, "devil*": 3, "monster*": 2, "vampire*": 3, "crypt*": 3, "tomb*": 3, "decay*": 2,
        "rotting": 2, "rotten": 2, "ruin*": 1.5, "shadow*": 1.5, "mansion*": 2.5, "candle*": 1.5, "scream*": 1.5,
        "dead": 2, "death": 2, "corpse*": 3, "coffin*": 3, "skull*": 2.5, "bones": 2, "witch*": 2.5, "curse*": 2,
        "church*": 1.5, "raven*": 2, "spider*": 1.5, "attic*": 2, "basement*": 1.5, "cellar*": 2, "skeleton*": 3,
        "horror": 2, "terror": 1.5, "funeral*": 2.5, "dark": 1.5, "darkness": 2, "evil": 2, "moonlit": 1,
        "continuous glide": 6, "dread mounting": 4,
    },
    "chase": {
        "chas*": 4, "pursu*": 4, "run": 1.5, "ran": 1.5, "running": 2, "follow*": 1.5, "escap*": 2.5, "flee*": 3,
        "fled": 3, "hunt*": 3, "caught": 1.5, "catch*": 1.5, "hid": 1.5, "hide": 1.5, "hiding": 1.5, "killer*": 2,
        "attack*": 2, "wolf": 1.5, "wolves": 1.5, "police": 1.5, "footsteps": 1.5, "sprint*": 2.5, "faster": 1,
        "behind me": 2.5, "after me": 2.5, "gaining on": 2.5, "get away": 2, "panic*": 1, "rapid movement": 6,
        "gaining in peripheral": 4,
    },
    "flight": {
        "fly": 4, "flies": 3, "flew": 4, "flying": 4, "float*": 3, "soar*": 4, "wing*": 2.5, "sky": 1.5, "skies": 1.5,
        "cloud*": 2, "weightless*": 3, "hover*": 3, "glid*": 2, "drift*": 1.5, "levitat*": 3.5, "bird*": 1.5,
        "balloon*": 2, "feather*": 1.5, "airborne": 3, "rooftop*": 1, "above the": 1, "lifted off": 2.5, "stars": 1,
        "gentle rise": 6, "weightless perspective": 4,
    },
    "transformation": {
        "turn into": 4, "turned into": 4, "turning into": 4, "turns into": 4, "change into": 4, "changed into": 4,
        "changing into": 4, "becam*": 2.5, "becom*": 2.5, "transform*": 4, "morph*": 4, "metamorph*": 4, "melt*": 2.5,
        "grew": 1.5, "growing": 1.5, "shift*": 1, "skin": 1.5, "teeth": 2, "tooth": 2, "mirror*": 1.5,
        "reflection*": 1.5, "butterfl*": 1.5, "dissolv*": 2.5, "shrink*": 2, "shrank": 2, "scales": 1.5, "crumbl*": 1.5,
        "fell out": 1.5, "falling out": 1.5, "shape*": 1, "pov fixed on": 6, "shifts/morphs": 4,
    },
    "physics": {
        "gravity": 4, "upside down": 3.5, "upside-down": 3.5, "ceiling*": 1.5, "impossibl*": 2, "stairs": 1.5,
        "staircase*": 1.5, "falling up*": 3, "fell up*": 3, "rotat*": 2, "spinning": 2, "fold*": 2, "escher": 3,
        "tilt*": 1.5, "sideways": 2.5, "backward*": 2, "time stopped": 2, "frozen in": 1.5, "loop*": 1.5,
        "dimension*": 2, "infinite": 1.5, "gigantic": 1, "maze*": 1.5, "bend*": 2, "bent": 1.5, "paradox*": 3,
        "clock*": 1, "inside out": 2.5, "flowed up*": 2.5, "flowing up*": 2.5, "behaving wrong": 6,
        "reality glitches": 4,
    },
    "liminal": {
        "hallway*": 3, "corridor*": 2.5, "school*": 2.5, "office*": 2, "mall": 3, "malls": 3, "empty": 2,
        "abandon*": 1.5, "fluorescent": 4, "hotel*": 2, "airport*": 2.5, "pool": 2, "pools": 2, "parking": 2.5,
        "hospital*": 2, "supermarket*": 2.5, "endless": 1.5, "familiar": 2, "childhood": 1.5, "waiting room*": 3,
        "lobby": 2, "classroom*": 2.5, "carpet*": 1.5, "flicker*": 2, "door": 1, "doors": 1, "nobody": 1.5,
        "no one": 1.5, "alone": 1, "quiet": 1, "silent": 1, "elevator*": 1.5, "station*": 1.5, "locker*": 2,
        "house": 0.5, "slow track": 6, "empty wrongness": 4,
    },
}  # fmt: skip

CATEGORIES = tuple(_KEYWORDS)


def _pattern(keyword: str) -> re.Pattern[str]:
    stem = re.escape(keyword.removesuffix("*"))
    return re.compile(rf"\b{stem}\w*" if keyword.endswith("*") else rf"\b{stem}\b")


_PATTERNS = {
    category: [(_pattern(word), weight) for word, weight in words.items()] for category, words in _KEYWORDS.items()
}


@dataclass(frozen=True)
class Classification:
    """A category, with ``confidence`` from 0 to 1."""

    category: str
    confidence: float


def normalize_text(text: str) -> str:
    """Return ``text`` with composed characters, straight quotes, and emoji replaced by their English Unicode names."""
    composed = unicodedata.normalize("NFC", text).translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    return "".join(f", {_emoji_name(char)}, " if unicodedata.category(char) == "So" else char for char in composed)


def _emoji_name(char: str) -> str:
    """Return ``the butterfly`` for a butterfly, and nothing for faces and signs, which depict no object."""
    name = unicodedata.name(char, "").lower()
    is_thing = len(name.split()) <= 2 and not re.search("face|sign|symbol|mark|selector|square|circle|arrow", name)
    return f"the {name}" if is_thing else ""


def classify(text: str) -> Classification:
    """Return the category with the highest total weight. A keyword counts at most twice, to limit repetition."""
    lowered = normalize_text(text).lower()
    scores = {
        category: sum(weight * min(2, len(pattern.findall(lowered))) for pattern, weight in patterns)
        for category, patterns in _PATTERNS.items()
    }
    (best, top), (_, second) = sorted(scores.items(), key=lambda item: -item[1])[:2]
    if top == 0:
        return Classification(DEFAULT, 0.35)
    margin = (top - second) / (top + second)
    evidence = min(1.0, top / 6)
    return Classification(best, round(min(0.97, 0.45 + 0.3 * margin * evidence + 0.22 * evidence), 2))
