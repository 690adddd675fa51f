"""The download policy: which URLs may be requested, decided before any connection is made."""

import io
import ipaddress
from collections.abc import Iterable

import httpcore
import pytest

from dreamvision.core.errors import DreamVisionError
from dreamvision.media.addresses import is_public
from dreamvision.media.download import DownloadPolicy, fetch_video
from dreamvision.media.errors import SourceForbiddenError, SourceTooSlowError, SourceUnavailableError
from tests.fakes.disconnected import Disconnected

PUBLIC = "93.184.216.34"


def attempt(url: str, *origins: str, addresses: Iterable[str] = (PUBLIC,)) -> list[tuple[str, int]]:
    """Try to download and return the addresses that were tried.

    Raises:
        SourceForbiddenError: the policy forbids the URL.
    """
    wire = Disconnected()
    try:
        fetch_video(url, io.BytesIO(), policy=DownloadPolicy(origins), resolve=lambda host, port: addresses, dial=wire)
    except SourceForbiddenError:
        assert wire.dialled == []
        raise
    except SourceUnavailableError:
        pass
    return wire.dialled


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://media.example.com/a.mp4", "media.example.com"),
        ("https://MEDIA.example.com/a.mp4", "media.example.com"),
        ("https://media.example.com:443/a.mp4?_jwt=a.b-c_d%2F", "media.example.com"),
        ("https://d1.cloudfront.net", "*.cloudfront.net"),
        ("https://a.b.cloudfront.net/a.mp4#part", "*.cloudfront.net"),
    ],
)
def test_an_allowed_link_resolves_to_the_checked_address(url: str, origin: str) -> None:
    assert attempt(url, "other.example.com", origin) == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "url",
    [
        "http://media.example.com/a.mp4",
        "https://media.example.com:8443/a.mp4",
        "https://media.example.com:80/a.mp4",
        "https://evil.example.org/a.mp4",
        "https://media.example.com.evil.org/a.mp4",
        "https://evilmedia.example.com/a.mp4",
        "https://cloudfront.net/a.mp4",
        "https://evilcloudfront.net/a.mp4",
        "https://media.example.com./a.mp4",
        "https://user:secret@media.example.com/a.mp4",
        "https://media.example.com@evil.example.org/a.mp4",
        "https://@media.example.com/a.mp4",
        "https://media.example.com\\@evil.example.org/a.mp4",
        "https://media.example.com\t/a.mp4",
        "https://media.example.com/a b.mp4",
        "https://media.example.com/a\r\nX-Injected: 1",
        " https://media.example.com/a.mp4",
        "https://mediа.example.com/a.mp4",  # the second a is Cyrillic
        "https://media.example.com:99999/a.mp4",
        "https://media.example.com:abc/a.mp4",
        "https://[::1/a.mp4",
        "https:///a.mp4",
        "//media.example.com/a.mp4",
        "/a.mp4",
        "",
        "file:///etc/passwd",
        "ftp://media.example.com/a.mp4",
        "data:video/mp4;base64,AAAA",
        "https://127.0.0.1/a.mp4",
        "https://2130706433/a.mp4",
        "https://[::1]/a.mp4",
        "https://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:4569/a.mp4",
        "http://localhost:4570/a.mp4",
        "https://localhost:4569/a.mp4",
        "http://localhost:4569@media.example.com/a.mp4",
    ],
)
def test_other_links_are_forbidden_before_any_dns_lookup(url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(f"looked up {host}")

    policy = DownloadPolicy(("media.example.com", "*.cloudfront.net", "http://localhost:4569"))
    with pytest.raises(SourceForbiddenError):
        fetch_video(url, io.BytesIO(), policy=policy, resolve=resolve, dial=Disconnected())


PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "192.88.99.1",
    "fec0::1",
    "3fff::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_resolves_to_a_private_address_is_forbidden(address: str) -> None:
    with pytest.raises(SourceForbiddenError):
        attempt("https://media.example.com/a.mp4", "media.example.com", addresses=[address])


def test_one_private_address_among_public_ones_is_forbidden() -> None:
    with pytest.raises(SourceForbiddenError):
        attempt("https://media.example.com/", "media.example.com", addresses=[PUBLIC, "2606:2800::1", "10.0.0.1"])


def test_an_address_with_a_zone_id_is_forbidden() -> None:
    with pytest.raises(SourceForbiddenError):
        attempt("https://media.example.com/a.mp4", "media.example.com", addresses=["fe80::1%eth0"])


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1::1", "64:ff9b::93.184.216.34", "::ffff:93.184.216.34"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_all_addresses_are_tried_ipv4_first() -> None:
    dialled = attempt("https://m.example.com/", "m.example.com", addresses=["2606:2800::1", PUBLIC, "93.184.216.35"])
    assert dialled == [(PUBLIC, 443), ("93.184.216.35", 443), ("2606:2800::1", 443)]


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpcore.ConnectError, SourceUnavailableError), (httpcore.ConnectTimeout, SourceTooSlowError)],
)
def test_the_other_addresses_are_tried_however_one_fails(
    failure: type[Exception], error: type[DreamVisionError]
) -> None:
    wire = Disconnected(failure)
    policy, addresses = DownloadPolicy(("m.example.com",)), [PUBLIC, "93.184.216.35"]
    with pytest.raises(error):
        fetch_video(
            "https://m.example.com/", io.BytesIO(), policy=policy, resolve=lambda host, port: addresses, dial=wire
        )
    assert [host for host, _ in wire.dialled] == addresses


@pytest.mark.parametrize("failure", [OSError("no such host"), UnicodeError("label too long")])
def test_a_name_without_an_address_is_unavailable(failure: Exception) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise failure

    policy = DownloadPolicy(("media.example.com",))
    with pytest.raises(SourceUnavailableError):
        fetch_video("https://media.example.com/a.mp4", io.BytesIO(), policy=policy, resolve=resolve)
    with pytest.raises(SourceUnavailableError):
        fetch_video("https://media.example.com/a.mp4", io.BytesIO(), policy=policy, resolve=lambda host, port: [])


def test_a_loopback_origin_allows_only_that_origin() -> None:
    allowed = "http://localhost:4569"
    assert attempt("http://localhost:4569/a.mp4", allowed, addresses=["127.0.0.1"]) == [("127.0.0.1", 4569)]
    with pytest.raises(SourceForbiddenError):
        attempt("http://localhost:4569/a.mp4", allowed, addresses=["192.168.1.1"])
    with pytest.raises(SourceForbiddenError):
        attempt("http://localhost:4570/a.mp4", allowed, addresses=["127.0.0.1"])


def test_a_public_name_may_not_resolve_to_an_allowed_loopback_origin() -> None:
    with pytest.raises(SourceForbiddenError):
        attempt("https://m.example.com/", "m.example.com", "http://127.0.0.1:4569", addresses=["127.0.0.1"])


@pytest.mark.parametrize(
    "origin",
    [
        "http://media.example.com",
        "http://10.0.0.1:80",
        "https://media.example.com",
        "http://127.0.0.1:4569/",
        "http://127.0.0.1:4569/path",
        "http://user@127.0.0.1:4569",
        "http://127.0.0.1:99999",
        "http://",
        "*",
        "*.",
        "*.com",
        "media.*.com",
        "cloudfront",
        "Media.example.com",
        "media.example.com:443",
        "127.0.0.1",
        "",
    ],
)
def test_invalid_origins_are_rejected(origin: str) -> None:
    with pytest.raises(ValueError, match="allowed origin"):
        DownloadPolicy((origin,))


def test_a_policy_is_read_from_a_parameter() -> None:
    policy = DownloadPolicy.from_text(" D1.CloudFront.net, *.example.com,,http://127.0.0.1:4569 ,http://[::1]:4569")
    assert policy.allowed_origins == (
        "d1.cloudfront.net",
        "*.example.com",
        "http://127.0.0.1:4569",
        "http://[::1]:4569",
    )
    assert policy.max_bytes == 200 * 1024 * 1024
