"""The first request of every function pays for its start; here the stack pays, right after it has come up.

The functions get the sample events of ``events/``, whose ids belong to nobody: they start, look, find nothing and say
so in their logs (``DreamNotFoundError``, ``VideoNotFoundError``).
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.deploy import client
from local.settings import REPOSITORY, STACK_NAME, Settings

# Function by its name in the template, and the event that makes it start without doing anything.
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
    """Start the functions that a dream needs, two at a time. What fails here will fail again where it matters."""
    with ThreadPoolExecutor(2) as pool:
        for name, done in [(name, pool.submit(_start, settings, name, event)) for name, event in _EVENTS.items()]:
            try:
                done.result()
            except (BotoCoreError, ClientError, OSError) as error:
                print(f"{name} was not warmed up: {type(error).__name__}", flush=True)


def _start(settings: Settings, name: str, event: str) -> None:
    found = client(settings, "cloudformation").describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=name)
    function = found["StackResourceDetail"]["PhysicalResourceId"]
    client(settings, "lambda").invoke(FunctionName=function, Payload=_payload(event))


def _payload(event: str) -> bytes:
    path: Path = REPOSITORY / "events" / f"{event}.json"
    body = json.loads(path.read_text())
    if event.startswith("api/"):
        # A text too short to be a dream: refused before anything is asked or written.
        body["body"] = json.dumps({"dream_text": "short"})
    return json.dumps(body).encode()
