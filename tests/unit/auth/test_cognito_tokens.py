"""Refreshing and revoking Cognito's tokens."""

import json

import pytest

from dreamvision.auth import errors
from dreamvision.auth.cognito import UserPool
from tests.fakes import cognito as fake
from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_state import GRACE_SECONDS
from tests.unit.auth.fixtures import EMAIL, PASSWORD, Clock, auto_confirm, pool_on


def test_refreshing_rotates_the_token_and_keeps_the_session(pool: UserPool) -> None:
    pool.sign_up(EMAIL, PASSWORD)
    first = pool.sign_in(EMAIL, PASSWORD)

    second = pool.refresh(first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert (second.user_id, second.session_id) == (first.user_id, first.session_id)
    assert second.signed_in_at == first.signed_in_at


def test_without_rotation_the_refresh_token_is_unchanged(clock: Clock) -> None:
    pool = pool_on(FakeCognito(auto_confirm, clock=clock, rotation=False))
    pool.sign_up(EMAIL, PASSWORD)
    first = pool.sign_in(EMAIL, PASSWORD)

    assert pool.refresh(first.refresh_token).refresh_token == first.refresh_token


def test_a_used_token_is_valid_for_the_grace_period_then_reported_as_reuse(pool: UserPool, clock: Clock) -> None:
    pool.sign_up(EMAIL, PASSWORD)
    used = pool.sign_in(EMAIL, PASSWORD).refresh_token
    pool.refresh(used)

    clock.now += GRACE_SECONDS
    assert pool.refresh(used).refresh_token != used
    clock.now += 1
    with pytest.raises(errors.RefreshTokenReusedError):
        pool.refresh(used)


def test_a_session_expires_seven_days_after_signing_in(pool: UserPool, clock: Clock) -> None:
    pool.sign_up(EMAIL, PASSWORD)
    token = pool.sign_in(EMAIL, PASSWORD).refresh_token
    clock.now += fake.REFRESH_SECONDS - 1
    token = pool.refresh(token).refresh_token

    clock.now += 1
    with pytest.raises(errors.InvalidRefreshTokenError):
        pool.refresh(token)


@pytest.mark.parametrize("token", ["garbage", "ü", "a.b.c.d.e"])
def test_malformed_tokens_are_rejected(pool: UserPool, token: str) -> None:
    with pytest.raises(errors.InvalidRefreshTokenError):
        pool.refresh(token)


def test_revoked_signed_out_and_disabled_sessions_cannot_refresh(pool: UserPool, cognito: FakeCognito) -> None:
    user = pool.sign_up(EMAIL, PASSWORD)

    def refuses(token: str) -> bool:
        with pytest.raises(errors.InvalidRefreshTokenError):
            pool.refresh(token)
        return True

    revoked, everywhere, disabled = (pool.sign_in(EMAIL, PASSWORD).refresh_token for _ in range(3))
    pool.revoke(revoked)
    assert refuses(revoked)
    pool.sign_out_everywhere(user.user_id)
    assert refuses(everywhere)
    cognito.user(EMAIL).enabled = False
    assert refuses(disabled)


def test_an_access_token_cannot_be_revoked(pool: UserPool) -> None:
    pool.sign_up(EMAIL, PASSWORD)

    with pytest.raises(errors.InvalidRefreshTokenError):
        pool.revoke(pool.sign_in(EMAIL, PASSWORD).access_token)


def test_a_seal_depends_on_the_text_and_the_secret(pool: UserPool) -> None:
    assert pool.seal("a") == pool_on(FakeCognito()).seal("a")
    assert pool.seal("a") != pool.seal("b")
    assert len(pool.seal("a")) == 43
    assert fake.CLIENT_SECRET not in json.dumps(pool.seal("a"))
