"""Transformation: liquid forms that swell, merge and separate, with a pearl finish on a slowly changing background."""

import math

import numpy as np

from local.sandbox.film.canvas import Canvas, Field, Noise, color, mix, smoothstep

_BALLS = 7
_SURFACE = 0.42
"""Field strength at the surface of the forms."""
_MEAN_SIZE = 0.40


class Transformation:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._noise = Noise(canvas.rng, octaves=5, base=(3, 3))
        wide = float(min(1.25, canvas.x.max() * 0.72))
        tall = float(min(0.75, canvas.y.max() * 0.62))
        self._orbit = canvas.rng.uniform(
            (0.15 * wide, 0.12 * tall, 0.45, 0.40, 0.0), (wide, tall, 1.05, 1.0, 2 * math.pi), (_BALLS, 5)
        )
        self._size = canvas.rng.uniform(0.26, 0.50, _BALLS)
        self._hue = float(canvas.rng.random())

    def frame(self, t: float) -> Field:
        field, slope_x, slope_y = self._field(t)
        level = np.log(np.maximum(field, np.float32(1e-6)) * np.float32(1 / _SURFACE))
        # For a single Gaussian blob these are exactly the normals of a sphere, so merged blobs look round.
        scale = np.float32(_MEAN_SIZE**2 / 2) / np.maximum(field, np.float32(1e-6))
        nx, ny = slope_x * -scale, slope_y * -scale
        nz = np.sqrt(np.maximum(level, 0)) * np.float32(_MEAN_SIZE)
        length = np.float32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-6))
        inside = smoothstep(-0.03, 0.05, level)
        halo = np.exp(np.minimum(level, 0) * np.float32(1.1)) * np.float32(0.30)
        background = self._background(t) + self._tint(t) * halo
        return mix(background, self._surface(nx * length, ny * length, nz * length, t), inside)

    def _field(self, t: float) -> tuple[Field, Field, Field]:
        """Return the sum of the Gaussian blobs and its slopes, in slightly distorted space."""
        c = self._canvas
        warp = self._noise.at(c.x * np.float32(0.10) + np.float32(t * 0.02), c.y * np.float32(0.10)) - np.float32(0.5)
        x, y = c.x + warp * np.float32(0.10), c.y + warp * np.float32(0.10)
        field, slope_x, slope_y = (np.zeros_like(x) for _ in range(3))
        for (reach_x, reach_y, fast_x, fast_y, phase), size in zip(self._orbit, self._size, strict=True):
            dx = x - np.float32(reach_x * math.sin(fast_x * t * 1.2 + phase))
            dy = y - np.float32(reach_y * math.sin(fast_y * t * 1.2 + phase * 1.7))
            sharp = 1 / (size * (1 + 0.16 * math.sin(1.4 * t + phase))) ** 2
            share = np.exp((dx * dx + dy * dy) * np.float32(-sharp))
            field += share
            share *= np.float32(-2 * sharp)
            slope_x += share * dx
            slope_y += share * dy
        return field, slope_x, slope_y

    def _surface(self, nx: Field, ny: Field, nz: Field, t: float) -> Field:
        """Shade as pearl: interference colors by angle, reflections of a sky and two lamps, and a bright rim."""
        turn = nz * np.float32(0.75) + nx * np.float32(0.22) + ny * np.float32(0.30) + np.float32(0.10 * t + self._hue)
        pearl = np.cos(np.float32(2 * math.pi) * (turn * np.float32(0.75) + color(0.0, 0.30, 0.58)))
        pearl *= np.float32(0.34)
        pearl += np.float32(0.58)
        up = np.clip(ny * np.float32(0.55) + nz * np.float32(0.45) + np.float32(0.25), 0, 1)
        mirror_y = nz * ny * 2
        mirror_x = nz * nx * 2
        lamp = smoothstep(0.28, 0.20, np.abs(mirror_y - np.float32(0.72))) * smoothstep(
            0.55, 0.42, np.abs(mirror_x + np.float32(0.30))
        )
        small = smoothstep(0.16, 0.06, np.sqrt((mirror_x - np.float32(0.62)) ** 2 + (mirror_y + np.float32(0.25)) ** 2))
        pearl *= up * np.float32(0.95) + np.float32(0.10)
        rim = 1 - nz
        rim *= rim
        pearl += color(0.55, 0.72, 1.0) * (rim * np.float32(0.38))
        return pearl + color(1.0, 0.98, 0.94) * (lamp * np.float32(0.62) + small * np.float32(0.35))

    def _tint(self, t: float) -> Field:
        wheel = [
            0.5 + 0.5 * math.cos(2 * math.pi * (self._hue + 0.45 + 0.03 * t + phase)) for phase in (0.05, 0.28, 0.52)
        ]
        return color(*wheel) * np.float32(0.75) + np.float32(0.15)

    def _background(self, t: float) -> Field:
        c = self._canvas
        drift = np.float32(0.014 * t)
        cloud = self._noise.at(c.x * np.float32(0.13) + drift, c.y * np.float32(0.15) - drift)
        veil = self._noise.at(c.x * np.float32(0.21) - drift, c.y * np.float32(0.10) + np.float32(0.4))
        image: Field = self._tint(t) * (cloud * cloud * np.float32(0.45) + np.float32(0.05))
        image += self._tint(t + 9) * (veil * cloud * np.float32(0.28))
        return image
