"""Accounts over HTTP, on the emulator's Cognito. What it cannot do is tested with the in-memory user pool."""

import secrets
from functools import partial

import httpx
import pytest

from tests.e2e.client import PASSWORD, ControlPlane, User, code_for, register, wait_for


def test_registering_returns_tokens_and_creates_a_profile(http: httpx.Client) -> None:
    name = f"Dreamer-{secrets.token_hex(4)}"
    body = {"email": f"{name}@Example.com", "password": PASSWORD, "username": name}
    answer = http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 200
    tokens = answer.json()
    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["user"] == {"id": tokens["user"]["id"], "email": body["email"].lower(), "username": name}
    me = http.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert me["username"] == name
    assert me["subscription_tier"] == "free"
    assert (me["dreams_count"], me["videos_count"]) == (0, 0)
    assert me["created_at"].endswith("Z")


def test_login(http: httpx.Client, user: User) -> None:
    answer = http.post("/api/v1/auth/login", json={"email": user.email.upper(), "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == user.id


def test_login_responds_equally_to_a_wrong_password_and_an_unknown_address(http: httpx.Client, user: User) -> None:
    wrong = http.post("/api/v1/auth/login", json={"email": user.email, "password": "Wrong-Password-1"})
    unknown = http.post("/api/v1/auth/login", json={"email": "unknown@example.com", "password": "Wrong-Password-1"})
    assert wrong.status_code == unknown.status_code == 401
    one, other = wrong.json(), unknown.json()
    one.pop("request_id"), other.pop("request_id")
    assert one == other
    assert one["type"] == "urn:dreamvision:problem:invalid_credentials"


def test_taken_email_addresses_and_usernames_are_conflicts(http: httpx.Client, user: User) -> None:
    taken = {"email": user.email, "password": PASSWORD, "username": f"x{secrets.token_hex(4)}"}
    answer = http.post("/api/v1/auth/register", json=taken)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:dreamvision:problem:user_already_exists")
    taken = {"email": f"{secrets.token_hex(4)}@example.com", "password": PASSWORD, "username": user.username.upper()}
    answer = http.post("/api/v1/auth/register", json=taken)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:dreamvision:problem:username_taken")
    # A rejected registration reserves nothing.
    assert http.post("/api/v1/auth/register", json={**taken, "username": f"x{secrets.token_hex(4)}"}).status_code == 200


def test_invalid_registrations_are_rejected(http: httpx.Client) -> None:
    good = {"email": "a@example.com", "password": PASSWORD, "username": "newcomer"}
    for change in (
        {"email": "no-address"},
        {"email": ""},
        {"password": "Short-1"},
        {"password": "no-upper-case-1"},
        {"password": "No-Digit-Here"},
        {"username": "ab"},
        {"username": "a" * 31},
        {"username": None},
        {"role": "admin"},
    ):
        answer = http.post("/api/v1/auth/register", json={**good, **change})
        assert (change, answer.status_code) == (change, 422)


def test_logout_applies_to_the_next_request(http: httpx.Client, user: User) -> None:
    other = http.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD}).json()
    assert user.post("/auth/logout").status_code == 204
    assert user.get("/auth/me").status_code == 401
    assert user.post("/dreams/analyze", {"dream_text": "I was flying over a forest"}).status_code == 401
    # Another session of the same user stays active.
    user.access_token = other["access_token"]
    assert user.get("/auth/me").status_code == 200


def test_only_the_code_from_the_mailbox_resets_a_password(
    http: httpx.Client, user: User, control: ControlPlane
) -> None:
    assert http.post("/api/v1/auth/forgot-password", json={"email": user.email}).status_code == 202
    code = code_for(user.email, control.outputs["mailbox_url"])
    body = {"email": user.email, "code": code, "new_password": "Moon-Light-8"}
    for wrong in (f"{(int(code) + 1) % 10**6:06d}", "654321" if code != "654321" else "123456"):
        answer = http.post("/api/v1/auth/reset-password", json={**body, "code": wrong})
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:dreamvision:problem:invalid_or_expired_code")
    assert user.get("/auth/me").status_code == 200
    assert http.post("/api/v1/auth/reset-password", json=body).is_success
    # Every session has ended, and only the new password signs in.
    assert user.get("/auth/me").status_code == 401
    for password, status in ((PASSWORD, 401), ("Moon-Light-8", 200)):
        answer = http.post("/api/v1/auth/login", json={"email": user.email, "password": password})
        assert answer.status_code == status


def test_a_refresh_rotates_the_refresh_token(http: httpx.Client, user: User) -> None:
    def refresh(token: str) -> str:
        answer = http.post("/api/v1/auth/refresh", json={"refresh_token": token})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["refresh_token"])

    second = refresh(user.refresh_token)
    # Repeated within the grace period, as by a client that lost the response.
    tokens = [user.refresh_token, second, refresh(second), refresh(user.refresh_token)]
    # Cognito's tokens are behind the seal.
    assert len({token.rpartition(".eyJ")[2] for token in tokens}) == len(tokens)


def test_an_access_token_opens_nothing_at_cognito_itself(http: httpx.Client, control: ControlPlane) -> None:
    user, cognito = register(http), control.client("cognito-idp")
    refreshed = http.post("/api/v1/auth/refresh", json={"refresh_token": user.refresh_token}).json()["access_token"]
    stolen = {"AccessToken": user.access_token}
    address = [{"Name": "email", "Value": "attacker@example.com"}]
    attacks = (
        partial(cognito.get_user, **stolen),
        partial(cognito.get_user, AccessToken=refreshed),
        partial(cognito.update_user_attributes, **stolen, UserAttributes=address),
        partial(cognito.change_password, **stolen, PreviousPassword=PASSWORD, ProposedPassword="Stolen-Moon-8"),
        partial(cognito.delete_user, **stolen),
    )
    for attack in attacks:
        with pytest.raises(cognito.exceptions.NotAuthorizedException):
            attack()
    # The API itself accepts the token, and needs no scope of Cognito's to change the password.
    answer = user.post("/auth/change-password", {"current_password": PASSWORD, "new_password": "Moon-Light-8"})
    assert answer.status_code == 200
    assert http.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"}).is_success


def test_a_user_deleted_at_cognito_directly_is_erased(http: httpx.Client, control: ControlPlane) -> None:
    # GIVEN an operator who deletes a user in the console, past the API
    user = register(http)
    assert user.post("/dreams/analyze", {"dream_text": "I was flying over a forest"}).status_code == 200
    control.client("cognito-idp").admin_delete_user(UserPoolId=control.outputs["user_pool_id"], Username=user.id)
    # AND the registration was long ago
    control.tables.Table(control.outputs["tables"]["user_profiles"]).update_item(
        Key={"user_id": user.id},
        UpdateExpression="SET created_at = :then",
        ExpressionAttributeValues={":then": "2026-01-01T00:00:00.000Z"},
    )
    # WHEN the reconciliation runs
    result = control.invoke("ReconcileUsersFunction")
    # THEN nothing of the user is left
    assert result["missing"] >= 1
    wait_for(
        lambda: [row for role in ("user_profiles", "dreams") for row in control.rows(role, user.id)],
        lambda rows: not rows,
        60,
    )
    names = control.tables.Table(control.outputs["tables"]["user_profiles"]).scan()["Items"]
    assert user.username.lower() not in str(names).lower()


def test_health(http: httpx.Client) -> None:
    info = http.get("/")
    assert info.json() == {"message": "DreamVision API", "version": "1.0.0", "docs": "/api/v1/docs"}
    health = http.get("/api/v1/health").json()
    assert (health["status"], health["database"], health["version"]) == ("healthy", "connected", "1.0.0")
    tables = http.get("/api/v1/health/db").json()
    assert tables["status"] == "healthy"
    assert set(tables["tables"]) >= {"user_profiles", "dreams", "videos", "guards"}
    assert set(tables["tables"].values()) == {"ok"}


def test_the_history(http: httpx.Client, control: ControlPlane) -> None:
    user = register(http)
    texts = [
        "I was flying over a dark forest",
        "I was running from a wolf in the street",
        "I was floating above the sea",
    ]
    created = [user.post("/dreams/analyze", {"dream_text": text}).json() for text in texts]
    page = user.get("/dreams", params={"limit": 2}).json()
    assert (page["total"], page["page"], page["limit"], page["pages"]) == (3, 1, 2, 2)
    assert [dream["id"] for dream in page["dreams"]] == [created[2]["dream_id"], created[1]["dream_id"]]
    rest = user.get("/dreams", params={"limit": 2, "page": 2}).json()
    assert [dream["id"] for dream in rest["dreams"]] == [created[0]["dream_id"]]
    assert user.get("/dreams", params={"page": 3, "limit": 2}).json()["dreams"] == []
    flights = user.get("/dreams", params={"category": "flight"}).json()
    assert flights["total"] == 2
    assert {dream["category"] for dream in flights["dreams"]} == {"flight"}
    for bad in ({"page": 0}, {"limit": 101}, {"limit": 0}, {"category": "comedy"}, {"page": "x"}):
        assert user.get("/dreams", params=bad).status_code == 422
