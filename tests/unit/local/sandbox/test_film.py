"""The six looks, drawn small."""

import numpy as np
import pytest

from local.sandbox.film.canvas import make_canvas
from local.sandbox.film.render import LOOKS

WIDTH, HEIGHT = 160, 90


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize(("width", "height"), [(WIDTH, HEIGHT), (HEIGHT, WIDTH)])
def test_a_look_moves_and_stays_in_range(name: str, width: int, height: int) -> None:
    look = LOOKS[name](make_canvas(width, height, 1))
    early, late = look.frame(1.0), look.frame(1.5)
    assert early.shape == (3, height, width)
    assert np.isfinite(early).all()
    assert np.isfinite(look.frame(10.0)).all()
    assert early.min() >= -0.01
    assert early.max() < 4
    assert 0.02 < early.mean() < 0.9
    assert np.abs(early - late).mean() > 0.004


def test_looks_differ_by_category_and_by_seed() -> None:
    pictures = {name: look(make_canvas(WIDTH, HEIGHT, 1)).frame(1.0) for name, look in LOOKS.items()}
    names = list(pictures)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            assert np.abs(pictures[name] - pictures[other]).mean() > 0.05, (name, other)
        again = LOOKS[name](make_canvas(WIDTH, HEIGHT, 2)).frame(1.0)
        assert np.abs(pictures[name] - again).mean() > 0.005, name
