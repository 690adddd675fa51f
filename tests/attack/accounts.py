"""Accounts: who exists, codes, passwords, refresh tokens, sign-outs, names and addresses."""

import json
import secrets

from dreamvision.auth.sessions import MAX_REVOKED_SESSIONS, Sessions
from dreamvision.limits.rate_limits import ATTEMPTS_PER_HOUR, CODES_PER_HOUR, PASSWORD_CHECKS_PER_HOUR
from tests.attack.attack import Outcome, attack
from tests.attack.target import Reply, Target, random_address
from tests.e2e.client import PASSWORD

_WRONG = "Wrong-Password-1"


def _told(reply: Reply) -> tuple[int, str]:
    body = json.loads(reply.text or "{}")
    return reply.status, json.dumps({name: value for name, value in body.items() if name != "request_id"})


@attack("who has an account")
def existence(target: Target, outcome: Outcome) -> None:
    known, unknown = target.register().email, f"{secrets.token_hex(6)}@example.com"
    for route, body in {
        "login": {"password": _WRONG},
        "forgot-password": {},
        "resend-confirmation": {},
    }.items():
        answers = [target.call(f"POST /api/v1/auth/{route}", {"email": email, **body}) for email in (known, unknown)]
        outcome.expect(_told(answers[0]) == _told(answers[1]), f"{route} tells a known address from an unknown one")


@attack("five wrong codes for somebody's address")
def lockout(target: Target, outcome: Outcome) -> None:
    email, thief, owner = f"{secrets.token_hex(6)}@example.com", random_address(), random_address()
    body = {"email": email, "code": "000000", "new_password": PASSWORD}

    def attempt(address: str) -> int:
        return target.call("POST /api/v1/auth/reset-password", body, address=address).status

    statuses = [attempt(thief) for _ in range(CODES_PER_HOUR + 1)]
    outcome.tries += len(statuses) - 1
    outcome.expect(statuses == [400] * CODES_PER_HOUR + [429], f"from one address: {statuses}")
    outcome.expect(attempt(owner) == 400, "the owner is locked out")
    statuses = [attempt(random_address()) for _ in range(ATTEMPTS_PER_HOUR)]
    outcome.tries += len(statuses) - 1
    outcome.expect(429 in statuses, "codes can be guessed from many addresses")


@attack("wrong codes for a new password")
def codes(target: Target, outcome: Outcome) -> None:
    user = target.register()
    assert target.call("POST /api/v1/auth/forgot-password", {"email": user.email}).status == 202
    for code in ("000000", "999999", "0", "1" * 64, "\u0661\u0662\u0663\u0664\u0665\u0666", "%00", "null"):
        body = {"email": user.email, "code": code, "new_password": "Another-Password-1"}
        reply = target.call("POST /api/v1/auth/reset-password", body)
        outcome.expect(reply.status in (400, 422), f"the code {code[:6]!r}: {reply.status}")
    outcome.expect(user.get("/auth/me").status_code == 200, "the session has ended")
    target.sign_in(user)


@attack("guesses of a signed-in user's password")
def passwords(target: Target, outcome: Outcome) -> None:
    user = target.register()
    body = {"current_password": _WRONG, "new_password": "Another-Password-1"}
    statuses = [user.post("/auth/change-password", body).status_code for _ in range(PASSWORD_CHECKS_PER_HOUR + 2)]
    outcome.tries += len(statuses) - 1
    outcome.expect(statuses[-2:] == [429, 429] and 200 not in statuses, f"{statuses}")
    # The same count holds for a deletion.
    answer = user.request("DELETE", "/auth/me", json={"password": _WRONG})
    outcome.expect(answer.status_code in (400, 401, 403, 422, 429), f"a deletion: {answer.status_code}")
    outcome.expect(user.get("/auth/me").status_code == 200, "the account is gone")


@attack("weak passwords, impossible names, double addresses")
def registrations(target: Target, outcome: Outcome) -> None:
    known = target.register()

    def status(**changes: str) -> int:
        name = f"attacker-{secrets.token_hex(5)}"
        body = {"email": f"{name}@example.com", "password": PASSWORD, "username": name} | changes
        return target.call("POST /api/v1/auth/register", body).status

    for password in ("", "short1A", "alllowercase1", "NODIGITSHERE", "12345678", " Spaced-Out-1 ", "A1" * 200):
        outcome.expect(status(password=password) == 422, f"a password of {len(password)} characters")
    for name in (
        "", "ab", "x" * 31, "<b>bold</b>", "a/../b", "a\x00bc", "a\u202ebc", "a\u200bbc", "a\nbc", "luna@home", "   ",
        "a\u2066bc", "a\U000e0041bc", "{{7*7}}", "'; DROP TABLE", "a\ufeffbc", known.username, known.username.upper(),
    ):  # fmt: skip
        outcome.expect(status(username=name) in (409, 422), f"the username {name!r}")
    for email in (
        "", "a", "a@", "@example.com", "a@b@example.com", "a@example.com\r\nBcc: b@example.com", "a@localhost",
        "a@example.com,b@x.example", "Luna <a@example.com>", "a@[127.0.0.1]", "a b@example.com", "a@exa mple.com",
        "a\x00@example.com", f"{'x' * 120}@example.com", known.email, known.email.upper(), f" {known.email} ",
        known.email.title(),
    ):  # fmt: skip
        outcome.expect(status(email=email) in (409, 422), f"the address {email[:30]!r}")


@attack("forged refresh tokens")
def refresh_tokens(target: Target, outcome: Outcome) -> None:
    user, other = target.register(), target.register()
    user_id, session, signed_in, refreshed, seal, token = user.refresh_token.split(".", 5)
    theirs = other.refresh_token.split(".", 5)
    forged = {
        "garbage": "garbage",
        "dots": "....." * 20,
        "an access token": user.access_token,
        "no seal": ".".join([user_id, session, signed_in, refreshed, "", token]),
        "another user": ".".join([other.id, session, signed_in, refreshed, seal, token]),
        "another session": ".".join([user_id, theirs[1], signed_in, refreshed, seal, token]),
        "a later refresh": ".".join([user_id, session, signed_in, str(int(refreshed) + 10**6), seal, token]),
        "a later sign-in": ".".join([user_id, session, str(int(signed_in) + 10**6), refreshed, seal, token]),
        "Cognito's token of another user": ".".join([user_id, session, signed_in, refreshed, seal, theirs[5]]),
        "the seal of another token": ".".join([user_id, session, signed_in, refreshed, theirs[4], token]),
        "Cognito's token alone": token,
        "the form of an older version": ".".join([user_id, session, signed_in, seal, token]),
        "the seal moved": ".".join([user_id, session, signed_in, seal, refreshed, token]),
        "digits of another script": ".".join([user_id, session, signed_in, "\u0661\u0662", seal, token]),
        "8,000 characters": user.refresh_token[:20] + "x" * 8_000,
    }
    for name, text in forged.items():
        status = target.call("POST /api/v1/auth/refresh", {"refresh_token": text}).status
        outcome.expect(status in (401, 422), f"{name}: {status}")
    outcome.expect(user.get("/auth/me").status_code == 200, "a forgery has ended the session")
    reply = target.call("POST /api/v1/auth/refresh", {"refresh_token": user.refresh_token})
    outcome.expect(reply.status == 200, f"the owner's own token: {reply.status}")


@attack("more sign-outs than are stored")
def sign_outs(target: Target, outcome: Outcome) -> None:
    user = target.register()
    later, sessions = target.sign_in(user), Sessions(target.database)
    assert user.post("/auth/logout").status_code == 204
    for _ in range(MAX_REVOKED_SESSIONS + 10):
        sessions.revoke(user.id, secrets.token_hex(16))
    outcome.tries += MAX_REVOKED_SESSIONS + 10
    outcome.expect(user.get("/auth/me").status_code == 401, "an ended session is back")
    outcome.expect(later.get("/auth/me").status_code == 401, "a session outlives the end of all")
    again = target.sign_in(user)
    outcome.expect(again.get("/auth/me").status_code in (200, 401), "a new session fails")
    outcome.expect(again.post("/auth/logout").status_code in (204, 401), "a sign-out fails")
