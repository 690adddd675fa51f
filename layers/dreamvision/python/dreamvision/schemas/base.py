"""Base classes and field types of the request and response models."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from dreamvision.core.clock import to_text

Timestamp = Annotated[
    datetime,
    PlainSerializer(to_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
            "examples": ["2026-11-23T03:04:05.678Z"],
        }
    ),
]
"""RFC 3339 in UTC, with ``Z`` and milliseconds."""


def whole_number(value: object) -> object:
    """Return a float without a fraction as an integer, and anything else unchanged."""
    # In JSON Schema 5.0 is an integer, so it is accepted here too. "5", 5.5 and true are not.
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[int, Field(strict=True), BeforeValidator(whole_number)]

# For patterns, in brackets: what ``str.strip`` removes. Dialects disagree whether ``\s`` has the last five.
SPACE = r"\s\x1C-\x1F\x85"
# Printable ASCII: Cognito's codes are digits.
CODE_PATTERN = "^[!-~]+$"
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

UuidText = Annotated[
    str,
    Field(
        pattern=UUID_PATTERN,
        json_schema_extra={"format": "uuid"},
        examples=["019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"],
    ),
    AfterValidator(str.lower),
]
"""A UUID, accepted in any case (RFC 9562) and lower-cased: it is part of a key, which must have one spelling."""


class Request(BaseModel):
    """A request body. Unknown fields are rejected, so a misspelled one does not go unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Response(BaseModel):
    """A response body. Every field is always present; one without a value is ``null``."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
