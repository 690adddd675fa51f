"""Announce when a worker waits for a request, so that it can be replaced between two of them."""

import contextlib
import socket
from typing import Any

IDLE = b"i"
BUSY = b"b"


def announce_turns(turns: socket.socket) -> None:
    """Write ``IDLE`` whenever the runtime client begins to wait for a request, and ``BUSY`` when it has one."""
    from awslambdaric.lambda_runtime_client import BaseLambdaRuntimeClient

    wait = BaseLambdaRuntimeClient.wait_next_invocation

    def announced(self: Any) -> Any:  # noqa: ANN401 - types of the runtime client
        _send(turns, IDLE)
        request = wait(self)
        _send(turns, BUSY)
        return request

    BaseLambdaRuntimeClient.wait_next_invocation = announced


def _send(turns: socket.socket, turn: bytes) -> None:
    # Without the server there is nobody to replace this worker.
    with contextlib.suppress(OSError):
        turns.sendall(turn)
