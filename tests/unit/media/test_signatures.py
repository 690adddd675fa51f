"""Signatures as CloudFront documents them, checked with OpenSSL's command line."""

import base64
import json
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from dreamvision.core.config import ConfigurationError
from dreamvision.media.signatures import SigningKey
from tests.conftest import REPOSITORY
from tests.fakes.video_key import KEY_PAIR_ID, key_text, pem, private_key, refusal_of, signing_key

ENCRYPTED = (
    private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret-text")).decode()
)
# On secp112r1, by `openssl ecparam -name secp112r1 -genkey -noout`.
UNSUPPORTED = """-----BEGIN EC PRIVATE KEY-----
MD4CAQEEDoHdODnpF0x0rKAmtXe1oAcGBSuBBAAGoSADHgAEVyVR0dW7BVmde+8Y
986p2YPooyhMUeRLKpHU+Q==
-----END EC PRIVATE KEY-----
"""
URL = "https://d111111abcdef8.cloudfront.net/videos/u/j.mp4"
EXPIRES = datetime(2026, 1, 1, 18, tzinfo=UTC)


def parts_of(signed: str) -> tuple[str, list[tuple[str, str]]]:
    resource, _, query = signed.rpartition("Expires=")
    found = f"Expires={query}".split("&")
    return resource[:-1], [(name, value) for name, _, value in (part.partition("=") for part in found)]


@pytest.mark.parametrize("url", [URL, f"{URL}?response-content-disposition=attachment"])
def test_a_signature_is_that_of_the_documented_policy(url: str, tmp_path: Path) -> None:
    resource, parameters = parts_of(signing_key().signed(url, EXPIRES))
    assert resource == url
    assert [name for name, _ in parameters] == ["Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"]
    values = dict(parameters)
    assert (values["Expires"], values["Key-Pair-Id"], values["Hash-Algorithm"]) == ("1767290400", KEY_PAIR_ID, "SHA256")
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html:
    # no white space, and + = / replaced by - _ ~.
    policy = '{"Statement":[{"Resource":"URL","Condition":{"DateLessThan":{"AWS:EpochTime":1767290400}}}]}'
    signature = base64.b64decode(values["Signature"].replace("-", "+").replace("_", "=").replace("~", "/"))
    files = {
        "policy": policy.replace("URL", url).encode(),
        "signature": signature,
        "key.pem": pem(private_key()).encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    openssl = shutil.which("openssl")
    assert openssl
    public = [openssl, "ec", "-in", "key.pem", "-pubout", "-out", "public.pem"]
    subprocess.run(public, cwd=tmp_path, check=True, capture_output=True)
    verify = [openssl, "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "policy"]
    answer = subprocess.run(verify, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert answer.stdout == "Verified OK\n"


def test_equal_urls_have_equal_signatures() -> None:
    # GIVEN keys that two processes have read
    signed = set()
    for _ in range(2):
        SigningKey.from_text.cache_clear()
        signed |= {signing_key().signed(URL, EXPIRES) for _ in range(3)}
    assert len(signed) == 1


def test_a_link_by_another_key_is_refused() -> None:
    other = SigningKey.from_text(
        json.dumps({"key_pair_id": KEY_PAIR_ID, "private_key": pem(ec.generate_private_key(ec.SECP256R1()))})
    )
    now = datetime(2026, 1, 1, 17, tzinfo=UTC)
    assert refusal_of(other.signed(URL, EXPIRES), now) == "AccessDenied"
    assert refusal_of(signing_key().signed(URL, EXPIRES), now) is None
    # A key that was removed from the group, as after its rotation
    assert refusal_of(signing_key().signed(URL, EXPIRES), now, ()) == "InvalidKey"


def test_the_documented_commands_make_a_key(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "AWS-SETUP.md").read_text()
    commands = re.findall(r"^\$ (openssl .*)$", page, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True)
    written, public_key = ((tmp_path / f"video-key.{suffix}").read_text() for suffix in ("pem", "pub"))
    signed = SigningKey.from_text(json.dumps({"key_pair_id": KEY_PAIR_ID, "private_key": written})).signed(URL, EXPIRES)
    assert refusal_of(signed, EXPIRES - timedelta(seconds=1), public_key=public_key) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "K2JCJMDEHXQW5F",
        "{}",
        json.dumps({"key_pair_id": KEY_PAIR_ID, "private_key": "secret-text"}),
        json.dumps({"private_key": json.loads(key_text())["private_key"]}),
        json.dumps({"key_pair_id": 7, "private_key": "secret-text"}),
        json.dumps({"key_pair_id": "", "private_key": json.loads(key_text())["private_key"]}),
        json.dumps({"key_pair_id": KEY_PAIR_ID, "private_key": ENCRYPTED}),
        json.dumps({"key_pair_id": KEY_PAIR_ID, "private_key": UNSUPPORTED}),
        json.dumps({"key_pair_id": "K1", "private_key": pem(rsa.generate_private_key(65537, 2048))}),
        json.dumps({"key_pair_id": "K1", "private_key": pem(ec.generate_private_key(ec.SECP384R1()))}),
    ],
    ids=[
        "empty", "no JSON", "no fields", "no PEM", "no id", "a number", "an empty id", "encrypted",
        "an unsupported curve", "RSA", "P-384",
    ],
)  # fmt: skip
def test_anything_else_is_a_configuration_error_that_does_not_show_it(text: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        SigningKey.from_text(text)
    assert "signing key" in str(error.value)
    assert "secret-text" not in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__
