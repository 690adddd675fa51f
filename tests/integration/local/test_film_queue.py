"""The sandbox's studio: films from worker processes."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from local.sandbox.runway.film_queue import Studio

_PATIENCE_SECONDS = 60.0
# Pixels: which films are made is the matter here, not what is in them.
_SMALL = (320, 180)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    found = Studio(tmp_path, workers=1)
    found.start()
    yield found
    found.stop()


def _order(studio: Studio, film_id: str, prompt: str = "POV walk through a cathedral", seed: int | None = None) -> None:
    studio.order(film_id, prompt, *_SMALL, 1, seed)


def _film(studio: Studio, film_id: str) -> bytes:
    """The film when it is there; the deadline only keeps a broken studio from hanging the test."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while studio.ready_at(film_id) is None and not studio.has_failed(film_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    return studio.path(film_id).read_bytes()


def _no_process(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a film was rendered")


def test_the_same_order_is_copied_and_not_rendered_again(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    _order(studio, "first")
    first = _film(studio, "first")
    monkeypatch.setattr(subprocess, "Popen", _no_process)

    _order(studio, "second")

    assert _film(studio, "second") == first
    assert (studio.ready_at("second") or 0) >= (studio.ready_at("first") or 0)


def test_another_order_is_another_film_and_a_lost_one_is_rendered_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    render = subprocess.Popen

    def counted(*args: object, **kwargs: object) -> object:
        rendered.append(args)
        return render(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    _order(studio, "first")
    first = _film(studio, "first")
    _order(studio, "other", seed=7)
    assert _film(studio, "other") != first
    studio.drop("first")

    _order(studio, "again")

    assert _film(studio, "again") == first
    assert len(rendered) == 3


def test_one_film_per_size_will_do_where_that_is_asked_for(tmp_path: Path) -> None:
    studio = Studio(tmp_path, workers=1, reuse=True)
    studio.start()
    try:
        _order(studio, "first", "POV glide through a gothic cathedral", seed=1)
        _order(studio, "second", "POV gentle rise, flying above the clouds", seed=2)
        studio.order("portrait", "POV glide through a gothic cathedral", _SMALL[1], _SMALL[0], 1, 1)
        films = [_film(studio, name) for name in ("first", "second", "portrait")]
    finally:
        studio.stop()
    assert films[0] == films[1] != films[2]
