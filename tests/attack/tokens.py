"""Forged, foreign and ended tokens, at every door: the gateway, the functions' own check, and the handshake."""

import json
from collections.abc import Callable
from pathlib import Path

from local.sample_events import event_of
from tests.attack.attack import Outcome, attack
from tests.attack.forgery import COGNITO_SCOPE, Forger, claims_of, in_parallel
from tests.attack.target import Target, protected_routes
from tests.conftest import load_event
from tests.e2e.client import PASSWORD, User
from tests.e2e.test_tokens import call, id_token

_ROUTE = "GET /api/v1/auth/me"
# Refused by the code's own check, for the gateway's authorizer allows other algorithms of the pool's key.
_OTHER_ALGORITHMS = ("RS384", "RS512", "PS256")


def _forger(target: Target, user: User) -> Forger:
    state = Path(target.outputs["logs"]).parent / "state"
    return Forger(state, target.outputs["user_pool_id"], user.access_token)


def _at_gateway(target: Target, authorization: str | None) -> bool:
    answer = call(target.http, _ROUTE, authorization)
    return answer.status_code == 200


def _at_function(target: Target, authorization: str | None) -> bool:
    headers = {} if authorization is None else {"authorization": authorization}
    return target.call(_ROUTE, headers=headers).status == 200


def _at_handshake(target: Target, authorization: str | None) -> bool:
    event = load_event("realtime/authorize")
    event["headers"] = {} if authorization is None else {"Authorization": authorization}
    answer = target.invoke("RealtimeAuthorizeFunction", event)
    return "Allow" in json.dumps(answer.get("policyDocument"))


def _try_all(
    target: Target, outcome: Outcome, enters: Callable[[Target, str | None], bool], *, others: bool = False
) -> None:
    user = target.register()
    forger = _forger(target, user)
    credentials = forger.credentials()
    if others:
        credentials |= {f"{alg} by the pool": f"Bearer {forger.signed(alg=alg)}" for alg in _OTHER_ALGORITHMS}
        credentials["not valid before tomorrow"] = f"Bearer {forger.signed(nbf=forger.claims['exp'] + 86_400)}"
        credentials["no session"] = f"Bearer {forger.signed(origin_jti=None)}"
        credentials["issued tomorrow"] = f"Bearer {forger.signed(iat=forger.claims['exp'] + 86_400)}"
    # Otherwise the refusals would prove nothing.
    outcome.expect(enters(target, f"Bearer {forger.signed(jti='another')}"), "a valid token is refused")
    for name, entered in zip(
        credentials, in_parallel(lambda value: enters(target, value), list(credentials.values())), strict=True
    ):
        outcome.expect(not entered, f"accepted: {name}")


@attack("forged tokens at the gateway")
def at_the_gateway(target: Target, outcome: Outcome) -> None:
    _try_all(target, outcome, _at_gateway)


@attack("forged tokens at a function")
def at_a_function(target: Target, outcome: Outcome) -> None:
    _try_all(target, outcome, _at_function, others=True)


@attack("forged tokens at the handshake")
def at_the_handshake(target: Target, outcome: Outcome) -> None:
    _try_all(target, outcome, _at_handshake, others=True)


@attack("no, unsigned and foreign tokens on every route", remote=True)
def on_every_route(target: Target, outcome: Outcome) -> None:
    victim = target.register()
    head, body, signature = victim.access_token.split(".")
    kinds = {
        "nothing": None,
        "no signature": f"Bearer {head}.{body}.",
        "a refresh token": f"Bearer {victim.refresh_token}",
        "another's claims": f"Bearer {head}.{target.register().access_token.split('.')[1]}.{signature}",
    }
    for route in protected_routes():
        for name, value in kinds.items():
            answer = call(target.http, route, value)
            outcome.expect(answer.status_code in (401, 403), f"{route} with {name}: {answer.status_code}")


@attack("tokens of ended sessions on every route", remote=True)
def of_ended_sessions(target: Target, outcome: Outcome) -> None:
    user = target.register()
    assert user.post("/auth/logout").status_code == 204
    for route in protected_routes():
        answer = call(target.http, route, f"Bearer {user.access_token}")
        outcome.expect(answer.status_code == 401, f"{route} after a sign-out: {answer.status_code}")
    answer = target.http.post("/api/v1/auth/refresh", json={"refresh_token": user.refresh_token})
    outcome.expect(answer.status_code == 401, f"refresh after a sign-out: {answer.status_code}")


@attack("ID tokens on every route")
def id_tokens(target: Target, outcome: Outcome) -> None:
    token = id_token(target.register(), target.control)
    for route in protected_routes():
        answer = call(target.http, route, f"Bearer {token}")
        outcome.expect(answer.status_code in (401, 403), f"{route} with an ID token: {answer.status_code}")


@attack("tokens of blocked users and of erased ones")
def of_closed_accounts(target: Target, outcome: Outcome) -> None:
    blocked, erased = target.register(), target.register()
    target.operate("user.block", user_id=blocked.id)
    assert erased.request("DELETE", "/auth/me", json={"password": PASSWORD}).status_code == 204
    for name, user in {"a blocked user": blocked, "an erased user": erased}.items():
        outcome.expect(user.get("/dreams").status_code == 401, f"the token of {name}")
        reply = target.call("POST /api/v1/auth/refresh", {"refresh_token": user.refresh_token})
        outcome.expect(reply.status == 401, f"the refresh token of {name}: {reply.status}")
        reply = target.call("POST /api/v1/auth/login", {"email": user.email, "password": PASSWORD})
        outcome.expect(reply.status == 401, f"the password of {name}: {reply.status}")
        event = load_event("realtime/authorize")
        event["headers"] = {"Authorization": f"Bearer {user.access_token}"}
        answer = target.invoke("RealtimeAuthorizeFunction", event)
        outcome.expect("Allow" not in json.dumps(answer), f"a handshake of {name}")


@attack("what a stolen access token opens at Cognito", remote=True)
def at_cognito(target: Target, outcome: Outcome) -> None:
    user = target.register()
    answer = target.http.post("/api/v1/auth/refresh", json={"refresh_token": user.refresh_token})
    assert answer.status_code == 200
    for name, token in {"a sign-in": user.access_token, "a refresh": answer.json()["access_token"]}.items():
        scopes = str(claims_of(token).get("scope", "")).split()
        # Cognito's public API demands this scope of every token.
        outcome.expect(COGNITO_SCOPE not in scopes, f"the scope of a token from {name}")


@attack("claims that only the gateway adds, sent by a client")
def sent_claims(target: Target, outcome: Outcome) -> None:
    victim = target.register()
    claims = json.dumps(event_of(_ROUTE, public=False)["requestContext"]["authorizer"])
    for name in ("x-amzn-oidc-data", "x-amzn-claims", "x-user-id", "x-forwarded-user", "x-amz-requestcontext"):
        headers = {name: claims, "x-user-id": victim.id}
        outcome.expect(target.call(_ROUTE, headers=headers).status == 401, f"a function trusts {name}")
        answer = target.http.get("/api/v1/auth/me", headers=headers)
        outcome.expect(answer.status_code == 401, f"the gateway trusts {name}")
