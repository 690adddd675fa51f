"""Things that a prompt names, drawn over the animation of its category: moon, stars, rain, snow, lanterns ...

Each is chosen by words and drawn by a function of its own, which adds to the light of the image.
"""

import math
import re
from collections.abc import Callable

import numpy as np

from local.sandbox.film.canvas import Canvas, Field, color, mix, smoothstep

type Draw = Callable[[Field, float], None]

_WORDS = {
    "stars": "star|stars|night|galax|planet|space",
    "moon": "moon|moonlit|moonlight",
    "snow": "snow|winter|ice|icy|frozen|feather",
    "rain": "rain|storm|thunder|flood",
    "lanterns": "lantern|candle|fire|flame|burn|ember|lamp|lights?",
    "trees": "tree|trees|forest|wood|woods|jungle|branch",
    "city": "city|cities|street|building|tower|skyscraper|town|rooftop",
    "water": "sea|ocean|water|river|lake|wave|waves|swim|tide|flood",
}
_MOST = 3
"""More elements than these hide the animation."""


def elements_of(prompt: str) -> list[str]:
    """Return the names of the elements that a prompt asks for, in the order of its words, at most three."""
    found = {}
    for name, words in _WORDS.items():
        if match := re.search(rf"\b(?:{words})(?:s|es|ed|ing)?\b", prompt, re.IGNORECASE):
            found[name] = match.start()
    return sorted(found, key=lambda name: found[name])[:_MOST]


def draw_elements(canvas: Canvas, prompt: str) -> list[Draw]:
    """Return what draws the prompt's elements, those that are far away first."""
    chosen = elements_of(prompt)
    return [_ELEMENTS[name](canvas) for name in _ELEMENTS if name in chosen]


def _stars(canvas: Canvas) -> Draw:
    sky = _points(canvas, 90)
    return lambda image, t: _dots(
        canvas, image, sky, color(0.9, 0.95, 1.0), 0.012, lambda n: 0.6 + 0.4 * math.sin(3 * t + n)
    )


def _moon(canvas: Canvas) -> Draw:
    x, y = _edge(canvas, canvas.x) * 0.55, _edge(canvas, canvas.y) * 0.5
    distance = np.sqrt((canvas.x - np.float32(x)) ** 2 + (canvas.y - np.float32(y)) ** 2)
    shade = np.sqrt((canvas.x - np.float32(x + 0.06)) ** 2 + (canvas.y - np.float32(y + 0.05)) ** 2)
    disc = smoothstep(0.17, 0.155, distance) * (np.float32(0.75) + np.float32(0.25) * smoothstep(0.05, 0.2, shade))
    glow = np.exp(distance * np.float32(-4)) * np.float32(0.35)

    def draw(image: Field, t: float) -> None:
        image += color(0.85, 0.90, 1.0) * glow * np.float32(1 + 0.2 * math.sin(2 * t))
        image[:] = mix(image, color(0.95, 0.96, 0.90), disc)

    return draw


def _lanterns(canvas: Canvas) -> Draw:
    start = _points(canvas, 26)

    def draw(image: Field, t: float) -> None:
        risen = start.copy()
        risen[:, 1] = (start[:, 1] + 0.12 * t * (0.5 + start[:, 2])) % 1.0
        risen[:, 0] += 0.01 * np.sin(t * 1.5 + 9 * start[:, 2])
        _dots(canvas, image, risen, color(1.0, 0.62, 0.22), 0.035, lambda n: 0.75 + 0.25 * math.sin(7 * t + 2 * n))

    return draw


def _snow(canvas: Canvas) -> Draw:
    return _falling(canvas, color(0.95, 0.97, 1.0), speed=0.16, drift=0.03, radius=0.016, count=120)


def _rain(canvas: Canvas) -> Draw:
    start = _points(canvas, 130)

    def draw(image: Field, t: float) -> None:
        for step in range(4):
            fallen = start.copy()
            fallen[:, 1] = (start[:, 1] - 1.3 * t * (0.6 + 0.4 * start[:, 2]) + 0.012 * step) % 1.0
            _dots(canvas, image, fallen, color(0.6, 0.7, 0.85), 0.010, lambda _: 0.45)

    return draw


def _falling(canvas: Canvas, light: Field, *, speed: float, drift: float, radius: float, count: int) -> Draw:
    start = _points(canvas, count)

    def draw(image: Field, t: float) -> None:
        fallen = start.copy()
        fallen[:, 1] = (start[:, 1] - speed * t * (0.5 + start[:, 2])) % 1.0
        fallen[:, 0] += drift * np.sin(t + 9 * start[:, 2])
        _dots(canvas, image, fallen, light, radius, lambda _: 0.8)

    return draw


def _city(canvas: Canvas) -> Draw:
    width = canvas.width
    columns = np.repeat(canvas.rng.uniform(0.08, 0.42, 40), math.ceil(width / 40))[:width]
    lit = canvas.rng.random((canvas.height // 6 + 1, width // 5 + 1)) > 0.6
    windows = np.repeat(np.repeat(lit, 6, axis=0), 5, axis=1)[: canvas.height, :width]
    panes = (np.arange(canvas.height)[:, None] % 6 > 2) & (np.arange(width)[None, :] % 5 > 2)
    rows = np.linspace(1, 0, canvas.height, dtype=np.float32)[:, None]

    def draw(image: Field, t: float) -> None:
        shift = int(t * 4) % width
        built = rows < np.roll(columns, -shift)[None, :]
        image[:] = mix(image, color(0.03, 0.04, 0.08), (built * np.float32(0.92)).astype(np.float32))
        shining = (built & np.roll(windows & panes, -shift, axis=1)).astype(np.float32)
        image += color(1.0, 0.82, 0.45) * shining * np.float32(0.7)

    return draw


def _trees(canvas: Canvas) -> Draw:
    count = 11
    centers = np.linspace(-1.1, 1.1, count) * float(canvas.x.max()) + canvas.rng.uniform(-0.08, 0.08, count)
    heights = canvas.rng.uniform(0.45, 1.0, count)
    bottom = float(canvas.y.min())

    def draw(image: Field, t: float) -> None:
        covered = np.zeros((canvas.height, canvas.width), np.float32)
        for number, (center, height) in enumerate(zip(centers, heights, strict=True)):
            up = (canvas.y - np.float32(bottom)) / np.float32(height)
            sway = np.float32(0.03 * math.sin(t + number)) * up
            teeth = np.float32(1) - np.float32(0.45) * np.mod(up * np.float32(5), np.float32(1))
            half = (np.float32(1) - up) * np.float32(0.20) * teeth
            covered = np.maximum(covered, smoothstep(0.0, 0.02, half - np.abs(canvas.x - np.float32(center) - sway)))
        image[:] = mix(image, color(0.02, 0.05, 0.04), covered * np.float32(0.9))

    return draw


def _water(canvas: Canvas) -> Draw:
    bottom = float(canvas.y.min())
    depth = np.clip((np.float32(bottom * 0.45) - canvas.y) / np.float32(-bottom * 0.55), 0, 1)
    surface = smoothstep(0.0, 0.04, depth)

    def draw(image: Field, t: float) -> None:
        near = np.float32(26) / (depth + np.float32(0.25))
        ripple = np.sin(near + np.float32(2.6 * t)) * np.sin(canvas.x * (np.float32(9) - depth * 4) + np.float32(t))
        tint = color(0.06, 0.20, 0.30) + color(0.35, 0.45, 0.50) * smoothstep(0.35, 1.0, ripple)
        image[:] = mix(image, tint, surface * np.float32(0.72))

    return draw


# From far to near.
_ELEMENTS: dict[str, Callable[[Canvas], Draw]] = {
    "stars": _stars,
    "moon": _moon,
    "city": _city,
    "water": _water,
    "trees": _trees,
    "lanterns": _lanterns,
    "snow": _snow,
    "rain": _rain,
}


def _points(canvas: Canvas, count: int) -> Field:
    """Return random points (x, y, depth), each 0..1 of the image."""
    found: Field = canvas.rng.random((count, 3))
    return found


def _edge(canvas: Canvas, axis: Field) -> float:
    side = float(canvas.rng.choice([-1, 1])) if axis is canvas.x else 1.0
    return side * float(axis.max())


def _dots(
    canvas: Canvas, image: Field, points: Field, light: Field, radius: float, strength: Callable[[int], float]
) -> None:
    """Add a soft dot of ``radius`` halves of the shorter side at every point."""
    reach = max(1, math.ceil(radius * min(canvas.width, canvas.height) / 2 * 1.6))
    grid = np.arange(-reach, reach + 1, dtype=np.float32)
    spot = np.exp(-(grid[:, None] ** 2 + grid[None, :] ** 2) / np.float32((reach / 1.6) ** 2))
    for number, (across, up, _) in enumerate(points):
        column, row = int((across % 1.0) * canvas.width), int((1 - up) * canvas.height)
        top, left = max(0, row - reach), max(0, column - reach)
        bottom, right = min(canvas.height, row + reach + 1), min(canvas.width, column + reach + 1)
        if top >= bottom or left >= right:
            continue
        part = spot[top - row + reach : bottom - row + reach, left - column + reach : right - column + reach]
        image[:, top:bottom, left:right] += light * part * np.float32(strength(number))
