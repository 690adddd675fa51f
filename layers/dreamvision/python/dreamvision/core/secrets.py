"""The two providers' API keys, read from Secrets Manager and never from the environment."""

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from dreamvision.core.config import ConfigurationError

# Running containers pick up a replaced key within this time.
_CACHE_SECONDS = 300


def provider_key(secret_id: str) -> str:
    """Return the API key stored as plain text in this secret.

    Raises:
        ConfigurationError: the secret has no value or may not be read.
    """
    try:
        value = parameters.get_secret(secret_id, max_age=_CACHE_SECONDS)
    except GetParameterError:
        raise ConfigurationError("A provider's key could not be read from Secrets Manager.") from None
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError("A provider's key is empty.")
    return value.strip()
