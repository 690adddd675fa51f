"""Query parameters of every paginated list."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from dreamvision.queries.cursors import CURSOR_PATTERN

Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of items per page.")]
Cursor = Annotated[
    str | None, Query(pattern=CURSOR_PATTERN, description="The `next_cursor` of the previous page, unchanged.")
]
