"""Parse DynamoDB stream records into changes that concern clients."""

from base64 import b64decode
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from dreamvision.auth.sessions import user_of_guard
from dreamvision.database.client import TOMBSTONE_PREFIX, Item, TableNames
from dreamvision.database.stream_records import StreamRecord
from dreamvision.dreams.models import AnalyzedDream
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoRecord

if TYPE_CHECKING:
    from boto3.dynamodb.types import TypeDeserializer

type Change = VideoRecord | AnalyzedDream

# A write that changes only these attributes is not visible to clients.
# The prompt is stored with the intent to render; the first poll of the render, which changes the row, shows it.
_INTERNAL_ATTRIBUTES = frozenset(
    {"updated_at", "render_requested_at", "provider_task_id", "credits", "output_url", "video_prompt"}
)
# Whether a video that was closed during the request of its render is counted.
_COUNTED_BY = frozenset({"render_requested_at", "provider_task_id"})


def users_of_sessions(records: Iterable[StreamRecord]) -> set[str]:
    """Return the users whose revoked sessions changed, from the stream of the guards table."""
    guards = (str(record["dynamodb"]["Keys"]["guard"]["S"]) for record in records)
    return {user_id for guard in guards if (user_id := user_of_guard(guard))}


def change_in(record: StreamRecord, names: TableNames) -> Change | None:
    """Return the changed video or the newly analyzed dream; ``None`` if no change is visible to the user.

    Raises:
        ValueError: the record is of another table.
    """
    new, old = _image(record, "NewImage"), _image(record, "OldImage")
    if new is None or str(new["user_id"]).startswith(TOMBSTONE_PREFIX):
        return None
    table = str(record["eventSourceARN"]).split("/")[1]
    if table == names.videos_table:
        return VideoRecord.model_validate(new) if old is None or _visible(new) != _visible(old) else None
    if table == names.dreams_table:
        return AnalyzedDream.model_validate(new) if _is_analyzed(new) and not (old and _is_analyzed(old)) else None
    raise ValueError("a record of an unexpected table")


def _image(record: StreamRecord, name: str) -> Item | None:
    image = record["dynamodb"].get(name)
    if image is None:
        return None
    return {attribute: _deserializer().deserialize(_decode_binary(value)) for attribute, value in image.items()}


def _decode_binary(value: Any) -> Any:  # noqa: ANN401 - one of DynamoDB's typed values
    """Decode a binary value (a compressed text), which is Base64 in Lambda's JSON events."""
    return {"B": b64decode(value["B"])} if isinstance(value.get("B"), str) else value


def _visible(row: Item) -> Item:
    is_final = VideoStatus(row["status"]).is_final
    hidden = _INTERNAL_ATTRIBUTES - _COUNTED_BY if is_final else _INTERNAL_ATTRIBUTES
    return {name: value for name, value in row.items() if name not in hidden}


def _is_analyzed(row: Item) -> bool:
    return bool(row.get("analysis_status") == AnalysisStatus.COMPLETED)


@cache
def _deserializer() -> "TypeDeserializer":
    from boto3.dynamodb.types import TypeDeserializer

    return TypeDeserializer()
