"""Configuration: read once from the environment into a small frozen model per function."""

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from dreamvision.core.errors import DreamVisionError


class ConfigurationError(DreamVisionError):
    """A setting is missing or has a value that cannot be. The message names the variables, never their values."""


class Config(BaseModel):
    """Base of every settings model. The field ``dreams_table`` is read from the variable ``DREAMS_TABLE``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings found in the environment; an empty variable counts as missing.

        Raises:
            ConfigurationError: a required variable is missing, or one has an impossible value.
        """
        source = os.environ if environment is None else environment
        found = {name: source[name.upper()] for name in cls.model_fields if source.get(name.upper())}
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            names = sorted({str(problem["loc"][0]).upper() for problem in error.errors(include_input=False)})
            raise ConfigurationError(f"Check the environment variables {', '.join(names)}.") from None
