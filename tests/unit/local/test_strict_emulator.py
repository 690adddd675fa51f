"""The checks that the emulator leaves out, at their limits of time and on tokens of every shape."""

import asyncio
import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from local.emulator.strict.authorizer import JwtAuthorizer
from local.emulator.strict.codes import Codes
from local.emulator.strict.refresh_tokens import RefreshTokens
from local.emulator.strict.replacing import replace
from local.emulator.strict.upload_forms import Field, UploadForms

NOW = 1_800_000_000.0
CLIENT_ID = "a-client"
CODES_SECONDS = {"ConfirmSignUp": 24 * 3600, "ConfirmForgotPassword": 3600}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_function_that_the_emulator_no_longer_has_stops_the_start() -> None:
    with pytest.raises(AttributeError, match="_parse_multipart_form"):
        UploadForms(SimpleNamespace()).install()
    service = SimpleNamespace(double=lambda number: 2 * number)
    replace(service, "double", lambda double: lambda number: double(number) + 1)
    assert service.double(3) == 7


# ---------------------------------------------------------------- forms


def test_fields_after_the_file_are_ignored() -> None:
    field: Field = ("key", None, {}, b"k")
    file: Field = ("file", "a.jpg", {}, b"data")
    for fields, kept in (
        ([field, file], [field, file]),
        ([field, file, ("acl", None, {}, b"public-read"), file], [field, file]),
        ([file, field], [file]),
        ([field], [field]),
        ([], []),
    ):
        assert UploadForms.up_to_the_file(lambda *_, fields=fields: fields)("multipart/form-data", b"") == kept


# ---------------------------------------------------------------- tokens of the API


def judged(token: str | None) -> int | None:
    """Return the status with which the authorizer refuses a token, or ``None``."""

    async def accept(*_: object) -> tuple[dict[str, Any], list[str], None]:
        return {"sub": "a-user"}, ["a-scope"], None

    authorizer = JwtAuthorizer(SimpleNamespace(_extract_token_from_identity_source=lambda *_: token))
    claims, scopes, refusal = asyncio.run(authorizer.requiring_expiry(accept)({}, {}, {}, {}))
    assert (claims, scopes) == ((None, None) if refusal else ({"sub": "a-user"}, ["a-scope"]))
    if refusal:
        assert json.loads(refusal[2]) == {"message": "Unauthorized"}
    return refusal[0] if refusal else None


def token_of(claims: str) -> str:
    return f"header.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.signature"


@pytest.mark.parametrize("expiry", ["1800000000", "1800000000.5", "0"])
def test_a_token_with_an_expiry_is_judged_by_the_emulator(expiry: str) -> None:
    assert judged(token_of(f'{{"exp": {expiry}}}')) is None


@pytest.mark.parametrize(
    "claims",
    [
        "{}",
        '{"exp": null}',
        '{"exp": true}',
        '{"exp": "1800000000"}',
        '{"exp": "never"}',
        '{"exp": [1800000000]}',
        '{"exp": NaN}',
        '{"exp": Infinity}',
        f'{{"exp": 1{"0" * 400}}}',
        "[]",
        "no json",
    ],
)
def test_a_token_without_an_expiry_is_refused(claims: str) -> None:
    assert judged(token_of(claims)) == 401


def test_what_is_no_token_is_refused_and_a_missing_one_left_to_the_emulator() -> None:
    assert judged("garbage") == judged("a.\u00fc.c") == judged("a..c") == 401
    assert judged(None) is None


# ---------------------------------------------------------------- codes


class Mailer:
    """A user of the emulator's Cognito, what it has sent, and its comparison of codes."""

    def __init__(self, clock: Clock) -> None:
        self.user: dict[str, Any] = {}
        self.sent: list[str] = []
        pool: dict[str, Any] = {"_clients": {CLIENT_ID: {}}}
        stub = SimpleNamespace(
            _pool_for_client=lambda client: (pool, "a-pool") if client == CLIENT_ID else (None, None),
            _resolve_user=lambda _, name: (self.user, None) if name == "luna" else (None, "unknown"),
            _send_verification_email=lambda *arguments: self.sent.append(arguments[3]),
            _confirmation_code_error=self._compare,
        )
        Codes(stub, clock).install()
        self.send, self.check = stub._send_verification_email, stub._confirmation_code_error

    def _compare(self, action: str, request: dict[str, str]) -> str | None:
        field = "_reset_code" if action == "ConfirmForgotPassword" else "_confirmation_code"
        if field not in self.user:
            return "expired"
        return None if self.user[field] == request["ConfirmationCode"] else "wrong"

    def verdict(self, action: str, code: str, client: str = CLIENT_ID) -> str | None:
        request = {"ClientId": client, "Username": "luna", "ConfirmationCode": code}
        error: str | None = self.check(action, request)
        return error


@pytest.mark.parametrize(("action", "attribute"), [("ConfirmSignUp", "email"), ("ConfirmForgotPassword", "password")])
def test_a_code_is_random_and_expires(action: str, attribute: str, clock: Clock) -> None:
    mailer = Mailer(clock)
    for _ in range(10):
        mailer.send({}, "luna", {}, "123456", attribute)
    assert len(set(mailer.sent)) > 1
    assert all(len(code) == 6 and code.isdecimal() for code in mailer.sent)

    code, other = mailer.sent[-1], f"{(int(mailer.sent[-1]) + 1) % 10**6:06d}"
    clock.now = NOW + CODES_SECONDS[action] - 1
    assert mailer.verdict(action, code) is None
    assert mailer.verdict(action, other) == "wrong"
    clock.now = NOW + CODES_SECONDS[action]
    assert mailer.verdict(action, code) == mailer.verdict(action, other) == "expired"


def test_a_code_is_for_one_purpose(clock: Clock) -> None:
    mailer = Mailer(clock)
    mailer.send({}, "luna", {}, "123456")
    assert mailer.verdict("ConfirmForgotPassword", mailer.sent[0]) == "expired"
    assert mailer.verdict("ConfirmSignUp", mailer.sent[0], client="another") is None, "left to the emulator"


# ---------------------------------------------------------------- refresh tokens


class Sessions:
    """The emulator's Cognito with one client. A refresh token is its claims as JSON."""

    def __init__(self, clock: Clock, rotation: dict[str, Any] | None = None) -> None:
        self.client: dict[str, Any] = {"ClientSecret": "a-secret"}
        self.pool = {"_clients": {CLIENT_ID: self.client}}
        self.status = 200
        stub = SimpleNamespace(
            _pool_for_client=lambda client: (self.pool, "a-pool") if client == CLIENT_ID else (None, None),
            _refresh_auth_user=lambda *arguments: (None, "forged" if arguments[3] == "forged" else None),
            _token_claims=json.loads,
            _signed_jwt=lambda claims, *_: json.dumps(claims),
            _update_user_pool_client=lambda _: (200, {}, b"{}"),
            _auth_flow_error=lambda *_: None,
            _get_tokens_from_refresh_token=self._refresh,
            _revoke_token=lambda _: (200, {}, b"{}"),
        )
        RefreshTokens(stub, clock).install()
        self.stub = stub
        if rotation:
            stub._update_user_pool_client({"ClientId": CLIENT_ID, "RefreshTokenRotation": rotation})

    def _refresh(self, request: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        body = {"AuthenticationResult": {"AccessToken": "new"}} if self.status == 200 else {"__type": "Refused"}
        return self.status, {}, json.dumps(body).encode()

    def refresh(self, token: str, **changes: str) -> Any:
        """Return the new refresh token, ``None`` if there is none, or the name of the error."""
        request = {"ClientId": CLIENT_ID, "ClientSecret": "a-secret", "RefreshToken": token, **changes}
        status, _, body = self.stub._get_tokens_from_refresh_token(request)
        answer = json.loads(body)
        return answer["AuthenticationResult"].get("RefreshToken") if status == 200 else answer["__type"]


ROTATION = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
FIRST = json.dumps({"jti": "first", "origin_jti": "a-session", "exp": NOW + 1000})


def test_a_used_refresh_token_is_valid_for_the_grace_period_after_its_first_use(clock: Clock) -> None:
    sessions = Sessions(clock, ROTATION)
    second = sessions.refresh(FIRST)
    clock.now = NOW + 30
    assert sessions.refresh(FIRST) not in (FIRST, second)
    clock.now = NOW + 60
    assert json.loads(sessions.refresh(FIRST))["jti"] != "first"
    clock.now = NOW + 60.1
    assert sessions.refresh(FIRST) == "RefreshTokenReuseException"
    # One that is not used yet does not age.
    assert json.loads(sessions.refresh(second))["origin_jti"] == "a-session"


def test_a_new_refresh_token_expires_with_the_first_one(clock: Clock) -> None:
    sessions = Sessions(clock, ROTATION)
    clock.now = NOW + 999
    second = sessions.refresh(FIRST)
    clock.now = NOW + 1000
    assert sessions.refresh(second) == sessions.refresh(FIRST) == "NotAuthorizedException"


def test_a_refused_refresh_uses_nothing_up(clock: Clock) -> None:
    sessions = Sessions(clock, ROTATION | {"RetryGracePeriodSeconds": 0})
    sessions.status = 400
    assert sessions.refresh(FIRST) == "Refused"
    sessions.status, clock.now = 200, NOW + 1
    assert json.loads(sessions.refresh(FIRST))["jti"] != "first"
    clock.now = NOW + 2
    assert sessions.refresh(FIRST) == "RefreshTokenReuseException"


def test_without_rotation_there_is_no_new_refresh_token(clock: Clock) -> None:
    for sessions in (Sessions(clock), Sessions(clock, {"Feature": "DISABLED"})):
        assert sessions.refresh(FIRST) is None
        assert sessions.stub._auth_flow_error("InitiateAuth", refresh_flow()) is None


def test_the_secret_is_required(clock: Clock) -> None:
    sessions = Sessions(clock, ROTATION)
    for wrong in ("", "another", "gehe\u00efm"):
        assert sessions.refresh(FIRST, ClientSecret=wrong) == "NotAuthorizedException"
    revocation = {"ClientId": CLIENT_ID, "Token": FIRST}
    assert json.loads(sessions.stub._revoke_token(revocation)[2])["__type"] == "UnauthorizedException"
    assert sessions.stub._revoke_token({**revocation, "ClientSecret": "a-secret"})[0] == 200
    sessions.client["ClientSecret"] = None
    assert sessions.stub._revoke_token(revocation)[0] == 200


def test_rotation_excludes_the_flow_that_does_not_rotate(clock: Clock) -> None:
    sessions = Sessions(clock, ROTATION)
    _, _, body = sessions.stub._auth_flow_error("InitiateAuth", refresh_flow())
    assert json.loads(body)["__type"] == "InvalidParameterException"
    assert sessions.stub._auth_flow_error("InitiateAuth", {**refresh_flow(), "AuthFlow": "USER_SRP_AUTH"}) is None


def test_what_the_emulator_refuses_stays_its_answer(clock: Clock) -> None:
    sessions = Sessions(clock, ROTATION)
    assert sessions.refresh("forged") is None, "answered by the emulator, without a new token"
    assert sessions.refresh(FIRST, ClientId="another") is None


def refresh_flow() -> dict[str, str]:
    return {"ClientId": CLIENT_ID, "AuthFlow": "REFRESH_TOKEN_AUTH"}
