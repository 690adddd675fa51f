"""Secrets Manager: the providers' API keys and the cursor key, never read from the environment."""

from dreamvision.core.config import ConfigurationError

# Running containers pick up a replaced key within this time.
_PROVIDER_KEY_SECONDS = 300


def read_secret(secret_id: str, *, max_age_seconds: int) -> str:
    """Return a secret's text, cached for ``max_age_seconds``.

    Raises:
        ConfigurationError: the secret is empty or may not be read.
    """
    # Imported on first use: most functions that could read a secret never do.
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        value = parameters.get_secret(secret_id, max_age=max_age_seconds)
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
