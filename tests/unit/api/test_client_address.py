"""The client's address: the gateway's, or CloudFront's if the request proves that it came through CloudFront."""

import hmac
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dreamvision.core.config import ConfigurationError
from dreamvision_api import edge as module
from dreamvision_api.api import Api
from dreamvision_api.client_address import client_address

_GATEWAY = "130.176.0.1"  # behind CloudFront, the gateway sees an edge server
_VIEWER = "198.51.100.10"
_SECRET = "correct-horse"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The value of the secret, which tests can replace."""
    values = [_SECRET]
    monkeypatch.setenv("ORIGIN_SECRET", "dreamvision/origin")

    def read(secret_id: str, *, max_age_seconds: int) -> str:
        assert (secret_id, max_age_seconds <= 300) == ("dreamvision/origin", True)
        if not values[0]:
            raise ConfigurationError("A secret is empty.")
        return values[0]

    monkeypatch.setattr(module, "read_secret", read)
    return values


def _address(**headers: str) -> str:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    api = SimpleNamespace(source_address=_GATEWAY, header=lambda name: names.get(name, ""))
    return client_address(cast(Api, api))


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (f"{_VIEWER}:46532", _VIEWER),
        ("2001:db8:85a3::8a2e:370:7334:443", "2001:db8:85a3::8a2e:370:7334"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334:46532", "2001:db8:85a3::8a2e:370:7334"),
        ("[2001:db8::1]:443", "2001:db8::1"),
    ],
)
def test_a_request_with_the_secret_has_the_viewers_address(header: str, address: str) -> None:
    assert _address(x_origin_secret=_SECRET, cloudfront_viewer_address=header) == address


@pytest.mark.parametrize(
    "sent", ["", "wrong", _SECRET[:-1], _SECRET + "x", _SECRET.upper(), "ü", f"{_SECRET},{_SECRET}"]
)
def test_a_client_cannot_choose_its_address_without_the_secret(sent: str) -> None:
    assert _address(x_origin_secret=sent, cloudfront_viewer_address=f"{_VIEWER}:443") == _GATEWAY


def test_other_headers_are_never_trusted() -> None:
    assert _address(x_origin_secret=_SECRET, x_forwarded_for=_VIEWER, forwarded=f"for={_VIEWER}") == _GATEWAY


def test_without_the_parameter_the_headers_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIGIN_SECRET", "")
    monkeypatch.setattr(module, "read_secret", lambda *_, **__: pytest.fail("read"))
    for sent in ("", _SECRET):
        assert _address(x_origin_secret=sent, cloudfront_viewer_address=f"{_VIEWER}:443") == _GATEWAY


@pytest.mark.parametrize("header", ["", "unknown", ":443", "198.51.100.10", "999.1.1.1:443"])
def test_a_malformed_address_is_not_used(header: str) -> None:
    assert _address(x_origin_secret=_SECRET, cloudfront_viewer_address=header) == _GATEWAY


def test_two_values_are_accepted_while_the_secret_is_rotated(secret: list[str]) -> None:
    secret[0] = f"new-value {_SECRET}"
    for sent in ("new-value", _SECRET):
        assert _address(x_origin_secret=sent, cloudfront_viewer_address=f"{_VIEWER}:443") == _VIEWER
    assert _address(x_origin_secret=secret[0], cloudfront_viewer_address=f"{_VIEWER}:443") == _GATEWAY


def test_a_secret_may_be_a_json_object_of_values(secret: list[str]) -> None:
    secret[0] = json.dumps({"current": "new-value", "previous": _SECRET})
    for sent in ("new-value", _SECRET):
        assert _address(x_origin_secret=sent, cloudfront_viewer_address=f"{_VIEWER}:443") == _VIEWER
    for sent in (secret[0], "current", "{"):
        assert _address(x_origin_secret=sent, cloudfront_viewer_address=f"{_VIEWER}:443") == _GATEWAY
    # AND an empty member, as before the first rotation, matches nothing
    secret[0] = json.dumps({"current": _SECRET, "previous": ""})
    assert _address(x_origin_secret="", cloudfront_viewer_address=f"{_VIEWER}:443") == _GATEWAY


def test_the_header_of_the_address_can_be_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWER_ADDRESS_HEADER", "x-viewer-address")
    forged = {"cloudfront_viewer_address": "192.0.2.1:443"}
    assert _address(x_origin_secret=_SECRET, x_viewer_address=f"{_VIEWER}:0", **forged) == _VIEWER
    assert _address(x_origin_secret=_SECRET, **forged) == _GATEWAY


def test_an_empty_secret_is_an_error_and_matches_nothing(secret: list[str]) -> None:
    secret[0] = ""
    with pytest.raises(ConfigurationError):
        _address(x_origin_secret="anything", cloudfront_viewer_address=f"{_VIEWER}:443")


def test_values_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(sent: bytes, value: bytes) -> bool:
        compared.append(value)
        return hmac.compare_digest(sent, value)

    monkeypatch.setattr(module, "compare_digest", compare)
    assert _address(x_origin_secret="wrong", cloudfront_viewer_address=f"{_VIEWER}:443") == _GATEWAY
    assert compared == [_SECRET.encode()]


def test_the_handlers_event_has_the_headers_in_lower_case() -> None:
    api: Any = Api()
    api.routes.current_event = SimpleNamespace(
        headers={"x-origin-secret": _SECRET, "cloudfront-viewer-address": f"{_VIEWER}:443"},
        request_context=SimpleNamespace(http=SimpleNamespace(source_ip=_GATEWAY)),
    )
    assert client_address(api) == _VIEWER
