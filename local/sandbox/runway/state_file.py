"""The Runway sandbox's state on disk, which keeps tasks and output links valid across restarts of the local stack."""

import json
import secrets
import threading
from pathlib import Path
from typing import Any

_FILE = "tasks.json"


class StateFile:
    """``tasks.json`` in ``folder``. It is replaced atomically, so a crash leaves either the old or the new version."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        content = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
        self.secret = str(content.get("secret") or secrets.token_hex(32))
        self.tasks: list[dict[str, Any]] = content.get("tasks", [])

    def save(self, tasks: list[dict[str, Any]]) -> None:
        part = self._path.with_suffix(".part")
        with self._lock:
            part.write_text(json.dumps({"secret": self.secret, "tasks": tasks}), "utf-8")
            part.replace(self._path)
