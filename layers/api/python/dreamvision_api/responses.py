"""Responses with a status or headers of their own."""

from collections.abc import Mapping
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel


def json_response[Body: BaseModel](
    status: HTTPStatus, body: Body, headers: Mapping[str, str] | None = None
) -> Response[Body]:
    """Return a JSON response. Its body is validated against the route's return type."""
    return Response(status_code=int(status), content_type="application/json", body=body, headers={**(headers or {})})


def no_content() -> Response[None]:
    """Return a 204."""
    return Response(status_code=int(HTTPStatus.NO_CONTENT), body=None)
