"""Writes the video prompt for a dream: the category's template, filled and extended from the dream's own words."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

from local.sandbox.claude.categories import Guess, classify
from local.sandbox.claude.phrases import DreamWords, read_dream
from local.sandbox.faults import runway_words, without_magic
from local.sandbox.request_log import sha256_of

TEMPLATES = Path(__file__).parents[3] / "prompts" / "templates"
MIN_WORDS, MAX_WORDS = 60, 120
MAX_UTF16_UNITS = 900
"""Below Runway's limit of 1,000 UTF-16 units, magic words included."""
_SLOT = re.compile(r"\[[^\[\]]+\]")


@dataclass(frozen=True)
class Look:
    """What the writer knows about one category: fallbacks for each slot, and sentences to choose from."""

    template: str
    place: str
    threat: str
    things: tuple[str, ...]
    place_form: str
    moves: str
    light: tuple[str, ...]
    air: tuple[str, ...]
    beats: tuple[str, ...]


LOOKS = {
    "gothic": Look(
        "POV continuous glide through [twisted/decaying space], [oppressive element dominates frame], "
        "[unnatural lighting], slow push forward, dread mounting.",
        "a vaulted stone corridor", "a towering hooded figure",
        ("a row of dying candles", "cracked stone faces", "a door that breathes"),
        "a twisted, decaying version of {}", "rising out of the dark one after another",
        ("cold moonlight falling in shafts from the left", "a sickly blue glow bleeding up from the floor",
         "low candlelight raking across wet stone"),
        ("Fog crawls over the ground and swallows every edge.", "Black dust hangs in the air and never settles.",
         "Carved arches lean inward as the camera glides on."),
        ("The air itself seems to hold its breath, and a heavy, helpless dread settles in.",
         "Everything waits in silence, and the dreamer feels small, watched and afraid."),
    ),
    "chase": Look(
        "POV rapid movement through [location], [threat] gaining in peripheral, sharp turns, "
        "[environmental obstacles], accelerating panic, abrupt cuts.",
        "a narrow rain-soaked alley", "a tall faceless shape",
        ("overturned bins", "low hanging branches", "a gate that will not open"),
        "{}", "rushing past the lens",
        ("hard red light flashing from behind", "streetlamps smearing into long streaks overhead",
         "headlights throwing frantic shadows ahead"),
        ("Breath fogs the lens while the ground blurs underneath.", "Every surface streaks into lines of wet light.",
         "The horizon tilts and jolts with every stride."),
        ("The way ahead narrows, and raw panic beats like a drum.",
         "There is no room left to run, only a racing heart and sheer terror."),
    ),
    "flight": Look(
        "POV gentle rise through [environment], [surreal elements] drift past, weightless perspective shifts, "
        "impossible angles, dreamlike momentum.",
        "a sea of golden clouds", "a slow dark storm front",
        ("glowing paper lanterns", "a flock of silver birds", "islands hanging in the air"),
        "{}", "drifting past within reach",
        ("warm low sunlight pouring in from the horizon", "soft dawn light brushing every edge with gold",
         "violet dusk light glowing from below"),
        ("Layers of mist slide by at different speeds.", "The world below shrinks to a quiet map of light.",
         "Wind moves everything in one long, slow breath."),
        ("The body forgets its weight, and pure, quiet wonder opens wide.",
         "Nothing holds the dreamer down anymore, only calm and joyful freedom."),
    ),
    "transformation": Look(
        "POV fixed on [subject/space], [element] gradually shifts/morphs, reality bends, [detail] transforms, "
        "unsettling transition, surreal revelation.",
        "a still room", "a waiting silhouette",
        ("the dreamer's own hands", "a surface like liquid glass", "the shape in the mirror"),
        "{}", "softening, swelling and flowing onward",
        ("iridescent light sliding across every surface from above", "a pulsing glow from within",
         "pale side light that changes color as it moves"),
        ("Edges ripple as if the whole scene were made of liquid.", "Colors bleed from one form into the next.",
         "Familiar outlines stretch, fold inward and bloom again."),
        ("What remains is almost recognizable, and awe turns slowly into unease.",
         "The last shape settles, strange and beautiful, and the dreamer cannot look away in wonder."),
    ),
    "physics": Look(
        "POV [impossible camera movement] through [space], [objects/gravity] behaving wrong, "
        "[architectural impossibility], reality glitches.",
        "a tower without floors", "a slow falling shadow",
        ("stairs that fold back into themselves", "water climbing the walls", "furniture falling upward"),
        "{}", "turning slowly around an axis that is not there",
        ("light bending around corners from a source below", "cold geometric light cutting in from the right",
         "lamps whose shadows point toward them"),
        ("Up and down trade places without a sound.", "Straight lines curl into loops and close on themselves.",
         "Every distance stretches and snaps back like elastic."),
        ("Balance slips away, and dizzy, weightless disbelief takes over.",
         "Nothing obeys any rule anymore, and bewildered awe is all that is left."),
    ),
    "liminal": Look(
        "POV slow track through [familiar space made wrong], [uncanny detail], sterile/fluorescent lighting, "
        "empty wrongness, mounting unease.",
        "an endless carpeted corridor", "a figure that never turns around",
        ("identical half-open doors", "a humming exit sign", "chairs facing the wall"),
        "{}, subtly wrong and stretched too long", "coming back again a little further on",
        ("flat fluorescent light humming from overhead", "pale greenish light falling straight from the ceiling panels",
         "one flickering tube throwing weak light down the middle"),
        ("The same stretch of floor seems to come around again.", "Dust hangs still, as if nobody ever came here.",
         "Somewhere far off a machine hums and never stops."),
        ("No one is here, and a quiet, lonely unease keeps growing.",
         "It all looks like home and feels like nowhere, and a hollow sadness lingers."),
    ),
}  # fmt: skip
_MOVEMENT = ("slow barrel roll and backward fall", "upside-down drift", "spiralling sideways glide")


@dataclass(frozen=True)
class Script:
    """An answer to a dream. ``prompt`` has 60 to 120 words, at most 900 UTF-16 units, and ends with Runway's words."""

    guess: Guess
    prompt: str


def write_script(dream: str) -> Script:
    """The category and the prompt for ``dream``: the same dream always gives the same script."""
    guess = classify(without_magic(dream))
    return Script(guess, _write(dream, guess.category, runway_words(dream)))


def utf16_units(text: str) -> int:
    """Length as Runway counts it: a character outside the basic plane counts two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _write(dream: str, category: str, extra: list[str]) -> str:
    look = LOOKS[category]
    budget = MAX_UTF16_UNITS - utf16_units(" ".join(["", *extra]))
    for words in (read_dream(dream), DreamWords((), (), ())):
        rng = random.Random(sha256_of(dream))  # noqa: S311 - a choice of sentences, not a secret
        text = _compose(category, look, words, rng, budget, MAX_WORDS - len(extra))
        if utf16_units(text) <= budget:
            break
    return " ".join([text, *extra])


def _compose(category: str, look: Look, words: DreamWords, rng: random.Random, budget: int, max_words: int) -> str:
    """Opening from the template, details, light and air as far as they fit, and the emotional beat at the end."""
    things = [*words.things, *words.threats[1:], *words.places[1:]]
    spare = [thing for thing in look.things if thing not in things]
    light, other_light = rng.sample(look.light, 2)
    opening = _fill_template(category, look, words, things, spare, light, rng)
    details = [*things[:3], *spare[: max(0, 2 - len(things))]]
    beat = rng.choice(look.beats)
    middle = [
        f"{_listed(details)} {look.moves}, all in one unbroken take.",
        f"The scene is lit by {other_light if light in opening else light}.",
        *rng.sample(look.air, len(look.air)),
    ]
    chosen: list[str] = []
    for sentence in middle:
        is_enough = len(chosen) >= 3 and len(" ".join([opening, *chosen, beat]).split()) >= MIN_WORDS
        trial = " ".join([opening, *chosen, sentence, beat])
        if not is_enough and len(trial.split()) <= max_words and utf16_units(trial) <= budget:
            chosen.append(sentence)
    return " ".join([opening, *chosen, beat])


def _fill_template(
    category: str,
    look: Look,
    words: DreamWords,
    things: list[str],
    spare: list[str],
    light: str,
    rng: random.Random,
) -> str:
    """The template with its slots filled. Takes what it uses out of ``things`` and ``spare``."""
    place = look.place_form.format(words.places[0] if words.places else look.place)
    threat = words.threats[0] if words.threats else None

    def thing() -> str:
        return (things or spare).pop(0) if things or spare else look.things[0]

    def value(slot: re.Match[str]) -> str:
        name = slot.group().lower()
        if re.search(r"movement", name):
            return rng.choice(_MOVEMENT)
        if re.search(r"light", name):
            return light
        if re.search(r"threat", name):
            return threat or look.threat
        if re.search(r"dominat", name):
            return f"{threat or thing()} dominating the frame"
        if re.search(r"space|location|environment(?!al)|subject", name):
            return place
        return thing()

    filled = _SLOT.sub(value, _template(category, look))
    # "Abrupt cuts" would contradict the rule of one continuous shot.
    return (
        filled.replace("abrupt cuts", "abrupt swerves")
        .replace("shifts/morphs", "shifts and morphs")
        .replace("sterile/fluorescent", "sterile fluorescent")
    )


def _template(category: str, look: Look) -> str:
    path = TEMPLATES / f"{category}.txt"
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("POV") and _SLOT.search(line):
                return line.strip()
    return look.template


def _listed(phrases: list[str]) -> str:
    text = phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    return text[0].upper() + text[1:]
