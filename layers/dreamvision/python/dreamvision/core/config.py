"""Configuration: environment variables, read once into a small frozen model per function."""

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from dreamvision.core.errors import DreamVisionError


class ConfigurationError(DreamVisionError):
    """A setting is missing or invalid. The message names the variables, never their values."""

    needs_operator = True


class Config(BaseModel):
    """Base class of all settings models. The field ``dreams_table`` is read from ``DREAMS_TABLE``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the settings from the environment. An empty variable counts as missing.

        Raises:
            ConfigurationError: a required variable is missing, or a value is invalid.
        """
        source = os.environ if environment is None else environment
        values = {name: source[name.upper()] for name in cls.model_fields if source.get(name.upper())}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            names = sorted({str(problem["loc"][0]).upper() for problem in error.errors(include_input=False)})
            raise ConfigurationError(f"Check the environment variables {', '.join(names)}.") from None
