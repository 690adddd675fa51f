"""Recreate the event source mappings of DynamoDB streams.

Across a restart the emulator keeps a mapping and its position in the stream, but not the stream itself. The position
is then beyond the stream's end, and new records are skipped until the stream is as long as before. So every start
recreates each mapping with the same settings. Remove this module once the emulator stores both together.
"""

from typing import Any

_SETTINGS = (
    "FunctionName", "EventSourceArn", "StartingPosition", "BatchSize", "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "BisectBatchOnFunctionError", "ParallelizationFactor",
    "FunctionResponseTypes", "DestinationConfig", "FilterCriteria",
)  # fmt: skip


def revive_stream_mappings(functions: Any) -> None:  # noqa: ANN401 - a boto3 client
    """Replace every stream mapping by a new one that starts at the end of the stream.

    CloudFormation does not manage the new mappings: when it updates a mapping, it creates another one. Of several
    mappings with the same function and stream, the newest is kept.
    """
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for page in functions.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            if ":dynamodb:" not in mapping["EventSourceArn"]:
                continue
            key = (mapping["FunctionArn"], mapping["EventSourceArn"])
            if key not in newest or mapping["LastModified"] >= newest[key]["LastModified"]:
                newest[key] = mapping
            functions.delete_event_source_mapping(UUID=mapping["UUID"])
    for mapping in newest.values():
        settings = {name: mapping[name] for name in _SETTINGS if mapping.get(name) is not None}
        functions.create_event_source_mapping(**{"FunctionName": mapping["FunctionArn"], **settings})
