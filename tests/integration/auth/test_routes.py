"""``/api/v1/auth`` as API Gateway calls it: statuses, bodies, and no personal data in the log."""

import json
from typing import Any

import pytest

from dreamvision.database.client import Database
from dreamvision.limits.rate_limits import CODES_PER_HOUR
from tests.fakes.cognito_state import refused
from tests.fakes.token_issuer import TokenIssuer
from tests.integration.auth.fixtures import (
    EMAIL,
    NAME,
    OTHER_PASSWORD,
    PASSWORD,
    AccountBackend,
    Answer,
    AuthApi,
    Tables,
    trigger,
)

_PREFIX = "/api/v1/auth"
_REGISTRATION = {"email": EMAIL, "password": PASSWORD, "username": NAME}
_PROTECTED = ["POST /logout", "POST /change-password", "GET /me", "PATCH /me"]
_BODIES: dict[str, dict[str, Any]] = {
    "POST /register": _REGISTRATION,
    "POST /login": {"email": EMAIL, "password": PASSWORD},
    "POST /refresh": {"refresh_token": "token"},
    "POST /confirm": {"email": EMAIL, "code": "123456"},
    "POST /resend-confirmation": {"email": EMAIL},
    "POST /forgot-password": {"email": EMAIL},
    "POST /reset-password": {"email": EMAIL, "code": "123456", "new_password": OTHER_PASSWORD},
    "POST /change-password": {"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
    "PATCH /me": {"username": "Stella"},
}


def _send(auth: AuthApi, route: str, body: Any = None, **options: Any) -> Answer:
    method, name = route.split(" ")
    return auth(f"{method} {_PREFIX}{name}", body, **options)


def _registered(auth: AuthApi) -> dict[str, Any]:
    answer = _send(auth, "POST /register", _REGISTRATION)
    assert answer.status == 200
    body: dict[str, Any] = answer.body
    return body


def _lasting(answer: Answer) -> dict[str, str]:
    """Return the headers that do not change from response to response."""
    return {name: value for name, value in answer.headers.items() if name != "RateLimit"}


def _is_problem(answer: Answer, status: int, code: str) -> bool:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.body) >= {"type", "title", "status", "detail", "request_id"}
    assert answer.body["status"] == status
    return bool(answer.body["type"].endswith(f":{code}"))


# ---------------------------------------------------------------- registration, login and refresh


def test_register_returns_tokens(auth: AuthApi) -> None:
    body = _registered(auth)

    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
    assert {**body["user"], "id": ...} == {"id": ..., "email": EMAIL, "username": NAME}


def test_login_and_profile(auth: AuthApi) -> None:
    user = _registered(auth)["user"]

    session = _send(auth, "POST /login", {"email": EMAIL.upper(), "password": PASSWORD}).body
    profile = _send(auth, "GET /me", token=session["access_token"])

    assert session["user"] == user
    assert profile.status == 200
    expected = {"id": user["id"], "email": EMAIL, "username": NAME, "subscription_tier": "free"}
    assert {name: profile.body[name] for name in expected} == expected
    assert (profile.body["dreams_count"], profile.body["videos_count"]) == (0, 0)
    assert profile.body["created_at"].endswith("Z")


def test_refresh_returns_the_same_fields_as_login(auth: AuthApi) -> None:
    session = _registered(auth)

    refreshed = _send(auth, "POST /refresh", {"refresh_token": session["refresh_token"]})

    assert refreshed.status == 200
    assert set(refreshed.body) == set(session)
    assert refreshed.body["user"] == session["user"]
    assert _send(auth, "GET /me", token=refreshed.body["access_token"]).status == 200


def test_registration_with_confirmation(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = AccountBackend(tables, trigger(confirm_email=True))
    monkeypatch.setattr(Database, "shared", lambda: backend.database)
    auth = AuthApi(backend)

    answer = _send(auth, "POST /register", _REGISTRATION)
    assert (answer.status, answer.body["confirmation_required"]) == (202, True)
    assert "access_token" not in answer.body
    login = {"email": EMAIL, "password": PASSWORD}
    assert _is_problem(_send(auth, "POST /login", login), 403, "email_not_confirmed")
    assert _send(auth, "POST /resend-confirmation", {"email": EMAIL}).status == 202
    wrong = _send(auth, "POST /confirm", {"email": EMAIL, "code": "wrong"})
    assert _is_problem(wrong, 400, "invalid_or_expired_code")
    code = backend.cognito.outbox[-1][1]
    assert _send(auth, "POST /confirm", {"email": EMAIL, "code": code}).status == 204
    assert _send(auth, "POST /login", login).body["user"]["username"] == NAME


# ---------------------------------------------------------------- signing out


@pytest.mark.parametrize("query", [None, {"scope": "session"}])
def test_logout_applies_to_the_next_request(auth: AuthApi, query: dict[str, str] | None) -> None:
    session = _registered(auth)
    other = _send(auth, "POST /login", {"email": EMAIL, "password": PASSWORD}).body

    answer = _send(auth, "POST /logout", token=session["access_token"], query=query)

    assert (answer.status, answer.body) == (204, None)
    assert _is_problem(_send(auth, "GET /me", token=session["access_token"]), 401, "unauthenticated")
    refresh = _send(auth, "POST /refresh", {"refresh_token": session["refresh_token"]})
    assert _is_problem(refresh, 401, "invalid_refresh_token")
    assert _send(auth, "GET /me", token=other["access_token"]).status == 200


def test_logout_everywhere(auth: AuthApi) -> None:
    first = _registered(auth)
    second = _send(auth, "POST /login", {"email": EMAIL, "password": PASSWORD}).body

    assert _send(auth, "POST /logout", token=first["access_token"], query={"scope": "global"}).status == 204

    for session in (first, second):
        assert _send(auth, "GET /me", token=session["access_token"]).status == 401
        assert _send(auth, "POST /refresh", {"refresh_token": session["refresh_token"]}).status == 401
    again = _send(auth, "POST /login", {"email": EMAIL, "password": PASSWORD}).body
    assert _send(auth, "GET /me", token=again["access_token"]).status == 200


def test_logout_accepts_two_scopes(auth: AuthApi) -> None:
    token = _registered(auth)["access_token"]

    assert _is_problem(_send(auth, "POST /logout", token=token, query={"scope": "all"}), 422, "validation_failed")
    assert _send(auth, "GET /me", token=token).status == 200


# ---------------------------------------------------------------- tokens


def _tokens(backend: AccountBackend, session: dict[str, Any]) -> dict[str, str | None]:
    issuer, now = backend.cognito.issuer, backend.clock()
    sub, jti = session["user"]["id"], backend.cognito.sessions[0].origin_jti
    claims = issuer.access_claims(sub, jti, now)
    return {
        "none": None,
        "garbage": "garbage",
        "another key": TokenIssuer(issuer.issuer, issuer.client_id, key="attacker").sign(claims, issuer.key_id),
        "another issuer": issuer.sign(claims | {"iss": "https://example.com"}),
        "another app": issuer.sign(claims | {"client_id": "other"}),
        "expired": issuer.sign(claims | {"iat": int(now) - 7200, "exp": int(now) - 3600}),
        "an ID token": issuer.sign(issuer.id_claims(sub, jti, now, EMAIL)),
        "a refresh token": session["refresh_token"],
    }


@pytest.mark.parametrize("route", _PROTECTED)
def test_tokens_are_verified_without_the_gateway(auth: AuthApi, backend: AccountBackend, route: str) -> None:
    session = _registered(auth)

    for kind, token in _tokens(backend, session).items():
        answer = _send(auth, route, _BODIES.get(route), token=token, gateway=False)
        assert _is_problem(answer, 401, "unauthenticated"), kind
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert _send(auth, "GET /me", token=session["access_token"], gateway=False).body["username"] == NAME
    assert backend.cognito.user(EMAIL).password == PASSWORD


@pytest.mark.parametrize("route", _PROTECTED)
def test_an_id_token_is_rejected_even_if_the_gateway_accepted_it(
    auth: AuthApi, backend: AccountBackend, route: str
) -> None:
    session = _registered(auth)

    answer = _send(auth, route, _BODIES.get(route), token=_tokens(backend, session)["an ID token"])

    assert _is_problem(answer, 401, "unauthenticated")


def test_a_user_reads_only_their_own_data(auth: AuthApi) -> None:
    _registered(auth)
    other = {"email": "stella@example.com", "password": PASSWORD, "username": "Stella"}
    token = _send(auth, "POST /register", other).body["access_token"]

    assert _send(auth, "GET /me", token=token).body["username"] == "Stella"
    assert _is_problem(_send(auth, "PATCH /me", {"username": "LUNA"}, token=token), 409, "username_taken")
    assert _is_problem(_send(auth, "PATCH /me", {"username": "Nova", "id": "x"}, token=token), 422, "validation_failed")
    assert _send(auth, "PATCH /me", {"username": " Nova "}, token=token).body["username"] == "Nova"


# ---------------------------------------------------------------- errors


def test_taken_addresses_and_usernames_are_conflicts(auth: AuthApi) -> None:
    _registered(auth)

    taken_name = _send(auth, "POST /register", {**_REGISTRATION, "email": "other@example.com", "username": "lUNA"})
    taken_address = _send(auth, "POST /register", {**_REGISTRATION, "username": "Stella"})

    assert _is_problem(taken_name, 409, "username_taken")
    assert _is_problem(taken_address, 409, "user_already_exists")


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        ("InvalidPasswordException", 422, "weak_password", None),
        ("InvalidParameterException", 422, "validation_failed", None),
        ("LimitExceededException", 429, "too_many_attempts", "900"),
        ("TooManyRequestsException", 503, "accounts_busy", "5"),
        ("UserLambdaValidationException", 400, "registration_refused", None),
        ("UnexpectedLambdaException", 502, "accounts_failed", None),
        ("InvalidLambdaResponseException", 502, "accounts_failed", None),
        ("CodeDeliveryFailureException", 503, "code_not_delivered", "60"),
        ("InternalErrorException", 500, "internal_error", None),
        ("AccessDeniedException", 500, "internal_error", None),
    ],
)
def test_cognito_errors_become_problems(
    auth: AuthApi, backend: AccountBackend, error: str, status: int, code: str, retry_after: str | None
) -> None:
    backend.cognito.fail("SignUp", refused(error, f"{EMAIL} {PASSWORD}"))

    answer = _send(auth, "POST /register", _REGISTRATION)

    assert _is_problem(answer, status, code)
    assert answer.headers.get("Retry-After") == retry_after
    assert EMAIL not in json.dumps(answer.body)
    assert backend.items("profiles") == []


def test_login_responds_equally_for_known_and_unknown_addresses(auth: AuthApi) -> None:
    _registered(auth)

    answers = [
        _send(auth, "POST /login", {"email": email, "password": OTHER_PASSWORD})
        for email in (EMAIL, "unknown@example.com")
    ]

    assert all(_is_problem(answer, 401, "invalid_credentials") for answer in answers)
    first, second = ({**answer.body, "request_id": ...} for answer in answers)
    assert first == second
    assert _lasting(answers[0]) == _lasting(answers[1])


@pytest.mark.parametrize("route", ["POST /forgot-password", "POST /resend-confirmation"])
def test_requesting_a_code_responds_equally_for_known_and_unknown_addresses(auth: AuthApi, route: str) -> None:
    _registered(auth)

    for _ in range(CODES_PER_HOUR):
        known, unknown = (_send(auth, route, {"email": email}) for email in (EMAIL, "unknown@example.com"))
        assert (known.status, known.body, _lasting(known)) == (unknown.status, unknown.body, _lasting(unknown))
        assert known.status == 202
    for email in (EMAIL, "unknown@example.com"):
        refusal = _send(auth, route, {"email": email})
        assert _is_problem(refusal, 429, "too_many_attempts")
        assert refusal.headers["Retry-After"] == "3600"


@pytest.mark.parametrize("route", ["POST /confirm", "POST /reset-password"])
def test_a_wrong_code_and_an_unknown_address_are_indistinguishable(auth: AuthApi, route: str) -> None:
    _registered(auth)

    known, unknown = (
        _send(auth, route, {**_BODIES[route], "email": email}) for email in (EMAIL, "unknown@example.com")
    )

    assert _is_problem(known, 400, "invalid_or_expired_code")
    assert {**known.body, "request_id": ...} == {**unknown.body, "request_id": ...}


def test_a_password_is_reset_and_changed(auth: AuthApi, backend: AccountBackend) -> None:
    _registered(auth)
    _send(auth, "POST /forgot-password", {"email": EMAIL})
    reset = {"email": EMAIL, "code": backend.cognito.outbox[-1][1], "new_password": OTHER_PASSWORD}
    assert _send(auth, "POST /reset-password", reset).status == 204
    session = _send(auth, "POST /login", {"email": EMAIL, "password": OTHER_PASSWORD}).body

    token = session["access_token"]
    wrong = {"current_password": "Wrong-password1", "new_password": PASSWORD}
    assert _is_problem(_send(auth, "POST /change-password", wrong, token=token), 403, "wrong_password")
    right = {"current_password": OTHER_PASSWORD, "new_password": PASSWORD}
    changed = _send(auth, "POST /change-password", right, token=token)

    assert changed.status == 200
    assert _send(auth, "GET /me", token=changed.body["access_token"]).status == 200
    assert _send(auth, "GET /me", token=token).status == 401


@pytest.mark.parametrize("route", _BODIES)
def test_invalid_bodies_are_rejected(auth: AuthApi, backend: AccountBackend, route: str) -> None:
    token = _registered(auth)["access_token"]
    before = backend.cognito.calls.copy()

    for missing in _BODIES[route]:
        body = {name: value for name, value in _BODIES[route].items() if name != missing}
        assert _is_problem(_send(auth, route, body, token=token), 422, "validation_failed")
        bad: Any
        for bad in (None, 7, [], "\ud800"):
            assert _is_problem(_send(auth, route, {**body, missing: bad}, token=token), 422, "validation_failed")
    extra = _send(auth, route, {**_BODIES[route], "extra": "value"}, token=token)
    assert _is_problem(extra, 422, "validation_failed")
    assert _is_problem(_send(auth, route, "{", token=token), 400, "malformed_json")
    assert _is_problem(_send(auth, route, token=token), 422, "validation_failed")

    assert backend.cognito.calls == before


def test_errors_name_invalid_fields_and_do_not_quote_values(auth: AuthApi) -> None:
    answer = _send(auth, "POST /register", {"email": "luna", "password": "topsecret", "username": "<x>"})

    assert {tuple(error["loc"]): error["code"] for error in answer.body["errors"]} == {
        ("body", "email"): "invalid_email",
        ("body", "password"): "no_upper_case",
        ("body", "username"): "invalid_characters",
    }
    assert all(set(error) == {"loc", "msg", "code"} for error in answer.body["errors"])
    assert "topsecret" not in json.dumps(answer.body)


def test_personal_data_is_not_logged(
    auth: AuthApi, backend: AccountBackend, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN everything that can go right and wrong
    session = _registered(auth)
    for route, body in _BODIES.items():
        _send(auth, route, body, token=session["access_token"])
        _send(auth, route, body)
    for operation in ("SignUp", "AdminInitiateAuth", "ForgotPassword"):
        for error in ("InternalErrorException", "AccessDeniedException", "TooManyRequestsException"):
            backend.cognito.fail(operation, refused(error, f"{EMAIL} {PASSWORD}"))
            for route in ("POST /register", "POST /login", "POST /forgot-password"):
                _send(auth, route, {**_BODIES[route], **({"username": "Nova"} if "register" in route else {})})

    out, err = capfd.readouterr()
    log = out + err + caplog.text
    assert "unexpected error" in log
    secrets = [EMAIL, "luna", PASSWORD, OTHER_PASSWORD, session["access_token"], session["refresh_token"][-20:]]
    for secret in secrets:
        assert secret.lower() not in log.lower()
