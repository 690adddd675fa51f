"""Helpers for AWS clients: timeouts, retries and error codes."""

from typing import TYPE_CHECKING

from botocore.config import Config

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


def client_config(*, read_timeout: float = 5, attempts: int = 3, connections: int = 10) -> Config:
    """Return a client configuration. A call that hangs must not use up the function's own timeout.

    Timeouts are in seconds; ``attempts`` includes the first call. 10 pooled connections are botocore's default.
    """
    return Config(
        connect_timeout=2,
        read_timeout=read_timeout,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


def error_code(error: "ClientError") -> str:
    """Return an AWS error's code, such as ``ConditionalCheckFailedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))
