"""Checks of a signed-in user's password, before what a stolen access token must not be enough for."""

from typing import Self

from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.limits.rate_limits import RateLimits


class PasswordCheck:
    """Checks passwords and counts the checks."""

    def __init__(self, pool: UserPool, limits: RateLimits) -> None:
        self._pool = pool
        self._limits = limits

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment."""
        return cls(UserPool(CognitoSettings.from_environment()), RateLimits.shared())

    def require(self, user_id: str, password: str) -> None:
        """Require the user's password.

        Raises:
            WrongPasswordError: the password is wrong.
            TooManyAttemptsError: too many checks for this user.
        """
        self._limits.count_password(user_id)
        self._pool.check_password(user_id, password)
