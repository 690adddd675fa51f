"""Download a finished video from the provider's CDN, trusting neither the link nor the server.

The link comes from a provider's response, so it is checked like any external URL: host on the allow-list, https, and a
public address. The connection goes to the address that was checked, because a second DNS lookup could return another
one. Built on httpcore rather than httpx: httpcore follows no redirects, uses no proxies, cookies or credentials,
decompresses nothing, and allows choosing the address to connect to while TLS still verifies the host name.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from dreamvision.media.addresses import Address, is_public
from dreamvision.media.errors import (
    SourceExpiredError,
    SourceForbiddenError,
    SourceTooLargeError,
    SourceTooSlowError,
    SourceTruncatedError,
    SourceUnavailableError,
)

type Resolver = Callable[[str, int], Iterable[str]]

DEFAULT_MAX_BYTES = 200 * 1024 * 1024
_HTTPS_PORT = 443
_HOST_PATTERN = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*")
_URL_CHARACTERS = re.compile(r"[!-\[\]^_`a-z{|}~]+")  # visible ASCII without the backslash
_EXPIRED_STATUSES = (401, 403, 404, 410)


class Sink(Protocol):
    """The destination of the bytes: any writable binary file."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class DownloadPolicy:
    """Limits of a download: origins, size and time.

    `allowed_origins`: host names (`media.example.com`) or subdomains (`*.example.com`, excluding the name itself), both
    meaning https on port 443; or a loopback origin with its port (`http://127.0.0.1:4569`) for a local stack.
    `total_seconds` limits the whole transfer, `stall_seconds` a single wait for bytes.

    Raises:
        ValueError: an origin has none of these forms.
    """

    allowed_origins: tuple[str, ...]
    max_bytes: int = DEFAULT_MAX_BYTES
    total_seconds: float = 120.0
    stall_seconds: float = 15.0
    connect_seconds: float = 5.0

    def __post_init__(self) -> None:
        for origin in self.allowed_origins:
            if not _HOST_PATTERN.fullmatch(origin) and not _is_loopback_origin(origin):
                raise ValueError("an allowed origin is a host name, *.host name, or an http origin on loopback")

    @classmethod
    def from_text(cls, origins: str) -> "DownloadPolicy":
        """Parse a comma-separated list of origins, the format of the template parameter."""
        return cls(tuple(part.strip().lower() for part in origins.split(",") if part.strip()))


def fetch_video(
    url: str,
    sink: Sink,
    *,
    policy: DownloadPolicy,
    resolve: Resolver | None = None,
    dial: httpcore.NetworkBackend | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> int:
    """Stream the video at `url` into `sink` in chunks and return its size in bytes.

    `resolve(host, port)` yields addresses, `dial` connects to them. After an error the sink may hold part of a video.

    Raises:
        SourceForbiddenError: the link, its address, its certificate or a redirect is not allowed.
        SourceExpiredError: the link has expired (401, 403, 404, 410).
        SourceTruncatedError: the connection ended early, or the body is empty.
        SourceTooLargeError: the video exceeds `policy.max_bytes`.
        SourceTooSlowError: the source stalled, or the transfer exceeded its time limit.
        SourceUnavailableError: the source could not be reached or returned an error.
    """
    target = _allowed_target(url, policy)
    addresses = _resolve_allowed(target, resolve or _resolve)
    network = _PinnedNetwork(addresses, time.monotonic() + policy.total_seconds, dial or httpcore.SyncBackend())
    with (
        _connection_errors(),
        httpcore.ConnectionPool(ssl_context or httpx.create_ssl_context(), network_backend=network) as pool,
        pool.stream("GET", target.url, headers=_HEADERS, extensions={"timeout": _timeouts(policy)}) as response,
    ):
        _check_response_head(response, policy.max_bytes)
        return _copy(response, sink, policy.max_bytes)


@dataclass(frozen=True, slots=True)
class _Target:
    url: httpcore.URL
    host: str
    port: int
    loopback: bool


_HEADERS = (("Accept", "video/mp4"), ("Accept-Encoding", "identity"), ("User-Agent", "DreamVision"))


def _allowed_target(url: str, policy: DownloadPolicy) -> _Target:
    """Parse the link once, so that exactly what was checked is requested.

    Raises:
        SourceForbiddenError: the link is malformed or its origin is not allowed.
    """
    parts = _parse_url(url)
    host, port = parts.hostname, parts.port
    if host is None or "@" in parts.netloc:
        raise SourceForbiddenError
    loopback = parts.scheme == "http" and f"http://{parts.netloc.lower()}" in policy.allowed_origins
    if not loopback:
        host_allowed = any(_matches(host, pattern) for pattern in policy.allowed_origins)
        if parts.scheme != "https" or port not in (None, _HTTPS_PORT) or not host_allowed:
            raise SourceForbiddenError
    actual_port = port or (80 if loopback else _HTTPS_PORT)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target_url = httpcore.URL(scheme=parts.scheme, host=host, port=port, target=path)
    return _Target(target_url, host, actual_port, loopback)


def _parse_url(url: str) -> SplitResult:
    if not _URL_CHARACTERS.fullmatch(url):
        raise SourceForbiddenError
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed lazily: raises ValueError for 99999 or letters
    except ValueError:
        raise SourceForbiddenError from None
    return parts


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _is_loopback_origin(origin: str) -> bool:
    """Return whether the origin is `http://` and a loopback host, with or without a port, and nothing else."""
    try:
        parts = urlsplit(origin)
        host, rest = parts.hostname or "", (parts.path, parts.query, parts.fragment)
        is_bare_origin = origin == origin.lower() and origin == f"http://{parts.netloc}" and parts.port != 0
    except ValueError:
        return False
    if not is_bare_origin or any(rest) or "@" in origin:
        return False
    return host == "localhost" or (_is_ip_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolve(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _resolve_allowed(target: _Target, resolve: Resolver) -> tuple[Address, ...]:
    """Return every address of the host, IPv4 first (a Lambda function has no IPv6 route by default).

    One forbidden address disqualifies the name: no legitimate host mixes public and private addresses.

    Raises:
        SourceForbiddenError: at least one address is not allowed.
        SourceUnavailableError: the name does not resolve.
    """
    try:
        addresses = {ipaddress.ip_address(text) for text in resolve(target.host, target.port)}
    except (OSError, UnicodeError):
        raise SourceUnavailableError from None
    except ValueError:  # an address with a zone (fe80::1%eth0) is link-local
        raise SourceForbiddenError from None
    if not addresses:
        raise SourceUnavailableError
    allowed = _is_loopback if target.loopback else is_public
    if not all(allowed(address) for address in addresses):
        raise SourceForbiddenError
    return tuple(sorted(addresses, key=lambda address: (address.version, int(address))))


def _is_loopback(address: Address) -> bool:
    return address.is_loopback


class _PinnedNetwork(httpcore.NetworkBackend):
    """Connects only to the checked addresses, whatever the host name resolves to, and enforces the deadline."""

    def __init__(self, addresses: tuple[Address, ...], deadline: float, dial: httpcore.NetworkBackend) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._dial = dial

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._addresses:
            seconds = _remaining(self._deadline, timeout)
            try:
                stream = self._dial.connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure or httpcore.ConnectError


class _DeadlineStream(httpcore.NetworkStream):
    """A stream with one deadline for all reads and writes, so that a trickle of bytes cannot continue for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _remaining(self._deadline, timeout)
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise SourceForbiddenError from None  # the certificate does not match the host
            raise
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _remaining(deadline: float, timeout: float | None) -> float:
    """Return the seconds that a wait may take.

    Raises:
        SourceTooSlowError: the deadline has passed.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise SourceTooSlowError
    return seconds if timeout is None else min(seconds, timeout)


def _timeouts(policy: DownloadPolicy) -> dict[str, float]:
    wait = policy.stall_seconds
    return {"connect": policy.connect_seconds, "read": wait, "write": wait, "pool": wait}


@contextmanager
def _connection_errors() -> Iterator[None]:
    """Map errors up to the response head to ours; `_copy` maps those of the body."""
    try:
        yield
    except httpcore.TimeoutException:
        raise SourceTooSlowError from None
    except (httpcore.NetworkError, httpcore.ProtocolError):
        raise SourceUnavailableError from None


def _check_response_head(response: httpcore.Response, max_bytes: int) -> None:
    status = response.status
    if status in _EXPIRED_STATUSES:
        raise SourceExpiredError
    if 300 <= status < 400:
        raise SourceForbiddenError
    if status != httpx.codes.OK:
        raise SourceUnavailableError
    content_length = httpx.Headers(response.headers).get("content-length")
    if content_length is not None and int(content_length) > max_bytes:  # the HTTP parser accepts only digits
        raise SourceTooLargeError


def _copy(response: httpcore.Response, sink: Sink, max_bytes: int) -> int:
    """Copy the body. A body shorter than its Content-Length shows as a protocol error."""
    size = 0
    try:
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > max_bytes:
                raise SourceTooLargeError
            sink.write(chunk)
    except (httpcore.ReadError, httpcore.RemoteProtocolError):
        raise SourceTruncatedError from None
    if size == 0:
        raise SourceTruncatedError
    return size
