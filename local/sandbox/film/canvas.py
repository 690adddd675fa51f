"""Drawing functions shared by the animations: coordinates, smooth noise, soft edges and colors.

Values are float32, and light is 0..1. Images are planar, (3, height, width): NumPy multiplies whole planes about twenty
times faster than interleaved pixels.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Field = NDArray[Any]
"""An array of float32, a type that NumPy's annotations do not preserve through arithmetic.

One value per pixel (height, width), an image (3, height, width), or a color (3, 1, 1)."""
_NOISE_SIZE = 512
_NOISE_BITS = 9


@dataclass(frozen=True)
class Canvas:
    """A drawing area. ``x`` grows to the right, ``y`` upward; 0 is the center and 1 half of the shorter side."""

    width: int
    height: int
    x: Field
    y: Field
    rng: np.random.Generator


class Animation(Protocol):
    """One animation on a canvas."""

    def __init__(self, canvas: Canvas) -> None: ...

    def frame(self, t: float) -> Field:
        """Return the light of every pixel at ``t`` seconds, as (3, height, width)."""
        ...


def make_canvas(width: int, height: int, seed: int) -> Canvas:
    half = min(width, height) / 2
    columns = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / half
    rows = ((height - 1) / 2 - np.arange(height, dtype=np.float32)) / half
    x, y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    return Canvas(width, height, x, y, np.random.default_rng(seed))


def smoothstep(low: float, high: float, value: Field) -> Field:
    """Return 0 below ``low``, 1 above ``high`` and an S-curve between; ``low`` > ``high`` inverts it."""
    scale = 1 / (high - low)
    t = value * np.float32(scale)
    t -= np.float32(low * scale)
    np.clip(t, 0, 1, out=t)
    curve = t * np.float32(-2)
    curve += np.float32(3)
    curve *= t
    curve *= t
    return curve


def fraction(value: Field) -> Field:
    """Return the fractional part, 0..1 for negative values too."""
    return value - np.floor(value)


def color(red: float, green: float, blue: float) -> Field:
    return np.array([red, green, blue], np.float32).reshape(3, 1, 1)


def mix(below: Field, above: Field, amount: Field) -> Field:
    """Blend ``above`` over ``below`` by ``amount``, 0..1 per pixel."""
    blended = above - below
    blended = blended * amount
    blended += below
    return blended


class Noise:
    """Tileable cloud noise (period 1) of ``octaves`` scales.

    ``base`` is the number of cells along u and v in the coarsest scale; (4, 32) produces streaks along u.
    """

    def __init__(
        self, rng: np.random.Generator, octaves: int = 5, base: tuple[int, int] = (4, 4), gain: float = 0.55
    ) -> None:
        total = np.zeros((_NOISE_SIZE, _NOISE_SIZE), np.float32)
        for octave in range(octaves):
            total += np.float32(gain**octave) * _value_noise(rng, base[0] * 2**octave, base[1] * 2**octave)
        total -= total.min()
        self._table = np.ascontiguousarray(total / total.max()).ravel()

    def at(self, u: Field, v: Field) -> Field:
        """Return the nearest table value: fast, and sufficient where the image does not magnify the table."""
        column = (u * np.float32(_NOISE_SIZE)).astype(np.int32)
        column &= _NOISE_SIZE - 1
        index = (v * np.float32(_NOISE_SIZE)).astype(np.int32)
        index &= _NOISE_SIZE - 1
        index <<= _NOISE_BITS
        found: Field = self._table.take(index | column, mode="wrap")
        return found


def _value_noise(rng: np.random.Generator, cells_u: int, cells_v: int) -> Field:
    """Return random values on a torus of cells, interpolated smoothly to the table's size."""
    grid = rng.random((cells_v, cells_u), dtype=np.float32)
    low, high, weight = _steps(cells_v)
    rows = grid[low] + (grid[high] - grid[low]) * weight[:, None]
    low, high, weight = _steps(cells_u)
    table: Field = (rows[:, low] + (rows[:, high] - rows[:, low]) * weight[None, :]).astype(np.float32)
    return table


def _steps(cells: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Field]:
    position = np.arange(_NOISE_SIZE, dtype=np.float32) * np.float32(cells / _NOISE_SIZE)
    low = position.astype(np.int32)
    weight = (position - low).astype(np.float32)
    return low, (low + 1) % cells, weight * weight * (3 - 2 * weight)
