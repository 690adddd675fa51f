"""Authorization of WebSocket connections, and the response to a handshake."""

import base64
import time
from typing import Any

import pytest

from dreamvision.auth.tokens import AccessClaims, IdentitySettings, TokenVerifier, UnauthenticatedError
from dreamvision_api.websocket import connection_of, is_event_type, message_bytes
from dreamvision_api.websocket_authentication import authenticate_handshake, authorizer_policy, handshake_headers
from tests.fakes.token_issuer import COGNITO_SCOPE, TokenIssuer

ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Pool"
USER = "6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11"
SESSION = "0b8f6a54-8f2b-4a6a-bb0e-2f7d5a7c9d22"
ARN = "arn:aws:execute-api:eu-central-1:123456789012:api/v1/$connect"


class FakeSessions:
    """All sessions are active except those that were revoked."""

    def __init__(self, *ended: str) -> None:
        self.ended = ended

    def require_active(self, user_id: str, session_id: str, issued_at: int) -> None:
        if session_id in self.ended:
            raise UnauthenticatedError


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer(ISSUER, "client")


@pytest.fixture
def token(issuer: TokenIssuer) -> str:
    return issuer.sign(issuer.access_claims(USER, SESSION, time.time()))


def authenticate(event: dict[str, Any], issuer: TokenIssuer, *ended: str) -> AccessClaims:
    settings = IdentitySettings(
        user_pool_id="eu-central-1_Pool", user_pool_client_id="client", aws_region="eu-central-1"
    )
    sessions: Any = FakeSessions(*ended)
    return authenticate_handshake(event, sessions=sessions, verifier=TokenVerifier(settings, fetch_keys=issuer.jwks))


def handshake(headers: dict[str, str] | None = None, query: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "type": "REQUEST",
        "methodArn": ARN,
        "headers": headers,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "requestContext": {"eventType": "CONNECT", "connectionId": "c1", "routeKey": "$connect"},
    }


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_is_read_from_the_header(name: str, scheme: str, token: str, issuer: TokenIssuer) -> None:
    access = authenticate(handshake({name: f"{scheme} {token}"}), issuer)
    assert (access.user_id, access.session_id) == (USER, SESSION)


@pytest.mark.parametrize("order", ["dreamvision, bearer.{}", "bearer.{},dreamvision", "chat, dreamvision,bearer.{}"])
def test_a_token_is_read_from_the_subprotocols(order: str, token: str, issuer: TokenIssuer) -> None:
    event = handshake({"Sec-WebSocket-Protocol": order.format(token)})
    assert authenticate(event, issuer).user_id == USER
    assert handshake_headers(event) == {"Sec-WebSocket-Protocol": "dreamvision"}


def test_without_an_offer_there_is_no_subprotocol_to_choose(token: str) -> None:
    assert handshake_headers(handshake({"Authorization": f"Bearer {token}"})) == {}
    assert handshake_headers(handshake({"Sec-WebSocket-Protocol": "chat"})) == {}
    assert handshake_headers(handshake(None)) == {}


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"},
        {"Authorization": "Bearer {token}x"},
        {"Authorization": "Bearer garbage"},
        {"Sec-WebSocket-Protocol": "dreamvision"},
        {"Sec-WebSocket-Protocol": "dreamvision, bearer."},
        {"Sec-WebSocket-Protocol": "dreamvision, {token}"},
        {"Sec-WebSocket-Protocol": "bearer.{token}"},
        {"Sec-WebSocket-Protocol": "dreamvision, bearer.{token}, bearer.{token}"},
        # The header takes precedence: a valid token elsewhere does not replace an invalid one.
        {"Authorization": "Bearer garbage", "Sec-WebSocket-Protocol": "dreamvision, bearer.{token}"},
    ],
)
def test_handshakes_without_a_valid_token_are_rejected(
    headers: dict[str, str] | None, token: str, issuer: TokenIssuer
) -> None:
    filled = {name: value.format(token=token) for name, value in headers.items()} if headers else headers
    with pytest.raises(UnauthenticatedError):
        authenticate(handshake(filled), issuer)


@pytest.mark.parametrize("query", [{"token": "x"}, {"access_token": "x"}, {"Authorization": "x"}, {"v": "{token}"}])
def test_a_token_in_the_url_is_rejected_even_beside_a_valid_one(
    query: dict[str, str], token: str, issuer: TokenIssuer
) -> None:
    filled = {name: value.format(token=token) for name, value in query.items()}
    with pytest.raises(UnauthenticatedError):
        authenticate(handshake({"Authorization": f"Bearer {token}"}, filled), issuer)


def test_other_query_parameters_are_ignored(token: str, issuer: TokenIssuer) -> None:
    event = handshake({"Authorization": f"Bearer {token}"}, {"v": "1.2.3", "lang": "en"})
    assert authenticate(event, issuer).user_id == USER


def test_id_tokens_expired_and_foreign_tokens_are_rejected(issuer: TokenIssuer) -> None:
    now = time.time()
    elsewhere = TokenIssuer("https://elsewhere.invalid", "client")
    bad = [
        issuer.sign(issuer.id_claims(USER, SESSION, now, "luna@example.com")),
        issuer.sign(issuer.access_claims(USER, SESSION, now - 7200)),
        issuer.sign(issuer.access_claims(USER, SESSION, now) | {"client_id": "another"}),
        issuer.sign(issuer.access_claims(USER, SESSION, now) | {"scope": COGNITO_SCOPE}),
        TokenIssuer(ISSUER, "client", "second").sign(issuer.access_claims(USER, SESSION, now)),
        elsewhere.sign(elsewhere.access_claims(USER, SESSION, now)),
    ]
    for token in bad:
        with pytest.raises(UnauthenticatedError):
            authenticate(handshake({"Authorization": f"Bearer {token}"}), issuer)


def test_a_revoked_session_is_rejected(token: str, issuer: TokenIssuer) -> None:
    with pytest.raises(UnauthenticatedError):
        authenticate(handshake({"Authorization": f"Bearer {token}"}), issuer, SESSION)


def test_the_policy_allows_one_route_and_passes_the_caller_on() -> None:
    answer = authorizer_policy(handshake(), AccessClaims(USER, SESSION, 1795403000, 1795406600))
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement == {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": ARN}
    assert answer["principalId"] == USER
    assert all(isinstance(value, str) for value in answer["context"].values())

    # The context that API Gateway passes on is read back unchanged.
    event = {"requestContext": {"connectionId": "c1", "authorizer": {**answer["context"], "principalId": USER}}}
    assert connection_of(event).access == AccessClaims(USER, SESSION, 1795403000, 1795406600)


def test_the_policy_denies() -> None:
    answer = authorizer_policy(handshake(), None)
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert "context" not in answer


def test_a_connection_without_an_authorizer_has_no_user() -> None:
    with pytest.raises(KeyError):
        connection_of({"requestContext": {"connectionId": "c1"}})


def test_a_message_cannot_pretend_to_be_a_handshake() -> None:
    assert is_event_type(handshake(), "CONNECT")
    assert not is_event_type({"requestContext": {"eventType": "MESSAGE", "routeKey": "$connect"}}, "CONNECT")


def test_text_and_binary_messages_are_read() -> None:
    assert message_bytes({"body": '{"action": "ping"}', "isBase64Encoded": False}) == b'{"action": "ping"}'
    assert message_bytes({"body": base64.b64encode("ü".encode()).decode(), "isBase64Encoded": True}) == "ü".encode()
    assert message_bytes({"body": base64.b64encode(b"\xff\xfe").decode(), "isBase64Encoded": True}) == b"\xff\xfe"
    assert message_bytes({"body": None}) == b""
