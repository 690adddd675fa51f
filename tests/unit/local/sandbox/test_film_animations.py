"""The six animations, drawn at a small size."""

from pathlib import Path

import av
import numpy as np
import pytest

from local.sandbox.film import picture
from local.sandbox.film.canvas import make_canvas
from local.sandbox.film.elements import draw_elements, elements_of
from local.sandbox.film.render import ANIMATIONS, render

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


@pytest.mark.parametrize(
    ("prompt", "elements"),
    [
        ("POV gentle rise through a dark forest, a river of lanterns", ["trees", "water", "lanterns"]),
        ("POV rapid movement down a city street, rain", ["city", "rain"]),
        ("the moon over a snowing winter night", ["moon", "snow", "stars"]),
        ("POV slow track along an empty hallway, nobody started training", []),
        ("stars, moon, snow and rain", ["stars", "moon", "snow"]),
    ],
)
def test_the_words_of_a_prompt_choose_what_is_drawn(prompt: str, elements: list[str]) -> None:
    assert elements_of(prompt) == elements


@pytest.mark.parametrize("prompt", ["stars", "moon", "city", "water", "trees", "lanterns", "snow", "rain"])
@pytest.mark.parametrize(("width", "height"), [(WIDTH, HEIGHT), (HEIGHT, WIDTH)])
def test_every_element_is_visible_and_leaves_the_rest(prompt: str, width: int, height: int) -> None:
    before = ANIMATIONS["liminal"](make_canvas(width, height, 1)).frame(1.0)
    images = []
    for t in (1.0, 1.5):
        image = before.copy()
        (draw,) = draw_elements(make_canvas(width, height, 1), prompt)
        draw(image, t)
        assert np.isfinite(image).all()
        images.append(image)
    changed = np.abs(images[0] - before).max(axis=0) > 0.05
    assert 0.005 < changed.mean() < 0.9
    assert np.abs(images[0] - images[1]).max() > 0.01


@pytest.mark.parametrize("name", ANIMATIONS)
def test_the_first_frame_is_not_black(tmp_path: Path, name: str) -> None:
    render(tmp_path / "film.mp4", f"{name} {_word_of(name)}", WIDTH, HEIGHT, 1, seed=1)
    with av.open(str(tmp_path / "film.mp4")) as film:
        first = next(film.decode(video=0)).to_ndarray(format="gray")
    # 16 is black in limited range; a thumbnail of this must show something.
    assert first.mean() > 20
    assert first.std() > 4


def _word_of(category: str) -> str:
    return {"gothic": "castle", "chase": "chased", "flight": "flying", "transformation": "melting"}.get(
        category, {"physics": "gravity", "liminal": "hallway"}.get(category, "")
    )


def test_the_moving_picture_is_a_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["picture", str(tmp_path / "dream.webp")])
    for name, value in (("_PROMPTS", picture._PROMPTS[:1]), ("_SECONDS", 1), ("_WIDTH", WIDTH), ("_HEIGHT", HEIGHT)):
        monkeypatch.setattr(picture, name, value)
    assert picture.main() == 0
    data = (tmp_path / "dream.webp").read_bytes()
    assert data[8:12] == b"WEBP"
    assert data.count(b"ANMF") > 6
