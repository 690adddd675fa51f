"""Secrets: an empty one is never a key."""

import pytest

from dreamvision.core.config import ConfigurationError
from dreamvision.core.secrets import provider_key, read_secret
from tests.fakes.secrets import StoredSecrets, store


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> StoredSecrets:
    return store(monkeypatch)


def test_a_secret_is_its_text_without_the_space_around_it(stored: StoredSecrets) -> None:
    stored["key"] = " a key\n"
    assert read_secret("key", max_age_seconds=7) == "a key"
    assert stored.max_ages["key"] == 7


def test_a_replaced_provider_key_is_used_within_five_minutes(stored: StoredSecrets) -> None:
    stored["key"] = "a key"
    assert provider_key("key") == "a key"
    assert stored.max_ages["key"] == 300


@pytest.mark.parametrize("value", ["", " ", "\n", b"bytes", None])
def test_an_empty_or_binary_secret_is_refused(stored: StoredSecrets, value: object) -> None:
    stored["key"] = value
    with pytest.raises(ConfigurationError):
        read_secret("key", max_age_seconds=7)


def test_a_secret_that_may_not_be_read_is_refused(stored: StoredSecrets) -> None:
    with pytest.raises(ConfigurationError):
        read_secret("unknown", max_age_seconds=7)
