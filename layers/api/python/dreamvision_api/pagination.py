"""The parameters that every list shares."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from dreamvision.queries.cursors import CURSOR_PATTERN

Limit = Annotated[int, Query(ge=1, le=100, description="How many a page has at the most.")]
Cursor = Annotated[
    str | None, Query(pattern=CURSOR_PATTERN, description="The `next_cursor` of the page before, unchanged.")
]
