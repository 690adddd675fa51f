"""Distributions of the emulator that require signed URLs: which requests and keys, and what S3 adds to answers."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import fromstring

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto import mock_aws

from dreamvision.media.signatures import SigningKey
from local.emulator.strict.signed_urls import VIEWER_BASE_URL, SignedUrls
from local.emulator.video_key import ensure_video_key
from tests.fakes.video_key import KEY_PAIR_ID, cloudfront, expiry_of, signing_key

NOW = 1_800_000_000
URL = "https://d1.cloudfront.net/videos/u/j.mp4"


def link(url: str = URL, key: SigningKey | None = None) -> str:
    return (key or signing_key()).signed(url, expiry_of(f"?Expires={NOW + 60}"))


def service(groups: list[str]) -> SimpleNamespace:
    """Return a CloudFront whose one behavior trusts ``groups``."""
    found = cloudfront(KEY_PAIR_ID)
    found.parse_distribution_dataplane_config = lambda distribution: distribution
    found._match_behavior = lambda configuration, path: {"trusted_key_groups": groups}
    return found


def status_of(url: str, groups: list[str], headers: dict[str, str] | None = None) -> int:
    """Return what a viewer gets at a URL of the distribution d1.cloudfront.net."""

    async def serve(distribution: object, method: str, *_: object) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b""

    raw_path, _, query = url.removeprefix("https://d1.cloudfront.net").partition("?")
    handle = SignedUrls(service(groups), None, lambda: NOW).requiring_signatures(serve)
    sent = {"host": "d1.cloudfront.net", **(headers or {})}
    status: int = asyncio.run(handle({}, "GET", unquote(raw_path), raw_path, query, sent, b"", {}))[0]
    return status


def test_a_behavior_with_key_groups_requires_a_signature() -> None:
    assert status_of(URL, []) == 200
    assert status_of(URL, ["KGROUP"]) == 403
    assert status_of(link(), ["KGROUP"]) == 200


def test_links_at_the_gateway_are_signed_with_its_address() -> None:
    signed = link("http://127.0.0.1:4567/media/videos/u/j.mp4")
    through = URL + "?" + signed.partition("?")[2]
    assert status_of(through, ["KGROUP"]) == 403
    assert status_of(through, ["KGROUP"], {VIEWER_BASE_URL: "http://127.0.0.1:4567/media"}) == 200


def refusal(url: str, now: float = NOW) -> str | None:
    base, _, query = url.partition("?")
    found = SignedUrls(cloudfront(KEY_PAIR_ID), None, lambda: now).refusal(base, query, ["KGROUP"])
    return found and found[0]


def test_the_path_is_signed_as_it_was_requested() -> None:
    escaped = URL.replace("j.mp4", "j%2Ek.mp4")
    assert status_of(link(escaped), ["KGROUP"]) == 200
    assert status_of(link(URL.replace("j.mp4", "j.k.mp4")).replace("j.k", "j%2Ek"), ["KGROUP"]) == 403


def test_a_link_is_valid_to_the_second() -> None:
    assert refusal(link(), NOW + 59.9) is None
    assert refusal(link(), NOW + 60) == "AccessDenied"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Key-Pair-Id=", "Key-Pair=", "MissingKey"),
        (KEY_PAIR_ID, "KOTHER", "InvalidKey"),
        ("Expires=", "Expired=", "AccessDenied"),
        ("Expires=1", "Expires=x", "AccessDenied"),
        ("Expires=1", "Expires=2", "AccessDenied"),
        ("Signature=", "Signature=%", "AccessDenied"),
        ("Signature=", "Signed=", "AccessDenied"),
        ("SHA256", "SHA1", "AccessDenied"),
        ("SHA256", "MD5", "AccessDenied"),
        ("&Hash-Algorithm=SHA256", "", "AccessDenied"),
        ("&Hash-Algorithm=SHA256", "&Hash-Algorithm=SHA256&Policy=e30_", "AccessDenied"),
        ("&Hash-Algorithm=SHA256", "&Hash-Algorithm=SHA256&more=1", "AccessDenied"),
        ("/u/", "/v/", "AccessDenied"),
    ],
)
def test_a_changed_link_is_refused_as_by_cloudfront(old: str, new: str, code: str) -> None:
    assert old in link()
    assert refusal(link().replace(old, new, 1)) == code


def test_a_key_of_another_kind_is_unknown() -> None:
    rsa_key = generate_private_key(65537, 2048).public_key()
    pem = rsa_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    base, _, query = link().partition("?")
    checks = SignedUrls(cloudfront(KEY_PAIR_ID, public_key=pem), None, lambda: NOW)
    assert checks.refusal(base, query, ["KGROUP"]) == ("InvalidKey", "Unknown Key")


def test_key_groups_are_read_from_the_configuration() -> None:
    namespace = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
    xml = "<CacheBehavior{}><TrustedKeyGroups><Items><KeyGroup>K1</KeyGroup></Items></TrustedKeyGroups></CacheBehavior>"
    parse = SignedUrls.with_key_groups(lambda element, path_pattern: {"path_pattern": path_pattern})
    for each in (xml.format(""), xml.format(f' xmlns="{namespace}"')):
        assert parse(fromstring(each), "/videos/*") == {"path_pattern": "/videos/*", "trusted_key_groups": ["K1"]}
    assert parse(fromstring("<DefaultCacheBehavior/>"))["trusted_key_groups"] == []


def answer(
    method: str = "GET", query: str = "", status: int = 200, origin: dict[str, Any] | None = None
) -> tuple[int, dict[str, str]]:
    s3 = SimpleNamespace(
        cors_preflight=lambda bucket, key, headers: (204, {"Access-Control-Allow-Methods": f"{bucket}/{key}"}, b""),
        cors_response_headers=lambda bucket, method, headers: {"Access-Control-Allow-Origin": headers["origin"]},
    )
    distributions = SimpleNamespace(_s3_object_key=lambda origin, path: path.lstrip("/"))

    async def fetch(*_: object) -> tuple[int, str, dict[str, str], bytes]:
        return status, "", {"content-type": "video/mp4"}, b""

    asked = SignedUrls(distributions, s3).as_s3_answers(fetch)
    found = asyncio.run(asked(origin or {"s3_bucket": "media"}, method, "/v/j.mp4", query, {"origin": "https://a"}))
    return found[0], found[2]


def test_a_bucket_answers_as_s3_does() -> None:
    allowed = {"content-type": "video/mp4", "access-control-allow-origin": "https://a"}
    disposition = "response-content-disposition=attachment%3B%20filename%3D%22a.mp4%22"
    assert answer() == (200, allowed)
    for status in (200, 206):
        named = {**allowed, "content-disposition": 'attachment; filename="a.mp4"'}
        assert answer(query=disposition, status=status) == (status, named)
    assert answer(query=disposition, status=403) == (403, allowed)
    assert answer(query="content-type=text/html") == (200, allowed)
    assert answer("OPTIONS") == (204, {"access-control-allow-methods": "media/v/j.mp4"})


def test_other_origins_answer_for_themselves() -> None:
    other = {"domain_name": "api.example.com"}
    assert answer(query="response-content-disposition=inline", origin=other) == (200, {"content-type": "video/mp4"})
    assert answer("OPTIONS", origin=other) == (200, {"content-type": "video/mp4"})


def _client(service_name: str) -> Any:
    create: Any = boto3.client
    return create(service_name, region_name="us-east-1")


def test_the_key_is_created_once_and_signs() -> None:
    with mock_aws():
        cdn, secrets = (_client(name) for name in ("cloudfront", "secretsmanager"))
        cdn.create_key_group(KeyGroupConfig={"Name": "another", "Items": ["KOTHER"]})
        group = ensure_video_key(cdn, secrets)
        assert ensure_video_key(cdn, secrets) == group
        (key_pair,) = cdn.get_key_group(Id=group)["KeyGroup"]["KeyGroupConfig"]["Items"]
        text = secrets.get_secret_value(SecretId="dreamvision/video-key")["SecretString"]
        assert json.loads(text)["key_pair_id"] == key_pair
        public_key = cdn.get_public_key(Id=key_pair)["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
    stored = SimpleNamespace(
        _key_groups={group: {"Config": {"Items": [key_pair]}}},
        _public_keys={key_pair: {"Config": {"EncodedKey": public_key}}},
    )
    query = link(key=SigningKey.from_text(text)).partition("?")[2]
    assert SignedUrls(stored, None, lambda: NOW).refusal(URL, query, [group]) is None


def test_a_key_whose_group_is_missing_is_replaced() -> None:
    with mock_aws():
        cdn, secrets = (_client(name) for name in ("cloudfront", "secretsmanager"))
        secrets.create_secret(Name="dreamvision/video-key", SecretString="interrupted")
        assert ensure_video_key(cdn, secrets)
        assert "private_key" in secrets.get_secret_value(SecretId="dreamvision/video-key")["SecretString"]
