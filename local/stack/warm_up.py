"""Warm up the functions right after the stack has started, so that the first requests have no cold starts.

Each function is invoked with its sample event of ``events/``. The ids in these events do not exist, so the functions
log ``DreamNotFoundError`` or ``VideoNotFoundError`` and change nothing.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.deploy import client
from local.settings import REPOSITORY, STACK_NAME, Settings

# The alias of every function (template.yaml): a version has processes of its own.
_ALIAS = "live"
# Logical id of each function -> a sample event that it handles without side effects.
_EVENTS = {
    "AnalyzeDreamFunction": "workflows/dream_to_video/AnalyzeDream",
    "ApiDreamsFunction": "api/get-dreams-dream_id",
    "GenerateVideoFunction": "workflows/dream_to_video/GenerateVideo",
    "ArchiveVideoFunction": "workflows/dream_to_video/ArchiveVideo",
    "PollVideoFunction": "workflows/dream_to_video/PollVideo",
    "ApiVideosFunction": "api/get-videos-job_id",
    "ApiAnalyzeDreamFunction": "api/post-dreams-analyze",
    "RecordFailureFunction": "workflows/dream_to_video/RecordFailure",
    "RealtimeAuthorizeFunction": "realtime/authorize",
    "RealtimePushFunction": "realtime/push",
}


def warm_up(settings: Settings) -> None:
    """Invoke the functions that process a dream, two at a time. Failures are only logged."""
    with ThreadPoolExecutor(2) as pool:
        invocations = {name: pool.submit(_invoke, settings, name, event) for name, event in _EVENTS.items()}
        for name, invocation in invocations.items():
            try:
                invocation.result()
            except (BotoCoreError, ClientError, OSError) as error:
                print(f"{name} was not warmed up: {type(error).__name__}", flush=True)


def _invoke(settings: Settings, name: str, event: str) -> None:
    resource = client(settings, "cloudformation").describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=name)
    function = resource["StackResourceDetail"]["PhysicalResourceId"]
    client(settings, "lambda").invoke(FunctionName=function, Qualifier=_ALIAS, Payload=_payload(event))


def _payload(event: str) -> bytes:
    path: Path = REPOSITORY / "events" / f"{event}.json"
    body = json.loads(path.read_text())
    if event.startswith("api/"):
        # The text is too short to be valid, so the function rejects it without a call to Claude or a write.
        body["body"] = json.dumps({"dream_text": "short"})
    return json.dumps(body).encode()
