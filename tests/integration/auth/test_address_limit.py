"""The public account routes share one limit of requests a minute and address.

A refresh counts here only if its token is not ours (test_refresh_limit.py).
"""

import pytest

from tests.integration.auth.fixtures import EMAIL, NAME, PASSWORD, AccountBackend, AuthApi

_PREFIX = "/api/v1/auth"
LOGIN = {"email": EMAIL, "password": PASSWORD}
PUBLIC = {
    "register": {"email": EMAIL, "password": PASSWORD, "username": NAME},
    "login": LOGIN,
    "refresh": {"refresh_token": "token"},
    "confirm": {"email": EMAIL, "code": "123456"},
    "resend-confirmation": {"email": EMAIL},
    "forgot-password": {"email": EMAIL},
    "reset-password": {"email": EMAIL, "code": "123456", "new_password": "Sunshine8"},
}


@pytest.mark.parametrize("name", PUBLIC)
def test_all_public_routes_share_one_window(auth: AuthApi, name: str) -> None:
    # GIVEN 20 failed logins from one address
    for _ in range(20):
        assert auth(f"POST {_PREFIX}/login", {"email": "unknown@example.com", "password": PASSWORD}).status == 401
    # WHEN any public route is called once more
    answer = auth(f"POST {_PREFIX}/{name}", PUBLIC[name])
    # THEN it is rejected
    assert answer.status == 429
    assert answer.body["type"] == "urn:dreamvision:problem:rate_limited"
    assert answer.headers["RateLimit-Policy"] == '"auth";q=20;w=60'
    assert answer.headers["RateLimit"].startswith('"auth";r=0;t=')
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_signed_in_request_does_not_count_against_the_address(auth: AuthApi) -> None:
    token = auth(f"POST {_PREFIX}/register", PUBLIC["register"]).body["access_token"]
    for _ in range(20):
        auth(f"POST {_PREFIX}/login", LOGIN)
    assert auth(f"GET {_PREFIX}/me", token=token).status == 200


def test_an_invalid_request_counts(auth: AuthApi) -> None:
    answer = auth(f"POST {_PREFIX}/login", {"email": "no address"})
    assert (answer.status, answer.headers["RateLimit-Policy"]) == (422, '"auth";q=20;w=60')
    assert "r=18" in auth(f"POST {_PREFIX}/register", PUBLIC["register"]).headers["RateLimit"]


def test_the_address_is_stored_in_no_table_and_no_log(
    auth: AuthApi, backend: AccountBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    auth(f"POST {_PREFIX}/register", PUBLIC["register"])
    assert "203.0.113.7" not in str(backend.items("guards"))
    assert any(item["guard"].startswith("rate#auth#") for item in backend.items("guards"))
    assert "203.0.113.7" not in "".join(capsys.readouterr())
