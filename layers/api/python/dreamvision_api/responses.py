"""Answers that need a status or headers of their own."""

from collections.abc import Mapping
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel


def json_response[Body: BaseModel](status: HTTPStatus, body: Body, headers: Mapping[str, str]) -> Response[Body]:
    """A JSON answer; the body is checked against the route's model like any other."""
    return Response(status_code=int(status), content_type="application/json", body=body, headers={**headers})
