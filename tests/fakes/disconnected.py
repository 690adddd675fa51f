"""A network without a connection, for downloads that must not get one."""

from collections.abc import Iterable

import httpcore


class Disconnected(httpcore.MockBackend):
    """A network that records connection attempts and rejects them."""

    def __init__(self, failure: type[Exception] = httpcore.ConnectError) -> None:
        super().__init__([])
        self._failure = failure
        self.dialled: list[tuple[str, int]] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.dialled.append((host, port))
        raise self._failure
