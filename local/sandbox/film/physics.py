"""Physics: a square shaft that twists as it recedes, with lit doors on all four walls and spheres falling both ways."""

import math

import numpy as np

from local.sandbox.film.canvas import Canvas, Field, Noise, color, fraction, mix, smoothstep

_SPHERES = 5
_HALF_WIDTH = 0.9
_SPEED = 1.1


class Physics:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._noise = Noise(canvas.rng, octaves=5, base=(8, 8))
        self._warm = color(1.0, 0.74, 0.40)
        shift = canvas.rng.uniform(-0.12, 0.12, 3)
        self._cold = color(0.36 + shift[0], 0.60 + shift[1], 0.78 + shift[2])
        self._twist = float(canvas.rng.choice([-1, 1]) * canvas.rng.uniform(0.14, 0.22))
        self._spheres = canvas.rng.uniform((0.2, -0.5, 0.5), (0.55, 0.5, 6.0), (_SPHERES, 3))
        self._radius = np.sqrt(canvas.x**2 + canvas.y**2) + np.float32(1e-3)
        self._cos, self._sin = canvas.x / self._radius, canvas.y / self._radius

    def frame(self, t: float) -> Field:
        image = self._shaft(t)
        order = sorted(range(_SPHERES), key=lambda number: -self._sphere_depth(number, t))
        for number in order:
            self._sphere(image, number, t)
        return image

    def _shaft(self, t: float) -> Field:
        # The twist depends on the depth, and the depth on the twisted square. Two iterations are accurate enough.
        depth = np.float32(_HALF_WIDTH * 1.12) / self._radius
        for _ in range(2):
            angle = depth * np.float32(self._twist) + np.float32(0.20 * t + 0.3 * math.sin(0.8 * t))
            cos_turn, sin_turn = np.cos(angle), np.sin(angle)
            cos = self._cos * cos_turn - self._sin * sin_turn
            sin = self._sin * cos_turn + self._cos * sin_turn
            wide, tall = np.abs(cos), np.abs(sin)
            depth = np.float32(_HALF_WIDTH) / (self._radius * np.maximum(wide, tall))
        is_side = wide > tall
        across = np.minimum(wide, tall) / np.maximum(wide, tall)
        wall = is_side * (np.float32(1) + (cos > 0)) + (~is_side) * np.float32(3) * (sin > 0)
        return self._paint(across, depth + np.float32(_SPEED * t), depth, wall.astype(np.float32), t)

    def _paint(self, across: Field, along: Field, depth: Field, wall: Field, t: float) -> Field:
        """Draw the four walls. ``across`` is 0 in the middle of a wall and 1 at its edges; ``wall`` is 0 to 3."""
        near = np.exp(depth * np.float32(-0.15))
        cell = np.floor(along)
        inner = np.abs(along - cell - np.float32(0.5))
        blur = 0.02
        seam_u = smoothstep(0.44, 0.48, np.abs(fraction(across * np.float32(2.5)) - np.float32(0.5)))
        seam_v = smoothstep(0.43, 0.48, np.abs(fraction(along * np.float32(4)) - np.float32(0.5)))
        seams = np.maximum(seam_u, seam_v) * near
        stone = self._noise.at(across * np.float32(0.23) + wall * np.float32(0.25), along * np.float32(0.17))
        shade = (np.float32(0.34) + np.float32(0.11) * wall + stone * np.float32(0.42)) * (1 - seams * np.float32(0.5))
        shade *= np.float32(1.0) - across**4 * np.float32(0.45)
        is_open = self._noise.at(cell * np.float32(0.137), wall * np.float32(0.29)) > 0.45
        door = smoothstep(0.38, 0.38 - blur, across) * smoothstep(0.30, 0.30 - blur, inner) * is_open
        frame = smoothstep(0.46, 0.46 - blur, across) * smoothstep(0.36, 0.36 - blur, inner) * is_open
        halo = np.exp((across * across + inner * inner) * np.float32(-3.0)) * is_open
        pulse = np.float32(0.92 + 0.08 * math.sin(2.2 * t))
        light = self._cold * (shade * near) + self._warm * (halo * near * np.float32(0.42) * pulse)
        light = mix(light, self._cold * np.float32(0.10), frame)
        inside = np.float32(1.05) - (across * np.float32(0.9) + inner * np.float32(1.1)) * np.float32(0.55)
        light = mix(light, self._warm * (inside * (near * np.float32(0.55) + np.float32(0.5)) * pulse), door)
        return mix(light, color(1.0, 0.93, 0.80), smoothstep(3.5, 14.0, depth) * np.float32(0.92))

    def _sphere_depth(self, number: int, t: float) -> float:
        return float((self._spheres[number][2] + (0.55 - 1.5 * (number % 2)) * 0.6 * t) % 5.5 + 0.75)

    def _sphere(self, image: Field, number: int, t: float) -> None:
        """Draw one sphere within its bounding box; every other sphere falls in the opposite direction."""
        c = self._canvas
        reach, fast, phase = self._spheres[number]
        depth = self._sphere_depth(number, t)
        turn = phase * 2 + (fast + 0.3) * t
        px, py = reach * math.cos(turn) / depth * 1.2, reach * math.sin(turn * 1.1) / depth * 1.2
        size = 0.17 / depth
        columns = np.flatnonzero(np.abs(c.x[0] - np.float32(px)) < size * 1.1)
        rows = np.flatnonzero(np.abs(c.y[:, 0] - np.float32(py)) < size * 1.1)
        if not columns.size or not rows.size:
            return
        box = slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        dx, dy = (c.x[box[1:]] - np.float32(px)) / np.float32(size), (c.y[box[1:]] - np.float32(py)) / np.float32(size)
        square = dx * dx + dy * dy
        dz = np.sqrt(np.clip(1 - square, 0, 1))
        key = np.clip(dx * np.float32(-0.45) + dy * np.float32(0.60) + dz * np.float32(0.66), 0, 1)
        back = np.clip(dx * np.float32(0.6) - dy * np.float32(0.5) - dz * np.float32(0.2) + np.float32(0.1), 0, 1)
        surface = (self._warm * np.float32(0.55) + np.float32(0.35)) * (key * np.float32(0.85) + np.float32(0.10))
        surface += self._cold * (back * np.float32(0.8)) + key**40 * np.float32(0.7)
        haze = np.float32(min(0.8, max(0.0, (depth - 2.5) / 5)))
        surface = surface * (1 - haze) + color(1.0, 0.93, 0.80) * haze
        image[box] = mix(image[box], surface, smoothstep(1.06, 0.92, square) * np.float32(min(1.0, (6.25 - depth) * 2)))
