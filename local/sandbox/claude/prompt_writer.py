"""Write the video prompt for a dream: the category's template, filled and extended with phrases from the dream."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

from local.sandbox.claude.phrase_extraction import DreamPhrases, extract_phrases
from local.sandbox.faults import runway_markers
from local.sandbox.request_log import sha256_of

TEMPLATES = Path(__file__).parents[3] / "prompts" / "templates"
MIN_WORDS, MAX_WORDS = 60, 120
MAX_UTF16_UNITS = 900
"""Below Runway's limit of 1,000 UTF-16 units, fault markers included."""
_SLOT = re.compile(r"\[[^\[\]]+\]")


@dataclass(frozen=True)
class PromptStyle:
    """The texts for one category: a fallback for each template slot, and sentences to choose from."""

    template: str
    place: str
    threat: str
    things: tuple[str, ...]
    place_form: str
    moves: str
    light: tuple[str, ...]
    air: tuple[str, ...]
    beats: tuple[str, ...]


STYLES = {
    "gothic": PromptStyle(
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
    "chase": PromptStyle(
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
    "flight": PromptStyle(
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
    "transformation": PromptStyle(
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
         "The last shape settles, strange and beautiful, and the dreamer cannot style away in wonder."),
    ),
    "physics": PromptStyle(
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
    "liminal": PromptStyle(
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


def write_prompt(dream: str, category: str) -> str:
    """Write the prompt for ``dream``: 60 to 120 words and at most 900 UTF-16 units, with Runway's fault markers last.

    The same dream always yields the same prompt.
    """
    style, markers = STYLES[category], runway_markers(dream)
    budget = MAX_UTF16_UNITS - utf16_units(" ".join(["", *markers]))
    for phrases in (extract_phrases(dream), DreamPhrases((), (), ())):
        rng = random.Random(sha256_of(dream))  # noqa: S311 - a choice of sentences, not a secret
        text = _compose(category, style, phrases, rng, budget, MAX_WORDS - len(markers))
        if utf16_units(text) <= budget:
            break
    return " ".join([text, *markers])


def utf16_units(text: str) -> int:
    """Return the length in Runway's unit: a character outside the basic multilingual plane counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _compose(
    category: str, style: PromptStyle, phrases: DreamPhrases, rng: random.Random, budget: int, max_words: int
) -> str:
    """Join the filled template, as many details, light and air as fit, and the closing emotional beat."""
    things = [*phrases.things, *phrases.threats[1:], *phrases.places[1:]]
    spare = [thing for thing in style.things if thing not in things]
    light, other_light = rng.sample(style.light, 2)
    opening = _fill_template(category, style, phrases, things, spare, light, rng)
    details = [*things[:3], *spare[: max(0, 2 - len(things))]]
    beat = rng.choice(style.beats)
    middle = [
        f"{_listed(details)} {style.moves}, all in one unbroken take.",
        f"The scene is lit by {other_light if light in opening else light}.",
        *rng.sample(style.air, len(style.air)),
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
    style: PromptStyle,
    phrases: DreamPhrases,
    things: list[str],
    spare: list[str],
    light: str,
    rng: random.Random,
) -> str:
    """Fill the template's slots, removing the phrases used from ``things`` and ``spare``."""
    place = style.place_form.format(phrases.places[0] if phrases.places else style.place)
    threat = phrases.threats[0] if phrases.threats else None

    def thing() -> str:
        return (things or spare).pop(0) if things or spare else style.things[0]

    def value(slot: re.Match[str]) -> str:
        name = slot.group().lower()
        if re.search(r"movement", name):
            return rng.choice(_MOVEMENT)
        if re.search(r"light", name):
            return light
        if re.search(r"threat", name):
            return threat or style.threat
        if re.search(r"dominat", name):
            return f"{threat or thing()} dominating the frame"
        if re.search(r"space|location|environment(?!al)|subject", name):
            return place
        return thing()

    filled = _SLOT.sub(value, _template(category, style))
    # A prompt must describe one continuous shot, so "abrupt cuts" is not allowed.
    return (
        filled.replace("abrupt cuts", "abrupt swerves")
        .replace("shifts/morphs", "shifts and morphs")
        .replace("sterile/fluorescent", "sterile fluorescent")
    )


def _template(category: str, style: PromptStyle) -> str:
    path = TEMPLATES / f"{category}.txt"
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("POV") and _SLOT.search(line):
                return line.strip()
    return style.template


def _listed(phrases: list[str]) -> str:
    text = phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    return text[0].upper() + text[1:]
