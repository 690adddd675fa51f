"""Makes the films: one worker process at a time per half of the machine's cores, so that the rest stays responsive.

What is ordered again, word for word, is copied: a film takes seconds of a core, and the same order gives the same film.
With ``reuse`` a film of the same size and length will do.
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
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
"""glibc: keep freed pictures instead of returning them to the kernel, which would make every frame twice as slow."""


class Studio:
    """Renders films into ``folder`` as ``<film_id>.mp4``. A file with that name is complete: it is moved there last."""

    def __init__(self, folder: Path, workers: int | None = None, *, reuse: bool = False) -> None:
        self._folder = folder
        self._reuse = reuse
        self._jobs: queue.Queue[tuple[str, dict[str, object]] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._failed: set[str] = set()
        self._dropped: set[str] = set()
        self._made: dict[str, str] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopped = False
        count = workers or max(1, (os.cpu_count() or 2) // 2)
        self._threads = [threading.Thread(target=self._work, name="studio", daemon=True) for _ in range(count)]

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the running renders and wait for the workers."""
        with self._lock:
            self._stopped = True
            processes = list(self._running.values())
        for process in processes:
            process.terminate()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def order(self, film_id: str, prompt: str, width: int, height: int, seconds: int, seed: int | None) -> None:
        """Queue a film of ``seconds`` at ``width`` x ``height`` pixels."""
        job = {"prompt": prompt, "width": width, "height": height, "seconds": seconds, "seed": seed}
        self._jobs.put((film_id, job))

    def path(self, film_id: str) -> Path:
        return self._folder / f"{film_id}.mp4"

    def ready_at(self, film_id: str) -> float | None:
        """When the film was complete, in seconds since the epoch; None while it is not."""
        try:
            return self.path(film_id).stat().st_mtime
        except FileNotFoundError:
            return None

    def has_failed(self, film_id: str) -> bool:
        with self._lock:
            return film_id in self._failed

    def drop(self, film_id: str) -> None:
        """Forget a film: stop making it, delete its file."""
        with self._lock:
            self._dropped.add(film_id)
            process = self._running.get(film_id)
        if process is not None:
            process.terminate()
        self.path(film_id).unlink(missing_ok=True)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            film_id, job = item
            order = json.dumps(job)
            alike = self._alike(job)
            part = self._folder / f"{film_id}.part.mp4"
            try:
                if not self._copy(film_id, alike, part):
                    self._render(film_id, order, alike, part)
            finally:
                part.unlink(missing_ok=True)

    def _alike(self, job: dict[str, object]) -> str:
        """What two orders have in common when one's film will do for the other."""
        if self._reuse:
            job = job | {"prompt": None, "seed": None}
        return json.dumps(job)

    def _copy(self, film_id: str, alike: str, part: Path) -> bool:
        with self._lock:
            made = self._made.get(alike)
            if made is None or film_id in self._dropped:
                return False
        try:
            shutil.copyfile(self.path(made), part)
        except FileNotFoundError:
            return False
        self._deliver(film_id, alike, part)
        return True

    def _render(self, film_id: str, order: str, alike: str, part: Path) -> None:
        command = [sys.executable, "-m", "local.sandbox.film", str(part)]
        environment = {**os.environ, **_KEEP_MEMORY}
        with self._lock:
            if self._stopped or film_id in self._dropped:
                return
            process = subprocess.Popen(
                command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, start_new_session=True
            )
            self._running[film_id] = process
        with contextlib.suppress(BrokenPipeError):
            process.communicate(order.encode())
        with self._lock:
            del self._running[film_id]
        if process.returncode == 0:
            self._deliver(film_id, alike, part)
        else:
            with self._lock:
                if not (self._stopped or film_id in self._dropped):
                    self._failed.add(film_id)

    def _deliver(self, film_id: str, alike: str, part: Path) -> None:
        with self._lock:
            if not (self._stopped or film_id in self._dropped):
                part.replace(self.path(film_id))
                self._made[alike] = film_id
