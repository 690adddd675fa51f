"""Run the sandbox servers in threads of the current process."""

import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from local.sandbox.claude.api import ClaudeApi
from local.sandbox.expo.api import ExpoApi
from local.sandbox.http_server import LoopbackServer, PortTakenError
from local.sandbox.runway.api import RunwayApi


class SandboxServers:
    """The Claude, Runway and Expo sandboxes on ports of ``host``, from ``start`` to ``stop``. Port 0 picks a free one.

    ``render_seconds`` is the time from a Runway task's creation to its end, ``claude_seconds`` Claude's response time,
    ``link_seconds`` the lifetime of an output URL. ``concurrency`` is the number of tasks that run at a time. With
    ``reuse_videos``, one video per size and length is rendered, with few frames, and then copied. Without
    ``state_dir``, tasks and videos are deleted by ``stop``.

    Raises:
        PortTakenError: one of the ports is in use.
    """

    def __init__(
        self,
        claude_port: int = 0,
        runway_port: int = 0,
        expo_port: int = 0,
        host: str = "127.0.0.1",
        render_seconds: float = 10.0,
        claude_seconds: float = 1.0,
        state_dir: Path | str | None = None,
        concurrency: int = 20,
        link_seconds: float = 86_400.0,
        reuse_videos: bool = False,
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="sandbox-") if state_dir is None else None
        folder = Path(self._scratch.name if self._scratch else str(state_dir))
        self._stopping = threading.Event()
        self.claude = ClaudeApi(claude_seconds, self._stopping)
        self.expo = ExpoApi(self._stopping)
        self.runway = RunwayApi(
            folder,
            render_seconds,
            concurrency,
            self._stopping,
            lambda: self.runway_url,
            link_seconds=link_seconds,
            reuse_videos=reuse_videos,
        )
        self._servers: dict[str, LoopbackServer] = {}
        ports = {"claude": claude_port, "runway": runway_port, "expo": expo_port}
        apis: dict[str, ClaudeApi | RunwayApi | ExpoApi]
        apis = {"claude": self.claude, "runway": self.runway, "expo": self.expo}
        try:
            for name, api in apis.items():
                self._servers[name] = LoopbackServer(host, ports[name], api.handle, api.reject, name)
        except PortTakenError:
            for server in self._servers.values():
                server.server_close()
            raise

    @property
    def claude_url(self) -> str:
        """Base URL for Anthropic clients, without /v1."""
        return self._servers["claude"].url

    @property
    def runway_url(self) -> str:
        """Base URL for Runway clients, without /v1."""
        return self._servers["runway"].url

    @property
    def expo_url(self) -> str:
        """Base URL for Expo clients (``EXPO_BASE_URL``)."""
        return self._servers["expo"].url

    def start(self) -> Self:
        self.runway.start()
        for server in self._servers.values():
            server.open()
        return self

    def stop(self) -> None:
        """Release delayed replies, close every connection and terminate running renders."""
        self._stopping.set()
        for server in self._servers.values():
            server.close()
        self.runway.stop()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
