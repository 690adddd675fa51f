"""Records of DynamoDB's streams, as Lambda delivers them.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from collections.abc import Mapping
from typing import Any

type StreamRecord = Mapping[str, Any]


def sequence_of(record: StreamRecord) -> str:
    """Return the record's sequence number, by which a failed record is reported."""
    return str(record["dynamodb"]["SequenceNumber"])
