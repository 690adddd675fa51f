"""Chase: a sprint down a wet street at night, with lights drawn into streaks and a red threat closing in."""

import math

import numpy as np

from local.sandbox.film.canvas import Canvas, Field, Noise, color, fraction, mix, smoothstep

_SPEED = 8.0
_EYE_HEIGHT = 0.55


class Chase:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._streaks = Noise(canvas.rng, octaves=3, base=(6, 40), gain=0.5)
        self._smoke = Noise(canvas.rng, octaves=5, base=(4, 4))
        shift = canvas.rng.uniform(-0.12, 0.12, 3)
        self._cold = color(0.22 + shift[0], 0.52 + shift[1], 1.0 + shift[2])
        self._warm = color(1.0, 0.58, 0.22)
        self._red = color(1.0, 0.09, 0.05)
        self._side = float(canvas.rng.choice([-1.0, 1.0]))
        self._wobble = float(canvas.rng.uniform(0.9, 1.3))

    def frame(self, t: float) -> Field:
        c = self._canvas
        turn = 0.42 * math.sin(self._wobble * t) + 0.10 * math.sin(2.9 * t)
        step = 0.03 * math.sin(11.0 * t)
        roll = -0.16 * math.cos(self._wobble * t) + 0.03 * math.sin(7.0 * t)
        cos, sin = np.float32(math.cos(roll)), np.float32(math.sin(roll))
        x = cos * c.x - sin * c.y - np.float32(turn)
        y = sin * c.x + cos * c.y - np.float32(0.06 + step)
        to_wall = np.float32(1.0) / (np.abs(x) + np.float32(0.004))
        to_ground = np.float32(_EYE_HEIGHT) / (np.maximum(-y, 0) + np.float32(0.004))
        depth = np.minimum(to_wall, to_ground)
        ground = smoothstep(-0.02, 0.02, (to_wall - to_ground) / depth)
        along = depth + np.float32(_SPEED * t)
        clear = np.exp(depth * np.float32(-0.11))
        light = mix(self._walls(x, y, depth, along, clear), self._ground(x, depth, along, clear), ground)
        distance = np.sqrt(x * x + y * y * np.float32(1.3))
        light += (self._cold * np.float32(0.7) + np.float32(0.25)) * (
            np.exp(distance * np.float32(-3.6)) * np.float32(0.95)
        )
        return self._threat(light, t)

    def _walls(self, x: Field, y: Field, depth: Field, along: Field, clear: Field) -> Field:
        """Draw house fronts: long smears of light at many heights, and rows of lit windows."""
        high = y * depth
        lane = high * np.float32(0.17) + (x > 0) * np.float32(0.5)
        smear = self._streaks.at(along * np.float32(0.11), lane)
        bright = smoothstep(0.60, 0.86, smear) * smoothstep(26.0, 9.0, depth)
        hue = smoothstep(0.40, 0.60, self._smoke.at(lane * np.float32(3.0), along * np.float32(0.02)))
        row, column = fraction(high * np.float32(1.6)), fraction(along * np.float32(0.8))
        window = (
            smoothstep(0.30, 0.36, row)
            * smoothstep(0.78, 0.72, row)
            * smoothstep(0.2, 0.3, column)
            * smoothstep(0.8, 0.7, column)
        )
        window *= (
            self._smoke.at(
                np.floor(along * np.float32(0.8)) * np.float32(0.173),
                np.floor(high * np.float32(1.6)) * np.float32(0.31) + (x > 0) * np.float32(0.5),
            )
            > 0.58
        )
        window *= smoothstep(0.0, 0.4, high) * clear * smoothstep(14.0, 5.0, depth)
        light: Field = self._cold * ((smear * np.float32(0.20) + np.float32(0.02) + bright * (1 - hue)) * clear)
        light += self._warm * (bright * hue * clear + window * np.float32(0.75))
        return light

    def _ground(self, x: Field, depth: Field, along: Field, clear: Field) -> Field:
        """Draw wet asphalt that reflects the lights as long stripes, with a dashed white center line."""
        across = x * depth
        gloss = self._streaks.at(along * np.float32(0.13), across * np.float32(0.24) + np.float32(0.25))
        rough = self._smoke.at(across * np.float32(0.7), along * np.float32(0.35))
        dash = smoothstep(0.075, 0.045, np.abs(across)) * smoothstep(
            0.46, 0.42, np.abs(fraction(along * np.float32(0.30)) - np.float32(0.5)) * 2
        )
        light: Field = self._cold * ((gloss * gloss * np.float32(0.55) + rough * np.float32(0.16)) * clear)
        light += self._warm * (smoothstep(0.62, 0.84, gloss) * rough * clear * np.float32(1.3))
        light += color(0.85, 0.87, 0.82) * (dash * clear * (rough * np.float32(0.6) + np.float32(0.3)))
        return light

    def _threat(self, light: Field, t: float) -> Field:
        """Draw a dark shape with a red glow that approaches at one edge of the view."""
        c = self._canvas
        reach = min(1.0, float(c.x.max()) * 0.7) * (0.55 + 0.07 * t + 0.16 * math.sin(2.1 * t))
        edge = np.float32(c.x.max()) - c.x * np.float32(self._side)
        ragged = self._smoke.at(
            c.y * np.float32(0.14) + np.float32(t * 0.09), edge * np.float32(0.10) - np.float32(t * 0.15)
        )
        near = edge + (ragged - np.float32(0.5)) * np.float32(0.9) + c.y * c.y * np.float32(0.15)
        pulse = np.float32(0.55 + 0.2 * math.sin(8.4 * t))
        light += self._red * (np.exp(np.maximum(near - np.float32(reach * 0.5), 0) * np.float32(-3.2)) * pulse)
        return mix(light, self._red * np.float32(0.03), smoothstep(reach * 0.75, reach * 0.30, near))
