"""Render the sandbox's video files in worker processes.

At most one process per two cores renders at a time, so that the machine stays responsive. Rendering takes seconds of
CPU time and is deterministic, so a repeated job copies the earlier file. With ``reuse``, any earlier video of the same
size and length is copied, even one that was deleted since, and videos have a sixth of the frames: for tests, which
would otherwise spend much of their time on encoding and decoding.
"""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_STOP_SECONDS = 5.0
REUSED_FRAMES_PER_SECOND = 4
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
"""glibc: keep freed image buffers. Returning them to the kernel would double the time per frame."""


class FilmQueue:
    """Render queue with ``<video_id>.mp4`` in ``folder`` as output. A file has that name only once it is complete."""

    def __init__(self, folder: Path, workers: int | None = None, *, reuse: bool = False) -> None:
        self._folder = folder
        self._reuse = reuse
        self._jobs: queue.Queue[tuple[str, dict[str, object]] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._failed: set[str] = set()
        self._deleted: set[str] = set()
        self._rendered: dict[str, Path] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopped = False
        count = workers or max(1, (os.cpu_count() or 2) // 2)
        self._threads = [
            threading.Thread(target=self._process_jobs, name="film-queue", daemon=True) for _ in range(count)
        ]

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Terminate running renders and wait for the workers."""
        with self._lock:
            self._stopped = True
            processes = list(self._running.values())
        for process in processes:
            process.terminate()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def submit(self, video_id: str, prompt: str, width: int, height: int, seconds: int, seed: int | None) -> None:
        """Queue a video of ``seconds`` at ``width`` x ``height`` pixels."""
        job: dict[str, object]
        job = {"prompt": prompt, "width": width, "height": height, "seconds": seconds, "seed": seed}
        if self._reuse:
            job["frames_per_second"] = REUSED_FRAMES_PER_SECOND
        self._jobs.put((video_id, job))

    def path(self, video_id: str) -> Path:
        return self._folder / f"{video_id}.mp4"

    def ready_at(self, video_id: str) -> float | None:
        """Return when the file was completed, in seconds since the epoch, or None if it is not complete."""
        try:
            return self.path(video_id).stat().st_mtime
        except FileNotFoundError:
            return None

    def has_failed(self, video_id: str) -> bool:
        with self._lock:
            return video_id in self._failed

    def delete(self, video_id: str) -> None:
        """Cancel the render of a video and delete its file."""
        with self._lock:
            self._deleted.add(video_id)
            process = self._running.get(video_id)
        if process is not None:
            process.terminate()
        self.path(video_id).unlink(missing_ok=True)

    def _process_jobs(self) -> None:
        while (item := self._jobs.get()) is not None:
            video_id, job = item
            cache_key = self._cache_key(job)
            partial = self._folder / f"{video_id}.part.mp4"
            try:
                if not self._copy(video_id, cache_key, partial):
                    self._render(video_id, json.dumps(job), cache_key, partial)
            finally:
                partial.unlink(missing_ok=True)

    def _cache_key(self, job: dict[str, object]) -> str:
        """Return the key that jobs share when one can use the other's file."""
        if self._reuse:
            job = job | {"prompt": None, "seed": None}
        return json.dumps(job)

    def _copy(self, video_id: str, cache_key: str, partial: Path) -> bool:
        with self._lock:
            rendered = self._rendered.get(cache_key)
            if rendered is None or video_id in self._deleted:
                return False
        try:
            shutil.copyfile(rendered, partial)
        except FileNotFoundError:
            return False
        self._publish(video_id, cache_key, partial)
        return True

    def _render(self, video_id: str, job: str, cache_key: str, partial: Path) -> None:
        command = [sys.executable, "-m", "local.sandbox.film", str(partial)]
        environment = {**os.environ, **_KEEP_MEMORY}
        with self._lock:
            if self._stopped or video_id in self._deleted:
                return
            process = subprocess.Popen(
                command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, start_new_session=True
            )
            self._running[video_id] = process
        with contextlib.suppress(BrokenPipeError):
            process.communicate(job.encode())
        with self._lock:
            del self._running[video_id]
        if process.returncode == 0:
            self._publish(video_id, cache_key, partial)
        else:
            with self._lock:
                if not (self._stopped or video_id in self._deleted):
                    self._failed.add(video_id)

    def _publish(self, video_id: str, cache_key: str, partial: Path) -> None:
        with self._lock:
            if not (self._stopped or video_id in self._deleted):
                partial.replace(self.path(video_id))
                if not self._reuse:
                    self._rendered[cache_key] = self.path(video_id)
                elif cache_key not in self._rendered:
                    kept = self._folder / f"{video_id}.kept.mp4"
                    kept.hardlink_to(self.path(video_id))
                    self._rendered[cache_key] = kept
