"""Reading the records of DynamoDB's streams: what changed in a row, for whoever has to be told."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from dreamvision.auth.sessions import user_of_guard
from dreamvision.database.client import TOMBSTONE_PREFIX, Item, TableNames
from dreamvision.dreams.repository import AnalyzedDream
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.videos.models import VideoRecord

if TYPE_CHECKING:
    from boto3.dynamodb.types import TypeDeserializer

type StreamRecord = Mapping[str, Any]
type Change = VideoRecord | AnalyzedDream

# Writes that touch nothing but these are of no interest to anybody outside.
_INTERNAL = frozenset({"updated_at", "render_requested_at", "provider_task_id", "credits"})


def sequence_of(record: StreamRecord) -> str:
    """The record's place in its shard, by which a failed one is reported."""
    return str(record["dynamodb"]["SequenceNumber"])


def users_of_sessions(records: Iterable[StreamRecord]) -> set[str]:
    """The users whose ended sessions changed, from the stream of the guards table."""
    guards = (str(record["dynamodb"]["Keys"]["guard"]["S"]) for record in records)
    return {user_id for guard in guards if (user_id := user_of_guard(guard))}


def change_in(record: StreamRecord, names: TableNames) -> Change | None:
    """The video or the analysed dream whose new state its user should see; ``None`` where there is nothing to see."""
    new, old = _image(record, "NewImage"), _image(record, "OldImage")
    if new is None or str(new["user_id"]).startswith(TOMBSTONE_PREFIX):
        return None
    table = str(record["eventSourceARN"]).split("/")[1]
    if table == names.videos_table:
        return VideoRecord.model_validate(new) if old is None or _visible(new) != _visible(old) else None
    if table == names.dreams_table:
        return AnalyzedDream.model_validate(new) if _is_analyzed(new) and not (old and _is_analyzed(old)) else None
    raise ValueError("a record of a table that nobody listens to")


def _image(record: StreamRecord, name: str) -> Item | None:
    image = record["dynamodb"].get(name)
    if image is None:
        return None
    return {attribute: _deserializer().deserialize(_decoded(value)) for attribute, value in image.items()}


def _decoded(value: Any) -> Any:  # noqa: ANN401 - one of DynamoDB's typed values
    """Lambda hands events over as JSON, in which a binary value (a packed text) is Base64."""
    return {"B": b64decode(value["B"])} if isinstance(value.get("B"), str) else value


def _visible(row: Item) -> Item:
    return {name: value for name, value in row.items() if name not in _INTERNAL}


def _is_analyzed(row: Item) -> bool:
    return bool(row.get("analysis_status") == AnalysisStatus.COMPLETED)


@cache
def _deserializer() -> "TypeDeserializer":
    from boto3.dynamodb.types import TypeDeserializer

    return TypeDeserializer()
