"""Both sandbox servers together, in threads of this process."""

import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from local.sandbox.claude.api import ClaudeApi
from local.sandbox.http_server import LoopbackServer, PortTakenError
from local.sandbox.runway.api import RunwayApi


class SandboxServers:
    """Claude and Runway on two ports of ``host`` (0: any free one) between ``start`` and ``stop``.

    ``render_seconds`` is Runway's time from a task's creation to its end, ``claude_seconds`` Claude's time to answer,
    ``link_seconds`` how long an output URL is good. With ``reuse_films`` one film per size and length is made and
    copied. Without ``state_dir`` nothing outlives ``stop``.
    Raises PortTakenError.
    """

    def __init__(
        self,
        claude_port: int = 0,
        runway_port: int = 0,
        host: str = "127.0.0.1",
        render_seconds: float = 10.0,
        claude_seconds: float = 1.0,
        state_dir: Path | str | None = None,
        concurrency: int = 20,
        link_seconds: float = 86_400.0,
        reuse_films: bool = False,
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="sandbox-") if state_dir is None else None
        folder = Path(self._scratch.name if self._scratch else str(state_dir))
        self._stopping = threading.Event()
        self.claude = ClaudeApi(claude_seconds, self._stopping)
        self.runway = RunwayApi(
            folder,
            render_seconds,
            concurrency,
            self._stopping,
            lambda: self.runway_url,
            link_seconds=link_seconds,
            reuse_films=reuse_films,
        )
        self._claude_server = LoopbackServer(host, claude_port, self.claude.handle, self.claude.refuse, "claude")
        try:
            self._runway_server = LoopbackServer(host, runway_port, self.runway.handle, self.runway.refuse, "runway")
        except PortTakenError:
            self._claude_server.server_close()
            raise

    @property
    def claude_url(self) -> str:
        """The base URL for Anthropic clients, without /v1."""
        return self._claude_server.url

    @property
    def runway_url(self) -> str:
        """The base URL for Runway clients, without /v1."""
        return self._runway_server.url

    def start(self) -> Self:
        self.runway.start()
        self._claude_server.open()
        self._runway_server.open()
        return self

    def stop(self) -> None:
        """Wake every delayed answer, hang up on the clients, end the renders."""
        self._stopping.set()
        self._claude_server.close()
        self._runway_server.close()
        self.runway.stop()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
