"""Accounts a day from one address or network."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dreamvision.auth.errors import EmailNotConfirmedError
from dreamvision.limits.rate_limits import RateSettings, TooManyRegistrationsError, registration_keys
from dreamvision.users.usernames import UsernameTakenError
from tests.integration.auth.fixtures import EMAIL, PASSWORD, AccountBackend, AuthApi, Tables, trigger

ADDRESS = "203.0.113.7"


def create(backend: AccountBackend, number: int, address: str = ADDRESS) -> None:
    backend.accounts.register(f"luna{number}@example.com", PASSWORD, f"Luna {number}", address)


def test_the_twenty_first_account_of_an_address_is_refused(
    auth: AuthApi, backend: AccountBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack: twenty accounts from one address in 3.4 s, and as many again."""
    monkeypatch.setattr(backend.limits, "_settings", RateSettings(auth_rate_limit_per_minute=100))
    answers = []
    for number in range(25):
        body = {"email": f"luna{number}@example.com", "password": PASSWORD, "username": f"Luna {number}"}
        answers.append(auth("POST /api/v1/auth/register", body))
    assert [answer.status for answer in answers] == [200] * 20 + [429] * 5
    assert answers[-1].body["type"] == "urn:dreamvision:problem:too_many_registrations"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 86_400
    # AND nothing is left of the refused ones
    assert len(backend.cognito.users) == 20
    assert len(backend.items("profiles")) == 40
    counts = [item for item in backend.items("guards") if item["guard"].startswith("registrations#")]
    assert [int(item["registrations"]) for item in counts] == [20]
    assert ADDRESS not in str(counts)
    # AND another address has a count of its own, and the next day a new one
    create(backend, 100, "203.0.113.8")
    backend.clock.advance(86_400)
    create(backend, 101)


def test_concurrent_registrations_stop_at_the_limit(backend: AccountBackend) -> None:
    start = threading.Barrier(30)

    def attempt(number: int) -> bool:
        start.wait()
        try:
            create(backend, number)
        except TooManyRegistrationsError:
            return False
        return True

    with ThreadPoolExecutor(30) as clients:
        assert sum(clients.map(attempt, range(30))) == 20
    assert len(backend.cognito.users) == 20


def test_a_taken_username_does_not_count(backend: AccountBackend) -> None:
    create(backend, 0)
    for _ in range(25):
        with pytest.raises(UsernameTakenError):
            backend.accounts.register("stella@example.com", PASSWORD, "Luna 0", ADDRESS)
    create(backend, 1)


def test_an_ipv6_subscriber_counts_once_however_many_networks_they_use(backend: AccountBackend) -> None:
    for number in range(20):
        create(backend, number, f"2001:db8:1:{number:x}::{number:x}")  # all in 2001:db8:1::/56
    with pytest.raises(TooManyRegistrationsError):
        create(backend, 20, "2001:db8:1:ff::1")
    # AND a /48 has four times as much: here from one /56 after the other
    for number in range(20, 80):
        create(backend, number, f"2001:db8:1:{number * 0x100:x}::1")
    before = backend.items("guards")
    with pytest.raises(TooManyRegistrationsError):
        create(backend, 80, "2001:db8:1:ff00::1")
    assert backend.items("guards") == before
    create(backend, 81, "2001:db8:2::1")


def test_networks_are_counted_as_digests() -> None:
    assert list(registration_keys(ADDRESS, 20, str).values()) == [20]
    assert registration_keys(f"::ffff:{ADDRESS}", 20, str) == registration_keys(ADDRESS, 20, str)
    household = registration_keys("2001:db8:1:2::1", 20, str)
    assert sorted(household.values()) == [20, 80]
    assert household == registration_keys("2001:db8:1:ff::9", 20, str)
    assert len(household.keys() & registration_keys("2001:db8:1:100::1", 20, str).keys()) == 1
    assert not household.keys() & registration_keys("2001:db8:2:2::1", 20, str).keys()


def test_an_unconfirmed_user_gets_no_token(tables: Tables) -> None:
    """Without a token there is no paid work: every route that costs money requires one."""
    backend = AccountBackend(tables, trigger(confirm_email=True))
    answer = backend.accounts.register(EMAIL, PASSWORD, "Luna", ADDRESS)
    assert not hasattr(answer, "access_token")
    with pytest.raises(EmailNotConfirmedError):
        backend.accounts.sign_in(EMAIL, PASSWORD)
    # AND the code for another password, which would confirm nothing, is not sent
    sent = len(backend.cognito.outbox)
    backend.accounts.forgot_password(EMAIL)
    assert len(backend.cognito.outbox) == sent
