"""What anyone with an access token can call at Cognito, past our code and without the client's secret."""

from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_state import POOL_ID, User


class CognitoPublicApi:
    """The operations of the user pool that an access token authorizes."""

    def __init__(self, pool: FakeCognito) -> None:
        self._pool = pool

    def get_user(self, access_token: str) -> User:
        return self._pool.user_of_access_token(access_token)

    def update_email(self, access_token: str, email: str) -> None:
        """Call ``UpdateUserAttributes`` and then ``VerifyUserAttribute`` with the code sent to the new address."""
        self._pool.user_of_access_token(access_token).email = email

    def change_password(self, access_token: str, previous: str, proposed: str) -> None:
        user = self._pool.user_of_access_token(access_token)
        self._pool.check_password(user, previous)
        self._pool.check_policy(proposed)
        user.password = proposed

    def delete_user(self, access_token: str) -> None:
        del self._pool.users[self._pool.user_of_access_token(access_token).sub]

    def global_sign_out(self, access_token: str) -> None:
        self._pool.admin_user_global_sign_out(
            UserPoolId=POOL_ID, Username=self._pool.user_of_access_token(access_token).sub
        )
