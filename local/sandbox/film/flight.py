"""Flight: a slow rise over a sea of clouds toward a low sun, with thin cirrus above and passing birds."""

import math

import numpy as np

from local.sandbox.film.canvas import Canvas, Field, Noise, color, mix, smoothstep

_SKIES = (
    ((0.16, 0.30, 0.62), (1.00, 0.66, 0.38), (1.00, 0.86, 0.62)),
    ((0.22, 0.16, 0.45), (0.98, 0.48, 0.50), (1.00, 0.76, 0.62)),
    ((0.10, 0.38, 0.58), (0.95, 0.80, 0.62), (1.00, 0.94, 0.80)),
)
"""Colors of zenith, horizon and sun, one row per variant."""
_DECKS = ((0.0, 0.42, 0.55), (-0.09, 0.62, 0.85), (-0.24, 1.00, 1.3))
"""Level, distance below eye level and speed of each cloud layer, farthest first."""
_BIRDS = 7


class Flight:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._noise = Noise(canvas.rng, octaves=6, base=(4, 4), gain=0.58)
        zenith, horizon, sun = _SKIES[int(canvas.rng.integers(len(_SKIES)))]
        self._zenith, self._horizon, self._sun = color(*zenith), color(*horizon), color(*sun)
        self._sun_x = float(canvas.rng.uniform(-0.55, 0.55))
        self._bank = float(canvas.rng.choice([-1, 1]) * canvas.rng.uniform(0.05, 0.10))
        self._flock = canvas.rng.uniform((-1.6, 0.10, 0.4), (0.2, 0.55, 1.0), (_BIRDS, 3))

    def frame(self, t: float) -> Field:
        c = self._canvas
        roll = self._bank * math.sin(0.7 * t)
        cos, sin = np.float32(math.cos(roll)), np.float32(math.sin(roll))
        x = cos * c.x - sin * c.y
        y = sin * c.x + cos * c.y - np.float32(0.16 - 0.02 * t)
        image = self._sky(x, y, t)
        self._birds(image, x, y, t)
        for number, (level, height, speed) in enumerate(_DECKS):
            self._deck(image, x, y - np.float32(level), height, speed * t, number)
        return image

    def _sky(self, x: Field, y: Field, t: float) -> Field:
        image = mix(self._horizon, self._zenith, np.sqrt(np.clip(y * np.float32(0.85), 0, 1)))
        distance = np.sqrt((x - np.float32(self._sun_x)) ** 2 + (y - np.float32(0.10)) ** 2)
        image += self._sun * (
            np.exp(distance * np.float32(-2.4)) * np.float32(0.55) + smoothstep(0.10, 0.085, distance)
        )
        away = np.float32(0.35) / (np.maximum(y, 0) + np.float32(0.12))
        cirrus = self._noise.at(
            x * away * np.float32(0.16) + np.float32(0.3), (away + np.float32(0.16 * t)) * np.float32(0.5)
        )
        return mix(image, self._sun, smoothstep(0.50, 0.85, cirrus) * smoothstep(0.02, 0.5, y) * np.float32(0.6))

    def _deck(self, image: Field, x: Field, y: Field, height: float, travelled: float, number: int) -> None:
        """Draw one cloud layer over ``image``: a plane in perspective with a billowing upper edge."""
        first = int(np.argmax(y.min(axis=1) < 0.16 * height))
        x, y = x[first:], y[first:]
        ridge = x[-1] * np.float32(0.16 / height) + np.float32(number * 0.37 + travelled * 0.004)
        edge = self._noise.at(ridge, np.full_like(ridge, 0.13 * number + travelled * 0.03))
        down = (edge - np.float32(0.45)) * np.float32(0.30 * height) - y
        away = np.float32(height) / (np.maximum(down, 0) + np.float32(0.20))
        u = x * away * np.float32(0.20) + np.float32(number * 0.41)
        v = away * np.float32(0.16) + np.float32(travelled * 0.16)
        puff = self._noise.at(u, v)
        slope = puff - self._noise.at(u + np.float32(self._sun_x * 0.02), v + np.float32(0.035))
        rim = np.exp(np.abs(down) * np.float32(-16.0 / height)) * np.float32(0.5)
        bright = np.clip(np.float32(0.40) + puff * np.float32(0.55) + slope * np.float32(1.9) + rim, 0, 1)
        far = np.float32(0.50 - 0.23 * number)
        shadow = (self._zenith * np.float32(0.55) + self._horizon * np.float32(0.25)) * (1 - far) + self._horizon * far
        lit = self._sun * (1 - far) + self._horizon * far
        cover = smoothstep(0.0, 0.07 * height, down + (puff - np.float32(0.5)) * np.float32(0.06))
        image[:, first:] = mix(image[:, first:], mix(shadow, lit, bright), cover)

    def _birds(self, image: Field, x: Field, y: Field, t: float) -> None:
        for number, (start, height, size) in enumerate(self._flock):
            center_x, center_y = start + 0.22 * t * (1.2 - 0.4 * size), height + 0.02 * math.sin(t + number)
            near = (np.abs(x - np.float32(center_x)) < 0.05 * size) & (np.abs(y - np.float32(center_y)) < 0.06 * size)
            rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
            if not rows.size:
                continue
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            dx = np.abs(x[box] - np.float32(center_x)) / np.float32(0.05 * size)
            dy = (y[box] - np.float32(center_y)) / np.float32(0.05 * size)
            flap = np.float32(0.45 * math.sin(6.5 * t + 1.9 * number) + 0.15)
            wing = smoothstep(0.24, 0.06, np.abs(dy - flap * np.sqrt(dx))) * smoothstep(1.0, 0.7, dx)
            image[(slice(None), *box)] = mix(
                image[(slice(None), *box)], self._zenith * np.float32(0.25), wing * np.float32(0.85)
            )
