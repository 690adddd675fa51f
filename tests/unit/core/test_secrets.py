"""Secrets: an empty one is never a key."""

import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from dreamvision.core.config import ConfigurationError
from dreamvision.core.secrets import provider_key, read_secret


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The stored secrets by name, and how long each one read may be cached (``max_age <name>``)."""
    secrets: dict[str, object] = {}

    def get_secret(name: str, max_age: int) -> object:
        if name not in secrets:
            raise GetParameterError
        secrets[f"max_age {name}"] = max_age
        return secrets[name]

    monkeypatch.setattr(parameters, "get_secret", get_secret)
    return secrets


def test_a_secret_is_its_text_without_the_space_around_it(stored: dict[str, object]) -> None:
    stored["key"] = " a key\n"
    assert read_secret("key", max_age_seconds=7) == "a key"
    assert stored["max_age key"] == 7


def test_a_replaced_provider_key_is_used_within_five_minutes(stored: dict[str, object]) -> None:
    stored["key"] = "a key"
    assert provider_key("key") == "a key"
    assert stored["max_age key"] == 300


@pytest.mark.parametrize("value", ["", " ", "\n", b"bytes", None])
def test_an_empty_or_binary_secret_is_refused(stored: dict[str, object], value: object) -> None:
    stored["key"] = value
    with pytest.raises(ConfigurationError):
        read_secret("key", max_age_seconds=7)


def test_a_secret_that_may_not_be_read_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        read_secret("unknown", max_age_seconds=7)
