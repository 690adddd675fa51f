"""Liminal: a slow track down an empty corridor with yellowed walls, closed doors and one flickering lamp."""

import math

import numpy as np

from local.sandbox.film.canvas import Canvas, Field, Noise, color, fraction, mix, smoothstep

_HALF_WIDTH = 1.0
_CEILING = 0.72
_FLOOR = 0.80
_PANEL_EVERY = 2.0
_DOOR_EVERY = 3.0
_SPEED = 0.75
_PALETTES = (
    ((0.78, 0.70, 0.42), (0.42, 0.34, 0.20)),
    ((0.62, 0.70, 0.58), (0.25, 0.36, 0.34)),
    ((0.74, 0.66, 0.60), (0.46, 0.20, 0.18)),
)


class Liminal:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._noise = Noise(canvas.rng, octaves=5, base=(8, 8))
        walls, carpet = _PALETTES[int(canvas.rng.integers(len(_PALETTES)))]
        self._wall, self._carpet = color(*walls), color(*carpet)
        self._lamp = color(0.98, 1.0, 0.90)
        self._broken = int(canvas.rng.integers(0, 5))
        self._shift = float(canvas.rng.uniform(-0.15, 0.15))

    def frame(self, t: float) -> Field:
        c = self._canvas
        x = c.x - np.float32(self._shift + 0.03 * math.sin(0.9 * t))
        y = c.y - np.float32(0.05 + 0.012 * math.sin(3.8 * t))
        is_up = y > 0
        to_wall = np.float32(_HALF_WIDTH) / (np.abs(x) + np.float32(1e-4))
        to_level = np.where(is_up, np.float32(_CEILING), np.float32(_FLOOR)) / (np.abs(y) + np.float32(1e-4))
        depth = np.minimum(to_wall, to_level)
        along = depth + np.float32(_SPEED * t)
        power = self._panel_power(along, t)
        inner = np.abs(fraction(along / np.float32(_PANEL_EVERY)) - np.float32(0.5))
        light = (np.float32(0.58) + np.float32(0.60) * smoothstep(0.5, 0.0, inner)) * power
        wall = smoothstep(0.01, -0.01, (to_wall - to_level) / depth)
        middle = int(np.argmax(~is_up[:, 0]))
        level = np.concatenate(
            [
                self._ceiling(
                    x[:middle] * depth[:middle], along[:middle], light[:middle], inner[:middle], power[:middle]
                ),
                self._floor(x[middle:] * depth[middle:], along[middle:], light[middle:], depth[middle:]),
            ],
            axis=1,
        )
        image = mix(level, self._walls(y * depth, along, light, x > 0), wall)
        return mix(image, self._wall * np.float32(0.72), 1 - np.exp(depth * np.float32(-0.075)))

    def _panel_power(self, along: Field, t: float) -> Field:
        """Return the brightness of the lamp panel above each point: every fifth panel flickers."""
        number = np.floor(along / np.float32(_PANEL_EVERY))
        is_on = math.sin(31.0 * t) * math.sin(13.7 * t) * math.sin(5.1 * t) > -0.08
        is_broken = np.mod(number, np.float32(5)) == self._broken
        return np.where(is_broken, np.float32(1.0 if is_on else 0.3), np.float32(1.0))

    def _walls(self, high: Field, along: Field, light: Field, is_right: Field) -> Field:
        """Draw striped, stained wallpaper above a skirting board, with closed doors alternating left and right."""
        paper = self._noise.at(along * np.float32(0.21), high * np.float32(0.21) + is_right * np.float32(0.4))
        stripes = np.float32(0.94) + np.float32(0.06) * np.cos(along * np.float32(25.0))
        shade = light * stripes * (1 - smoothstep(0.55, 0.9, paper) * np.float32(0.25))
        shade *= np.float32(0.72) + np.float32(0.25) * smoothstep(-0.8, 0.7, high)
        board = self._wall * np.float32(0.34) + np.float32(0.19)
        image = mix(self._wall * shade, board * light, smoothstep(-0.66, -0.68, high))
        inner = (
            fraction((along + is_right * np.float32(_DOOR_EVERY / 2)) / np.float32(_DOOR_EVERY)) - np.float32(0.5)
        ) * np.float32(_DOOR_EVERY)
        side = np.abs(inner)
        panel = smoothstep(0.31, 0.29, side) * smoothstep(
            0.23, 0.21, np.abs(np.abs(high + np.float32(0.16)) - np.float32(0.26))
        )
        knob = smoothstep(0.05, 0.03, np.sqrt((inner - np.float32(0.36)) ** 2 + (high + np.float32(0.18)) ** 2))
        frame = smoothstep(0.52, 0.50, side) * smoothstep(0.44, 0.42, high)
        leaf = smoothstep(0.46, 0.44, side) * smoothstep(0.38, 0.36, high)
        image = mix(image, (self._wall * np.float32(0.35) + np.float32(0.30)) * light, frame)
        image = mix(
            image,
            (self._carpet * np.float32(0.8) + np.float32(0.22))
            * (light * (np.float32(0.55) - panel * np.float32(0.12))),
            leaf,
        )
        return mix(image, color(0.9, 0.78, 0.45) * light, knob)

    def _ceiling(self, across: Field, along: Field, light: Field, inner: Field, power: Field) -> Field:
        lamp = smoothstep(0.36, 0.34, np.abs(across)) * smoothstep(0.125, 0.115, inner)
        tile_u = np.abs(fraction(np.abs(across) * np.float32(1.5) + np.float32(0.5)) - np.float32(0.5))
        tile_v = np.abs(fraction(along) - np.float32(0.5))
        seam = np.maximum(smoothstep(0.475, 0.495, tile_u), smoothstep(0.475, 0.495, tile_v))
        tiles = (self._wall * np.float32(0.5) + np.float32(0.38)) * (
            light * (np.float32(0.74) - seam * np.float32(0.22))
        )
        return mix(tiles, self._lamp * (power * np.float32(1.1)), lamp)

    def _floor(self, across: Field, along: Field, light: Field, depth: Field) -> Field:
        """Draw a carpet of diamonds that fade with distance, with a faint reflection of the lamps."""
        weave = self._noise.at(across * np.float32(0.9), along * np.float32(0.9))
        diamond = np.abs(fraction(across * np.float32(2.5)) - np.float32(0.5)) + np.abs(
            fraction(along * np.float32(2.5)) - np.float32(0.5)
        )
        pattern = smoothstep(0.34, 0.30, np.abs(diamond - np.float32(0.5)) * np.float32(2.2)) * np.exp(
            depth * np.float32(-0.12)
        )
        shade = light * (np.float32(0.66) + weave * np.float32(0.4))
        image = mix(self._carpet * shade, self._wall * np.float32(0.55) * shade, pattern * np.float32(0.55))
        return image + self._lamp * (smoothstep(0.5, 0.0, np.abs(across)) * light * np.float32(0.08))
