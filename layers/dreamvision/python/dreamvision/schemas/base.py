"""What every request and answer model shares."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

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
"""RFC 3339, UTC, with ``Z`` and milliseconds."""


def whole_number(value: object) -> object:
    """A float without a fraction as an integer, anything else as it is."""
    # JSON has one number type: 5.0 is the integer 5 for JSON Schema, so it is one here. "5", 5.5 and true are not.
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[int, Field(strict=True), BeforeValidator(whole_number)]

UuidText = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        json_schema_extra={"format": "uuid"},
        examples=["019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"],
    ),
    AfterValidator(str.lower),
]
"""A UUID. Taken in any case (RFC 9562), kept in lower case: it is a key, and only one spelling may name a row."""


def canonical_uuid(value: str) -> str:
    """The lower-case hyphenated form. Raises ``ValueError`` when ``value`` is not a UUID."""
    return str(UUID(value))


class Request(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Response(BaseModel):
    """An answer's body. Every field is always there; one without a value is ``null``."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
