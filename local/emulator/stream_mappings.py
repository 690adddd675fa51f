"""Event source mappings of DynamoDB's streams.

The emulator keeps a mapping and its place in the stream over a restart, but not the stream: the place then lies beyond
the end, and whatever is written is passed over until as many records have come as there were before. So each mapping
is made anew at every start, with the same settings. To be dropped the day the emulator keeps the two together.
"""

from typing import Any

_SETTINGS = (
    "FunctionName", "EventSourceArn", "StartingPosition", "BatchSize", "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "BisectBatchOnFunctionError", "ParallelizationFactor",
    "FunctionResponseTypes", "DestinationConfig", "FilterCriteria",
)  # fmt: skip


def revive_stream_mappings(functions: Any) -> None:  # noqa: ANN401 - a client of the emulator's
    """Replace every mapping of a stream by a fresh one that begins at the stream's end.

    CloudFormation does not know the fresh ones: when it changes a mapping it makes one more. The newest of several with
    the same function and stream is the one that counts.
    """
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for page in functions.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            if ":dynamodb:" not in mapping["EventSourceArn"]:
                continue
            place = (mapping["FunctionArn"], mapping["EventSourceArn"])
            if place not in newest or mapping["LastModified"] >= newest[place]["LastModified"]:
                newest[place] = mapping
            functions.delete_event_source_mapping(UUID=mapping["UUID"])
    for mapping in newest.values():
        settings = {name: mapping[name] for name in _SETTINGS if mapping.get(name) is not None}
        functions.create_event_source_mapping(**{"FunctionName": mapping["FunctionArn"], **settings})
