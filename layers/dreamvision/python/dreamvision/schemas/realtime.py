"""The messages of the WebSocket API. ``docs/REALTIME.md`` explains them."""

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from dreamvision.schemas.base import Response, Timestamp, UuidText, WholeNumber
from dreamvision.schemas.categories import Category
from dreamvision.schemas.videos import VideoStatusResponse

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Annotated[AwareDatetime, Field(strict=True)])


class Message(Response):
    """Anything that the server sends."""

    def text(self) -> str:
        """JSON without the fields that have no value."""
        return self.model_dump_json(exclude_none=True)


class VideoUpdated(VideoStatusResponse, Message):
    """A video as it is now."""

    type: Literal["video.updated"] = "video.updated"
    updated_at: Timestamp


class DreamAnalyzed(Message):
    """The analysis of a dream is there."""

    type: Literal["dream.analyzed"] = "dream.analyzed"
    dream_id: UuidText
    job_id: UuidText | None = None
    category: Category
    template_used: str
    confidence: float
    video_prompt: str
    updated_at: Timestamp


type Event = VideoUpdated | DreamAnalyzed


class Synced(Message):
    """The end of what a client had missed, or of a part of it when it was too much for one answer."""

    type: Literal["synced"] = "synced"
    count: WholeNumber
    truncated: bool
    next_since: Timestamp


class Pong(Message):
    """The answer to a ping."""

    type: Literal["pong"] = "pong"


class MessageProblem(Message):
    """What is wrong with a message of the client's."""

    type: Literal["error"] = "error"
    code: Literal["malformed", "unknown_action", "invalid_since", "too_large", "unavailable"]
    message: str


def parse_moment(value: object) -> datetime:
    """A moment, given as RFC 3339 text with its zone. Raises ``ValueError`` (pydantic's is one) for anything else."""
    return _MOMENT.validate_json(json.dumps(value))
