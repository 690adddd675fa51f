"""The messages of the WebSocket API, documented in ``docs/REALTIME.md`` and ``docs/asyncapi.json``."""

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.schemas.base import Response, Timestamp, UuidText, WholeNumber
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import Title
from dreamvision.schemas.videos import VideoStatusResponse

_TIMESTAMP: TypeAdapter[datetime] = TypeAdapter(Annotated[AwareDatetime, Field(strict=True)])


class Message(Response):
    """A message from the server."""

    def text(self) -> str:
        """Return the message as JSON, without the fields that are ``None``."""
        return self.model_dump_json(exclude_none=True)


class VideoUpdated(VideoStatusResponse, Message):
    """The current state of a video."""

    type: Literal["video.updated"] = "video.updated"
    updated_at: Timestamp


class DreamAnalyzed(Message):
    """The analysis of a dream is complete."""

    type: Literal["dream.analyzed"] = "dream.analyzed"
    dream_id: UuidText
    job_id: UuidText | None = None
    title: Title | None = None
    aspect_ratio: AspectRatio | None = None
    category: Category = Field(examples=["flight"])
    template_used: str = Field(examples=["FLIGHT"])
    confidence: float = Field(examples=[0.93])
    video_prompt: str = Field(examples=["POV gentle rise through a dark forest, twisted trees drift past below ..."])
    updated_at: Timestamp


type Event = VideoUpdated | DreamAnalyzed


class Synced(Message):
    """The end of the missed events, or of one part of them if there are too many for one reply (``truncated``)."""

    type: Literal["synced"] = "synced"
    count: WholeNumber = Field(description="Number of events in this reply.", examples=[3])
    truncated: bool = Field(description="There is more: send `sync` with `next_since` at once.", examples=[False])
    next_since: Timestamp = Field(description="The `since` of the next `sync`.")


class Pong(Message):
    """The reply to a ping."""

    type: Literal["pong"] = "pong"


class Reconnect(Message):
    """The connection's access token has expired: reconnect with a new one. The server closes the connection.

    API Gateway lets a server close a connection, but not choose the close code: ``code`` is the one to close with.
    """

    type: Literal["reconnect"] = "reconnect"
    code: Literal[4001] = 4001


class MessageProblem(Message):
    """An error in a client's message."""

    type: Literal["error"] = "error"
    code: Literal["malformed", "unknown_action", "invalid_since", "too_large", "unavailable"]
    message: str = Field(examples=["Send a JSON object."])


class Ping(BaseModel):
    """A message that keeps an idle connection open."""

    action: Literal["ping"]


class Sync(BaseModel):
    """A request for everything that has changed since a time that the server has given."""

    action: Literal["sync"]
    since: Timestamp


def parse_timestamp(value: object) -> datetime:
    """Parse an RFC 3339 timestamp with a UTC offset.

    Raises:
        ValueError: anything else (pydantic's ``ValidationError`` is one).
    """
    return _TIMESTAMP.validate_json(json.dumps(value))
