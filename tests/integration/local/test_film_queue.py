"""The sandbox's film queue, which renders videos in worker processes."""

import io
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import av
import pytest

from local.sandbox.runway.film_queue import REUSED_FRAMES_PER_SECOND, FilmQueue

_TIMEOUT_SECONDS = 60.0
# Pixels. The content of the videos is not tested here.
_SMALL = (320, 180)


@pytest.fixture
def film_queue(tmp_path: Path) -> Iterator[FilmQueue]:
    running = FilmQueue(tmp_path, workers=1)
    running.start()
    yield running
    running.stop()


def _submit(
    film_queue: FilmQueue, video_id: str, prompt: str = "POV walk through a cathedral", seed: int | None = None
) -> None:
    film_queue.submit(video_id, prompt, *_SMALL, 1, seed)


def _wait_for_video(film_queue: FilmQueue, video_id: str) -> bytes:
    """Wait for a video and return its content. The timeout only keeps a broken queue from hanging the test."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while film_queue.ready_at(video_id) is None and not film_queue.has_failed(video_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    return film_queue.path(video_id).read_bytes()


def _frames_per_second(video: bytes) -> float:
    with av.open(io.BytesIO(video), "r") as container:
        return float(container.streams.video[0].average_rate or 0)


def _no_process(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a video was rendered")


def test_repeated_job_copies_the_earlier_video(film_queue: FilmQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    _submit(film_queue, "first")
    first = _wait_for_video(film_queue, "first")
    monkeypatch.setattr(subprocess, "Popen", _no_process)

    _submit(film_queue, "second")

    assert _wait_for_video(film_queue, "second") == first
    assert _frames_per_second(first) == 24, "as Runway's"
    assert (film_queue.ready_at("second") or 0) >= (film_queue.ready_at("first") or 0)


def test_different_job_and_job_whose_video_was_deleted_are_rendered(
    film_queue: FilmQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    render = subprocess.Popen

    def counted(*args: object, **kwargs: object) -> object:
        rendered.append(args)
        return render(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    _submit(film_queue, "first")
    first = _wait_for_video(film_queue, "first")
    _submit(film_queue, "other", seed=7)
    assert _wait_for_video(film_queue, "other") != first
    film_queue.delete("first")

    _submit(film_queue, "again")

    assert _wait_for_video(film_queue, "again") == first
    assert len(rendered) == 3


def test_reuse_renders_one_video_per_size_also_after_its_deletion(tmp_path: Path) -> None:
    film_queue = FilmQueue(tmp_path, workers=1, reuse=True)
    film_queue.start()
    try:
        _submit(film_queue, "first", "POV glide through a gothic cathedral", seed=1)
        videos = [_wait_for_video(film_queue, "first")]
        film_queue.delete("first")
        _submit(film_queue, "second", "POV gentle rise, flying above the clouds", seed=2)
        film_queue.submit("portrait", "POV glide through a gothic cathedral", _SMALL[1], _SMALL[0], 1, 1)
        videos += [_wait_for_video(film_queue, name) for name in ("second", "portrait")]
    finally:
        film_queue.stop()
    # A video of another prompt would differ.
    assert videos[0] == videos[1] != videos[2]
    assert _frames_per_second(videos[0]) == REUSED_FRAMES_PER_SECOND
