"""Gothic: a glide through pointed arches toward the moon, over a reflecting floor, with candles on the pillars."""

import math

import numpy as np

from local.sandbox.film.canvas import Canvas, Field, Noise, color, fraction, mix, smoothstep

_ARCHES = 6
_SPACING = 1.5
_SPEED = 0.62
_HALF_WIDTH = 0.74
_FLOOR = 0.60
_SPRING = 0.30
"""Height above eye level where the pillars end and the pointed arch begins. The floor is ``_FLOOR`` below eye level."""
_TIP = 1.62


class Gothic:
    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._noise = Noise(canvas.rng, octaves=6, base=(4, 4), gain=0.62)
        warm = float(canvas.rng.random())
        self._fog = color(0.26 + 0.16 * warm, 0.40, 0.58 - 0.08 * warm)
        self._moon = color(1.0, 0.97, 0.88)
        self._candle = color(1.0, 0.50, 0.16)
        self._sway = float(canvas.rng.uniform(0.6, 1.1))
        self._moon_x = float(canvas.rng.uniform(-0.05, 0.05))

    def frame(self, t: float) -> Field:
        c = self._canvas
        x = c.x - np.float32(0.06 * math.sin(self._sway * t))
        y = c.y - np.float32(0.03 * math.sin(1.7 * self._sway * t) - 0.12)
        travelled = _SPEED * t
        glow = np.exp((x * x + y * y * np.float32(0.7)) * np.float32(-1.5))
        image = self._background(x, y, glow, travelled)
        first = math.floor((travelled + 0.25) / _SPACING) + 1
        for number in range(first + _ARCHES, first - 1, -1):
            depth = number * _SPACING - travelled
            self._arch(image, x, y, depth, number, t, depth - _SPACING)
        mist = self._noise.at(x * np.float32(0.15) + np.float32(t * 0.02), y * np.float32(0.22) - np.float32(t * 0.012))
        mist *= glow * np.float32(0.50)
        return mix(image, self._fog * np.float32(1.35), mist)

    def _background(self, x: Field, y: Field, glow: Field, travelled: float) -> Field:
        """Draw the background: the moonlit sky, and the wet floor in perspective."""
        distance = np.sqrt((x - np.float32(self._moon_x)) ** 2 + (y - np.float32(0.075)) ** 2)
        sky = self._fog * (glow * np.float32(1.1) + np.exp(distance * np.float32(-7.0)))
        sky = mix(sky, self._moon, smoothstep(0.085, 0.070, distance))
        down = np.maximum(-y, np.float32(0.015))
        depth = np.float32(_FLOOR) / down
        across, along = x * depth, depth + np.float32(travelled)
        wet = self._noise.at(across * np.float32(0.31), along * np.float32(0.13))
        seams = np.maximum(
            smoothstep(0.46, 0.49, np.abs(fraction(across * 2) - np.float32(0.5))),
            smoothstep(0.46, 0.49, np.abs(fraction(along * 2) - np.float32(0.5))),
        )
        path = np.exp((x - np.float32(self._moon_x)) ** 2 * np.float32(-22.0))
        shine = (path * (wet + np.float32(0.25)) * np.float32(0.95) + glow * wet * np.float32(0.75)) * (
            1 - seams * np.float32(0.55)
        )
        candles = np.exp((np.abs(across) - np.float32(_HALF_WIDTH)) ** 2 * np.float32(-3.0)) * np.exp(
            depth * np.float32(-0.25)
        )
        floor = self._fog * (shine + (wet + np.float32(0.2)) * np.float32(0.16))
        floor += self._candle * (candles * wet * (1 - seams * np.float32(0.5)) * np.float32(0.30))
        return mix(sky, floor, smoothstep(0.0, -0.03, y))

    def _arch(self, image: Field, x: Field, y: Field, depth: float, number: int, t: float, nearer: float) -> None:
        """Draw one wall with its opening, only where it is visible through the next nearer opening."""
        if depth < 0.2:
            return
        rows, columns = self._visible_region(x, y, depth, nearer)
        wx, wy = x[rows, columns] * np.float32(depth), y[rows, columns] * np.float32(depth)
        if wx.size == 0:
            return
        below = image[:, rows, columns]
        rim = self._arch_distance(wx, wy)
        wall = smoothstep(-0.010 * depth - 0.004, 0.010 * depth + 0.004, rim) * smoothstep(
            -_FLOOR - 0.01, -_FLOOR + 0.01, wy
        )
        lit = self._stone(wx, wy, rim, number)
        clear = math.exp(-depth * 0.20)
        flicker = 0.85 + 0.15 * math.sin(9.1 * t + number * 2.3) * math.sin(5.3 * t + number)
        dx, dy = np.abs(wx) - np.float32(_HALF_WIDTH + 0.10), wy + np.float32(0.05)
        square = dx * dx + dy * dy * np.float32(0.7)
        glow = np.float32(0.06) / (square + np.float32(0.06))
        shade = self._fog * (lit * np.float32(0.85 * clear)) + self._candle * (
            lit * glow * np.float32(2.4 * flicker * clear)
        )
        shade += self._fog * np.float32(0.85 * (1 - clear) ** 1.2)
        painted = mix(below, shade, wall)
        flame = np.float32(0.0011) / (square + np.float32(0.0011)) + glow * glow * np.float32(0.16)
        painted += self._candle * (flame * np.float32(1.5 * flicker * (0.35 + 0.65 * clear)))
        image[:, rows, columns] = painted

    def _visible_region(self, x: Field, y: Field, depth: float, nearer: float) -> tuple[slice, slice]:
        if nearer < 0.2:
            return slice(None), slice(None)
        columns = np.flatnonzero(np.abs(x[0]) < (_HALF_WIDTH + 0.03) / nearer)
        rows = np.flatnonzero((y[:, 0] < _TIP / nearer) & (y[:, 0] > -_FLOOR / depth - 0.3))
        if not columns.size or not rows.size:
            return slice(0), slice(0)
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    def _arch_distance(self, wx: Field, wy: Field) -> Field:
        """Return the distance to a pointed arch, 0 at the rim: two circles that meet at the tip, on two pillars."""
        radius = 1.45
        side = np.abs(wx) + np.float32(radius - _HALF_WIDTH)
        above = np.maximum(wy - np.float32(_SPRING), 0)
        distance: Field = np.sqrt(side * side + above * above) - np.float32(radius)
        return distance

    def _stone(self, wx: Field, wy: Field, rim: Field, number: int) -> Field:
        """Return the wall's reflectance: rough blocks, and moldings that follow the arch."""
        rough = self._noise.at(wx * np.float32(0.31) + np.float32(number * 0.37), wy * np.float32(0.31))
        row = np.floor(wy * np.float32(3.2))
        joints = np.maximum(
            smoothstep(0.45, 0.49, np.abs(fraction(wy * np.float32(3.2)) - np.float32(0.5))),
            smoothstep(0.46, 0.49, np.abs(fraction(wx * np.float32(1.7) + row * np.float32(0.5)) - np.float32(0.5))),
        )
        molding = np.exp(np.maximum(rim, 0) * np.float32(-9.0)) * (
            np.float32(0.65) + np.float32(0.35) * np.cos(rim * np.float32(70.0))
        )
        relief: Field = rough * np.float32(0.42) * (1 - joints * np.float32(0.6)) + molding * np.float32(0.30)
        relief *= rough + np.float32(0.35)
        return relief
