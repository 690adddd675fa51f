"""The six animations, drawn at a small size."""

import numpy as np
import pytest

from local.sandbox.film.canvas import make_canvas
from local.sandbox.film.render import ANIMATIONS

WIDTH, HEIGHT = 160, 90


@pytest.mark.parametrize("name", ANIMATIONS)
@pytest.mark.parametrize(("width", "height"), [(WIDTH, HEIGHT), (HEIGHT, WIDTH)])
def test_animation_moves_and_stays_in_range(name: str, width: int, height: int) -> None:
    animation = ANIMATIONS[name](make_canvas(width, height, 1))
    early, late = animation.frame(1.0), animation.frame(1.5)
    assert early.shape == (3, height, width)
    assert np.isfinite(early).all()
    assert np.isfinite(animation.frame(10.0)).all()
    assert early.min() >= -0.01
    assert early.max() < 4
    assert 0.02 < early.mean() < 0.9
    assert np.abs(early - late).mean() > 0.004


def test_animations_differ_by_category_and_seed() -> None:
    images = {name: animation(make_canvas(WIDTH, HEIGHT, 1)).frame(1.0) for name, animation in ANIMATIONS.items()}
    names = list(images)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            assert np.abs(images[name] - images[other]).mean() > 0.05, (name, other)
        again = ANIMATIONS[name](make_canvas(WIDTH, HEIGHT, 2)).frame(1.0)
        assert np.abs(images[name] - again).mean() > 0.005, name
