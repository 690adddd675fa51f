"""Secrets Manager in memory, for the product's own way of reading it."""

from typing import Any

import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from dreamvision.core import secrets


class StoredSecrets(dict[str, Any]):
    """The stored secrets by name; ``max_ages`` has for how many seconds each read one may be cached."""

    def __init__(self) -> None:
        super().__init__()
        self.max_ages: dict[str, int] = {}

    def get(self, name: str, max_age: int) -> Any:  # type: ignore[override]
        if name not in self:
            raise GetParameterError
        self.max_ages[name] = max_age
        return self[name]


def store(monkeypatch: pytest.MonkeyPatch) -> StoredSecrets:
    """Let the product read secrets from the dictionary that is returned."""
    stored = StoredSecrets()
    monkeypatch.setattr(secrets, "_provider", lambda: stored)
    return stored
