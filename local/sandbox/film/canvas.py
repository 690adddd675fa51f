"""What the looks share: pixel coordinates, smooth noise, soft edges, colors. Everything is float32, light is 0..1.

Pictures are planar, (3, height, width): numpy multiplies whole planes some twenty times faster than pixels of three.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Field = NDArray[Any]
"""Always float32, which numpy's types cannot follow through the arithmetic.

One value per pixel (height, width), a picture (3, height, width), or a color (3, 1, 1)."""
_NOISE_SIZE = 512
_NOISE_BITS = 9


@dataclass(frozen=True)
class Canvas:
    """``x`` grows to the right, ``y`` upward; 0 is the middle and 1 half of the shorter side."""

    width: int
    height: int
    x: Field
    y: Field
    rng: np.random.Generator


class Look(Protocol):
    """One animated picture. ``frame`` gives the light of every pixel at ``t`` seconds, as (3, height, width)."""

    def __init__(self, canvas: Canvas) -> None: ...

    def frame(self, t: float) -> Field: ...


def make_canvas(width: int, height: int, seed: int) -> Canvas:
    half = min(width, height) / 2
    columns = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / half
    rows = ((height - 1) / 2 - np.arange(height, dtype=np.float32)) / half
    x, y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    return Canvas(width, height, x, y, np.random.default_rng(seed))


def smooth(low: float, high: float, value: Field) -> Field:
    """0 below ``low``, 1 above ``high``, an S-curve between (low > high turns it round)."""
    scale = 1 / (high - low)
    t = value * np.float32(scale)
    t -= np.float32(low * scale)
    np.clip(t, 0, 1, out=t)
    curve = t * np.float32(-2)
    curve += np.float32(3)
    curve *= t
    curve *= t
    return curve


def part(value: Field) -> Field:
    """The fractional part, 0..1 for negative values too."""
    return value - np.floor(value)


def color(red: float, green: float, blue: float) -> Field:
    return np.array([red, green, blue], np.float32).reshape(3, 1, 1)


def mix(below: Field, above: Field, amount: Field) -> Field:
    """``above`` over ``below``; ``amount`` 0..1 per pixel."""
    blended = above - below
    blended = blended * amount
    blended += below
    return blended


class Noise:
    """Tileable cloud noise with ``octaves`` scales, looked up at any coordinate (period 1).

    ``base`` is the number of cells along u and v in the coarsest scale: (4, 32) makes streaks along u.
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
        """Nearest lookup: cheap, and good where the picture does not magnify the table."""
        column = (u * np.float32(_NOISE_SIZE)).astype(np.int32)
        column &= _NOISE_SIZE - 1
        index = (v * np.float32(_NOISE_SIZE)).astype(np.int32)
        index &= _NOISE_SIZE - 1
        index <<= _NOISE_BITS
        found: Field = self._table.take(index | column, mode="wrap")
        return found


def _value_noise(rng: np.random.Generator, cells_u: int, cells_v: int) -> Field:
    """Random values on a torus of cells, interpolated smoothly to the table's size."""
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
