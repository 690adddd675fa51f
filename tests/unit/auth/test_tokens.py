"""Verification of tokens that no gateway has verified."""

import base64
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dreamvision.auth.tokens import SCOPE, IdentitySettings, TokenVerifier, UnauthenticatedError, checked_claims
from dreamvision_api.authentication import authenticate
from tests.fakes.token_issuer import COGNITO_SCOPE, TokenIssuer

_ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Pool"
_CLIENT = "client"
_SUB = "6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11"
_SESSION = "0b8f6a54-8f2b-4a6a-bb0e-2f7d5a7c9d22"
_SETTINGS = IdentitySettings(user_pool_id="eu-central-1_Pool", user_pool_client_id=_CLIENT, aws_region="eu-central-1")


class _Keys:
    """The pool's key set, with a count of its requests."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.issuers = list(issuers)
        self.asked = 0

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return {"keys": [key for issuer in self.issuers for key in issuer.jwks()["keys"]]}


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer(_ISSUER, _CLIENT)


@pytest.fixture
def keys(issuer: TokenIssuer) -> _Keys:
    return _Keys(issuer)


@pytest.fixture
def verifier(keys: _Keys) -> TokenVerifier:
    return TokenVerifier(_SETTINGS, fetch_keys=keys)


def _claims(issuer: TokenIssuer) -> dict[str, Any]:
    return issuer.access_claims(_SUB, _SESSION, time.time())


def test_a_valid_token_identifies_user_and_session(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    claims = _claims(issuer)

    access = verifier.verify(issuer.sign(claims))

    assert access == (_SUB, _SESSION, claims["iat"], claims["exp"])


def _unsigned(issuer: TokenIssuer) -> str:
    return jwt.encode(_claims(issuer), "", algorithm="none", headers={"kid": issuer.key_id})


def _signed_with_the_public_key(issuer: TokenIssuer) -> str:
    """Sign with HS256 and the published key as the secret, which PyJWT refuses to do and an attacker does not."""
    public = issuer.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": issuer.key_id}
    signed = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, _claims(issuer))
    )
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = base64.urlsafe_b64encode(algorithm.sign(signed.encode(), public)).decode().rstrip("=")
    return f"{signed}.{signature}"


def _signed_with_another_key(issuer: TokenIssuer) -> str:
    return TokenIssuer(_ISSUER, _CLIENT, key="attacker").sign(_claims(issuer), key_id=issuer.key_id)


def _with(**changes: object) -> Callable[[TokenIssuer], str]:
    return lambda issuer: issuer.sign(_claims(issuer) | changes)


def _without(name: str) -> Callable[[TokenIssuer], str]:
    return lambda issuer: issuer.sign({key: value for key, value in _claims(issuer).items() if key != name})


def _tampered(issuer: TokenIssuer) -> str:
    header, _, signature = issuer.sign(_claims(issuer)).split(".")
    other = base64.urlsafe_b64encode(json.dumps(_claims(issuer) | {"sub": "another user"}).encode()).decode()
    return f"{header}.{other.rstrip('=')}.{signature}"


_HOUR = 3600
_BAD_TOKENS: dict[str, Callable[[TokenIssuer], str]] = {
    "empty": lambda _: "",
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "not ASCII": lambda _: "ü.ü.ü",
    "alg none": _unsigned,
    "HS256 with the public key": _signed_with_the_public_key,
    "another key": _signed_with_another_key,
    "tampered": _tampered,
    "another issuer": _with(iss="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Other"),
    "another app": _with(client_id="other"),
    "expired": lambda issuer: _with(exp=int(time.time()) - 1, iat=int(time.time()) - _HOUR)(issuer),
    "issued in the future": lambda issuer: _with(iat=int(time.time()) + _HOUR)(issuer),
    "an ID token": lambda issuer: issuer.sign(issuer.id_claims(_SUB, _SESSION, time.time(), "luna@example.com")),
    "an ID token with a client id": _with(token_use="id"),
    "no expiry": _without("exp"),
    "no subject": _without("sub"),
    "no session": _without("origin_jti"),
    "no use": _without("token_use"),
    "no app": _without("client_id"),
    "no scope": _without("scope"),
    "Cognito's scope": _with(scope=COGNITO_SCOPE),
    "a scope that contains ours": _with(scope=f"{SCOPE}2 x{SCOPE}"),
}

# What a gateway that checks less than ours would let through. It passes every value on as a text.
_BAD_CLAIMS: dict[str, dict[str, object]] = {
    "another issuer": {"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Other"},
    "another app": {"client_id": "other"},
    "an ID token": {"token_use": "id"},
    "Cognito's scope": {"scope": COGNITO_SCOPE},
    "no scope": {"scope": ""},
    "no subject": {"sub": ""},
    "no session": {"origin_jti": ""},
    "no expiry": {"exp": ""},
    "an expiry that is no number": {"exp": "soon"},
    "no issue time": {"iat": ""},
}


@pytest.mark.parametrize("kind", _BAD_TOKENS)
def test_other_tokens_are_rejected_without_a_reason(kind: str, issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    with pytest.raises(UnauthenticatedError) as refusal:
        verifier.verify(_BAD_TOKENS[kind](issuer))

    assert str(refusal.value) == UnauthenticatedError.default_message
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("kind", _BAD_CLAIMS)
def test_a_request_and_a_handshake_are_held_to_the_same_claims(
    kind: str, issuer: TokenIssuer, verifier: TokenVerifier
) -> None:
    claims = _claims(issuer) | _BAD_CLAIMS[kind]
    texts = {name: str(value) for name, value in claims.items()}
    event = {"requestContext": {"authorizer": {"jwt": {"claims": texts}}}}
    sessions: Any = SimpleNamespace(require_active=lambda *_: None)

    with pytest.raises(UnauthenticatedError):
        authenticate(event, sessions=sessions, verifier=verifier)
    with pytest.raises(UnauthenticatedError):
        verifier.verify(issuer.sign(claims))


def test_a_scope_may_stand_among_others(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    assert verifier.verify(issuer.sign(_claims(issuer) | {"scope": f"openid {SCOPE} email"}))


def test_a_key_of_another_type_does_not_keep_the_others(issuer: TokenIssuer) -> None:
    document = {"keys": [{"kid": "new", "kty": "not yet known"}, *issuer.jwks()["keys"]]}
    verifier = TokenVerifier(_SETTINGS, fetch_keys=lambda: document)
    assert verifier.verify(issuer.sign(_claims(issuer))).user_id == _SUB


def test_the_keys_are_fetched_once(issuer: TokenIssuer, keys: _Keys, verifier: TokenVerifier) -> None:
    for _ in range(3):
        verifier.verify(issuer.sign(_claims(issuer)))

    assert keys.asked == 1


def test_unknown_key_ids_do_not_refetch_the_keys_repeatedly(issuer: TokenIssuer, keys: _Keys) -> None:
    # GIVEN a verifier that has the keys
    clock = _Clock()
    verifier = TokenVerifier(_SETTINGS, fetch_keys=keys, monotonic=clock)
    verifier.verify(issuer.sign(_claims(issuer)))

    # WHEN tokens with unknown key ids arrive within the cooldown
    for number in range(20):
        clock.now += 2
        with pytest.raises(UnauthenticatedError):
            verifier.verify(issuer.sign(_claims(issuer), key_id=f"invented-{number}"))

    # THEN the keys are not fetched, and valid tokens are still accepted
    assert keys.asked == 1
    assert verifier.verify(issuer.sign(_claims(issuer))).user_id == _SUB


def test_a_rotated_key_is_fetched_after_the_cooldown(issuer: TokenIssuer, keys: _Keys) -> None:
    clock = _Clock()
    verifier = TokenVerifier(_SETTINGS, fetch_keys=keys, monotonic=clock)
    verifier.verify(issuer.sign(_claims(issuer)))
    successor = TokenIssuer(_ISSUER, _CLIENT, key="second")
    keys.issuers.append(successor)

    clock.now += 61

    assert verifier.verify(successor.sign(_claims(successor))).user_id == _SUB
    assert keys.asked == 2


def test_numeric_claims_may_be_strings(issuer: TokenIssuer) -> None:
    claims = {name: str(value) for name, value in _claims(issuer).items()}

    assert checked_claims(claims, _SETTINGS).issued_at == int(claims["iat"])


def test_the_issuer_and_the_key_set_follow_from_the_pool() -> None:
    assert _SETTINGS.token_issuer == _ISSUER
    assert _SETTINGS.jwks_url == f"{_ISSUER}/.well-known/jwks.json"


def test_an_endpoint_override_moves_the_key_set_and_not_the_issuer() -> None:
    local = _SETTINGS.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:4566"})

    assert local.token_issuer == _ISSUER
    assert local.jwks_url == "http://127.0.0.1:4566/eu-central-1_Pool/.well-known/jwks.json"
