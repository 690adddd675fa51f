"""Downloads from well-behaved and hostile servers on loopback."""

import datetime
import io
import ipaddress
import ssl
from collections.abc import Iterable
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dreamvision.core.errors import DreamVisionError
from dreamvision.media.download import DownloadPolicy, fetch_video
from dreamvision.media.errors import (
    SourceExpiredError,
    SourceForbiddenError,
    SourceTooLargeError,
    SourceTooSlowError,
    SourceTruncatedError,
    SourceUnavailableError,
)
from tests.fakes import hostile_source as source
from tests.fakes.hostile_source import Behavior, HostileSource

DATA = bytes(range(256)) * 1000


def fetch(server: HostileSource, *, max_bytes: int = 1_000_000, total: float = 5.0, stall: float = 2.0) -> bytes:
    policy = DownloadPolicy((server.origin,), max_bytes=max_bytes, total_seconds=total, stall_seconds=stall)
    sink = io.BytesIO()
    size = fetch_video(server.url("/v.mp4?_jwt=a.b"), sink, policy=policy)
    assert size == len(sink.getvalue())
    return sink.getvalue()


@pytest.mark.parametrize(
    "behavior",
    [source.file(DATA), source.unmeasured_file(DATA), source.chunked_file(DATA)],
    ids=["measured", "until the end", "chunked"],
)
def test_a_file_arrives_byte_for_byte(behavior: Behavior) -> None:
    with HostileSource({"/v.mp4": behavior}) as server:
        assert fetch(server) == DATA


def test_the_request_contains_no_internal_data() -> None:
    with HostileSource({"/v.mp4": source.file(DATA)}) as server:
        fetch(server)
        (request,) = server.requests
        assert (request.method, request.target) == ("GET", "/v.mp4?_jwt=a.b")
        assert request.headers == {
            "host": f"127.0.0.1:{server.port}",
            "accept": "video/mp4",
            "accept-encoding": "identity",
            "user-agent": "DreamVision",
        }


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileSource() as proxy, HostileSource({"/v.mp4": source.file(DATA)}) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        assert fetch(server) == DATA
        assert proxy.connections == 0


def test_compressed_bytes_are_not_decompressed() -> None:
    with HostileSource({"/v.mp4": source.file(DATA, "Content-Encoding: gzip")}) as server:
        assert fetch(server) == DATA


def test_a_file_of_exactly_the_allowed_size_arrives() -> None:
    with HostileSource({"/v.mp4": source.file(DATA)}) as server:
        assert fetch(server, max_bytes=len(DATA)) == DATA


@pytest.mark.parametrize(
    ("behavior", "error"),
    [
        pytest.param(source.status(401), SourceExpiredError, id="401"),
        pytest.param(source.status(403), SourceExpiredError, id="403"),
        pytest.param(source.status(404), SourceExpiredError, id="404"),
        pytest.param(source.status(410), SourceExpiredError, id="410"),
        pytest.param(source.status(500), SourceUnavailableError, id="500"),
        pytest.param(source.status(503), SourceUnavailableError, id="503"),
        pytest.param(source.status(429), SourceUnavailableError, id="429"),
        pytest.param(source.status(204), SourceUnavailableError, id="204"),
        pytest.param(source.status(206), SourceUnavailableError, id="206"),
        pytest.param(source.redirect("https://elsewhere.example/"), SourceForbiddenError, id="redirect elsewhere"),
        pytest.param(source.redirect("/other.mp4", 308), SourceForbiddenError, id="redirect to itself"),
        pytest.param(source.redirect("http://169.254.169.254/"), SourceForbiddenError, id="redirect to metadata"),
        pytest.param(source.status(304), SourceForbiddenError, id="304"),
        pytest.param(source.truncated(DATA, 1000), SourceTruncatedError, id="truncated"),
        pytest.param(source.truncated(DATA, len(DATA) - 1), SourceTruncatedError, id="one byte short"),
        pytest.param(source.truncated_by_reset(DATA, 1000), SourceTruncatedError, id="reset"),
        pytest.param(source.truncated(DATA, 0), SourceTruncatedError, id="announced and nothing sent"),
        pytest.param(source.chunked_file(DATA, finished=False), SourceTruncatedError, id="last chunk missing"),
        pytest.param(source.file(b""), SourceTruncatedError, id="empty"),
        pytest.param(source.announcing("1000001"), SourceTooLargeError, id="announces too much"),
        pytest.param(source.announcing("9" * 18), SourceTooLargeError, id="announces an exabyte"),
        pytest.param(source.endless(), SourceTooLargeError, id="endless"),
        pytest.param(source.file(bytes(1_000_001)), SourceTooLargeError, id="one byte too many"),
        pytest.param(source.chunked_file(bytes(1_000_001)), SourceTooLargeError, id="one byte too many, chunked"),
        pytest.param(source.announcing("-1"), SourceUnavailableError, id="negative length"),
        pytest.param(source.announcing("1, 2"), SourceUnavailableError, id="two lengths"),
        pytest.param(source.announcing("9" * 5000), SourceUnavailableError, id="length of 5000 digits"),
        pytest.param(source.announcing("many"), SourceUnavailableError, id="length in words"),
        pytest.param(source.raw(b"\x00\x01garbage\r\n\r\n"), SourceUnavailableError, id="no HTTP"),
        pytest.param(source.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000), SourceUnavailableError, id="huge head"),
        pytest.param(source.close_connection, SourceUnavailableError, id="closes"),
        pytest.param(source.reset, SourceUnavailableError, id="resets at once"),
    ],
)
def test_a_hostile_source_is_detected(behavior: Behavior, error: type[DreamVisionError]) -> None:
    with HostileSource({"/v.mp4": behavior}) as server:
        with pytest.raises(DreamVisionError) as raised:
            fetch(server)
        # THEN the error is exact, and there was one request
        assert type(raised.value) is error
        assert server.connections <= 1
        assert len(server.requests) == server.connections


@pytest.mark.parametrize(
    "behavior",
    [source.trickle(), source.trickling_head()],
    ids=["a byte at a time", "a header at a time"],
)
def test_a_trickling_source_hits_the_time_limit(behavior: Behavior) -> None:
    # GIVEN a source that never exceeds the timeout of a single read
    with HostileSource({"/v.mp4": behavior}) as server, pytest.raises(SourceTooSlowError):
        fetch(server, total=0.3, stall=0.2)


@pytest.mark.parametrize("behavior", [source.stall_after(DATA), source.silence], ids=["in the body", "before it"])
def test_a_stalled_source_is_abandoned_well_before_the_time_limit(behavior: Behavior) -> None:
    with HostileSource({"/v.mp4": behavior}) as server, pytest.raises(SourceTooSlowError):
        fetch(server, total=3600, stall=0.2)


def test_an_unreachable_source_is_unavailable() -> None:
    with HostileSource() as server:
        policy, url = DownloadPolicy((server.origin,)), server.url("/v.mp4")
    with pytest.raises(SourceUnavailableError):
        fetch_video(url, io.BytesIO(), policy=policy)


def test_errors_do_not_contain_the_link_or_the_server() -> None:
    with HostileSource({"/v.mp4": source.raw(b"a secret dream\r\n\r\n")}) as server:
        with pytest.raises(SourceUnavailableError) as raised:
            fetch(server)
        assert str(raised.value) == SourceUnavailableError.default_message
        assert raised.value.__suppress_context__


def test_a_full_sink_is_not_reported_as_a_bad_source() -> None:
    class Full:
        def write(self, data: bytes, /) -> object:
            raise OSError(28, "No space left on device")

    with HostileSource({"/v.mp4": source.file(DATA)}) as server, pytest.raises(OSError, match="No space left"):
        fetch_video(server.url("/v.mp4"), Full(), policy=DownloadPolicy((server.origin,)))


# --- TLS: the connection goes to the checked address, and the host name is verified

PUBLIC = "93.184.216.34"


class OneWire(httpcore.SyncBackend):
    """A network with one server, which answers at every address that is not `broken`."""

    def __init__(self, server: HostileSource, broken: Iterable[str] = ()) -> None:
        self._server = server
        self._broken = set(broken)
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
        if host in self._broken:
            raise httpcore.ConnectError
        return super().connect_tcp("127.0.0.1", self._server.port, timeout, local_address, socket_options)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key and self-signed certificate of media.example.com, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("media.example.com"), x509.DNSName("*.cdn.example.com")]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "media.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return pem


def tls_server(certificate: Path) -> HostileSource:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return HostileSource({"/v.mp4": source.file(DATA)}, tls=context)


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_tls_connects_to_the_checked_address_and_verifies_the_host_name(certificate: Path) -> None:
    # GIVEN a name that resolves to a public address the first time and to a private one afterwards
    answers = iter([[PUBLIC]])
    with tls_server(certificate) as server:
        wire, sink = OneWire(server), io.BytesIO()
        # WHEN the video is downloaded
        fetch_video(
            "https://media.example.com/v.mp4?_jwt=a.b-c~d%2Fe&x=",
            sink,
            policy=DownloadPolicy(("media.example.com",)),
            resolve=lambda host, port: next(answers, ["10.0.0.1"]),
            dial=wire,
            ssl_context=trusting(certificate),
        )
        # THEN the connection went to the address that was checked
        assert wire.dialled == [(PUBLIC, 443)]
        # AND the server received the host name, in the handshake and in the request, and the link unchanged
        (request,) = server.requests
        assert request.server_name == "media.example.com"
        assert request.headers["host"] == "media.example.com"
        assert request.target == "/v.mp4?_jwt=a.b-c~d%2Fe&x="
        assert sink.getvalue() == DATA


def test_the_next_address_is_tried_if_one_does_not_answer(certificate: Path) -> None:
    with tls_server(certificate) as server:
        wire, sink = OneWire(server, broken=[PUBLIC]), io.BytesIO()
        fetch_video(
            "https://media.example.com/v.mp4",
            sink,
            policy=DownloadPolicy(("media.example.com",)),
            resolve=lambda host, port: [PUBLIC, "2606:2800::1"],
            dial=wire,
            ssl_context=trusting(certificate),
        )
        assert wire.dialled == [(PUBLIC, 443), (str(ipaddress.ip_address("2606:2800::1")), 443)]
        assert sink.getvalue() == DATA


@pytest.mark.parametrize("trusted", [True, False], ids=["a certificate of another name", "an unknown certificate"])
def test_a_server_with_an_invalid_certificate_is_forbidden(certificate: Path, trusted: bool) -> None:
    host = "other.example.com" if trusted else "media.example.com"
    with tls_server(certificate) as server:
        with pytest.raises(SourceForbiddenError):
            fetch_video(
                f"https://{host}/v.mp4",
                io.BytesIO(),
                policy=DownloadPolicy(("*.example.com",)),
                resolve=lambda host, port: [PUBLIC],
                dial=OneWire(server),
                ssl_context=trusting(certificate) if trusted else None,
            )
        assert server.requests == []
