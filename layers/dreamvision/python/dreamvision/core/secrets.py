"""Secrets Manager: the keys of providers, cursors and links, never read from the environment."""

from functools import cache
from typing import TYPE_CHECKING

from dreamvision.core.config import ConfigurationError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

# Running containers pick up a replaced key within this time.
_PROVIDER_KEY_SECONDS = 300


def read_secret(secret_id: str, *, max_age_seconds: int) -> str:
    """Return a secret's text, cached for ``max_age_seconds``.

    Raises:
        ConfigurationError: the secret is empty or may not be read.
    """
    # Imported on first use: most functions that could read a secret never do.
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        value = _provider().get(secret_id, max_age=max_age_seconds)
    except GetParameterError:
        raise ConfigurationError("A secret could not be read from Secrets Manager.") from None
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError("A secret is empty.")
    return value.strip()


def provider_key(secret_id: str) -> str:
    """Return a provider's API key.

    Raises:
        ConfigurationError: the secret is empty or may not be read.
    """
    return read_secret(secret_id, max_age_seconds=_PROVIDER_KEY_SECONDS)


@cache
def _provider() -> "SecretsProvider":
    """Return this process's provider. One by Powertools has a session of its own, which takes ten times as long."""
    import boto3
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    from dreamvision.core.aws import client_config

    return SecretsProvider(boto3_client=boto3.client("secretsmanager", config=client_config()))
