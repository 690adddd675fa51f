"""What a stolen access token opens at Cognito's public API: nothing."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from dreamvision.auth.errors import InvalidCredentialsError
from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_public_api import CognitoPublicApi
from tests.integration.auth.fixtures import EMAIL, OTHER_PASSWORD, PASSWORD, AccountBackend, claims_of, register

_ATTACKER = "attacker@example.com"
_ATTACKS: dict[str, Callable[[CognitoPublicApi, str], object]] = {
    "GetUser": lambda cognito, token: cognito.get_user(token),
    "UpdateUserAttributes": lambda cognito, token: cognito.update_email(token, _ATTACKER),
    "ChangePassword": lambda cognito, token: cognito.change_password(token, PASSWORD, OTHER_PASSWORD),
    "DeleteUser": lambda cognito, token: cognito.delete_user(token),
    "GlobalSignOut": lambda cognito, token: cognito.global_sign_out(token),
}


@pytest.mark.parametrize("state", ["of a sign-in", "of a refresh", "after a sign-out"])
@pytest.mark.parametrize("attack", _ATTACKS)
def test_a_client_token_opens_nothing_at_cognito(backend: AccountBackend, attack: str, state: str) -> None:
    answer = register(backend)
    if state == "of a refresh":
        answer = backend.accounts.refresh(answer.refresh_token)
    elif state == "after a sign-out":
        # Without its refresh token, of which Cognito learns nothing.
        backend.accounts.sign_out(answer.user.id, claims_of(answer.access_token)["origin_jti"])

    with pytest.raises(ClientError, match="required scopes"):
        _ATTACKS[attack](CognitoPublicApi(backend.cognito), answer.access_token)

    assert backend.accounts.sign_in(EMAIL, PASSWORD)


def test_a_stolen_token_does_not_take_the_account_over(backend: AccountBackend) -> None:
    stolen = register(backend).access_token

    # WHEN the thief changes the address at Cognito and asks for a code to reset the password
    with pytest.raises(ClientError):
        CognitoPublicApi(backend.cognito).update_email(stolen, _ATTACKER)
    backend.accounts.forgot_password(_ATTACKER)

    # THEN there is no code, and the account is still its owner's
    assert backend.cognito.outbox == []
    with pytest.raises(InvalidCredentialsError):
        backend.accounts.sign_in(_ATTACKER, PASSWORD)
    assert backend.accounts.sign_in(EMAIL, PASSWORD)


@pytest.mark.parametrize("attack", _ATTACKS)
def test_a_token_of_a_pool_without_the_trigger_would_open_it(attack: str) -> None:
    cognito = FakeCognito(pre_token_generation=None)
    user = cognito.add_user(EMAIL, PASSWORD)
    token = cognito.tokens_of(user)["AccessToken"]

    _ATTACKS[attack](CognitoPublicApi(cognito), token)
