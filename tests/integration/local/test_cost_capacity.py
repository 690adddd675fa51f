"""The capacity of DynamoDB that docs/COST.md is computed from, metered from a dream's request to its video.

The emulator meters the writes of the real functions; reads are computed by DynamoDB's rules, since the emulator does
not charge for items that do not exist. ``local/cost/capacity.json`` records both.
"""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dreamvision.analysis.models import Analysis
from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.media.links import MediaLinks
from dreamvision.notifications.messages import Outcome
from dreamvision.queries.cursors import Cursors
from dreamvision.queries.dreams import DreamQueries
from dreamvision.queries.presenters import Presenter
from dreamvision.queries.videos import VideoQueries, VideoQuerySettings
from dreamvision.rendering.renderer import RenderState, RenderStatus
from dreamvision.schemas.categories import Category
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.archive import VideoArchiver
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media
from dreamvision.videos.service import VideoService, VideoServiceSettings
from dreamvision.videos.workflow import VideoWorkflow
from local.cost.usage import CAPACITY
from local.sample_events import JOB_ID
from tests.conftest import load_event, load_function
from tests.fakes.aws import Capacity
from tests.fakes.capacity import Meter, item_bytes
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.gateway import USER_ID, send
from tests.fakes.runway import SUCCESS, FakeRenderer
from tests.fakes.step_functions import MACHINE, FakeStepFunctions
from tests.fakes.video_key import MEDIA_URL, signing_key
from tests.integration.notifications.fixtures import ExpoSandbox, NotificationBackend

# 500 characters, which hardly compress: a detailed dream in English.
DREAM = (
    "I was back in my grandmother's house, but every corridor had grown longer than I remembered, and the wallpaper "
    "moved whenever nobody looked at it. Somebody had left the taps running upstairs. I climbed, step after step, "
    "carrying a lamp that smelled of oranges, while a brass band rehearsed underwater somewhere below me. At the top "
    "stood a small door, painted blue. Behind it lay an enormous plain of salt beneath two moons, and my old dog "
    "waited beside a telephone, which quietly began to ring for me."
)
# 120 words, as the system text asks for.
PROMPT = (
    "POV slow track through my grandmother's house, every corridor stretching longer with each step, faded wallpaper "
    "blooming and creeping at the edges of sight, sterile light humming faintly from the ceiling. Water runs somewhere "
    "upstairs, glistening down the banister as the camera climbs past crooked portraits whose frames breathe. Amber "
    "lamplight swings across the steps and smells almost visible, orange dust drifting through the beam, while brass "
    "instruments glint beneath the flooded floorboards like sleeping fish. A small blue door waits at the top, opening "
    "by itself onto an enormous plain of salt under two pale moons. An old dog sits beside a black telephone, still "
    "and patient, its shadow pointing the wrong way. The ringing begins, soft and endless, and a lonely unease settles "
    "over the white horizon."
)


def context(name: str) -> SimpleNamespace:
    """Return what Lambda tells a function about its invocation."""
    return SimpleNamespace(
        function_name=name, memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
    )


class Metered:
    """The services and functions on one database, with fakes of the providers, the state machine and the bucket."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.found: dict[str, dict[str, float]] = {}
        self.renderer = FakeRenderer(
            RenderState(RenderStatus.RENDERING, 10),
            RenderState(RenderStatus.RENDERING, 30),
            RenderState(RenderStatus.RENDERING, 30),
            SUCCESS,
        )
        analyzer = FakeAnalyzer()
        analyzer.outcome = Analysis(
            Category.LIMINAL,
            "LIMINAL",
            0.91,
            PROMPT,
            1600,
            200,
            "claude-sonnet-5-5",
            "The house with the growing halls",
        )
        workflow = VideoWorkflow(MACHINE, cast(Any, FakeStepFunctions()))
        service = VideoService(database, workflow, VideoServiceSettings(poll_first_wait=20))
        presenter = Presenter(MediaLinks(MEDIA_URL, signing_key))
        queries = VideoQueries(database, presenter, Cursors(lambda: b"key"), VideoQuerySettings(poll_interval=5))
        dreams = DreamQueries(database, presenter, Cursors(lambda: b"key"))
        monkeypatch.setattr(VideoWorkflow, "shared", lambda: workflow)
        monkeypatch.setattr(VideoService, "shared", lambda: service)
        monkeypatch.setattr(VideoQueries, "shared", lambda: queries)
        monkeypatch.setattr(DreamQueries, "shared", lambda: dreams)
        monkeypatch.setattr(VideoArchiver, "shared", lambda: SimpleNamespace(keep=self._keep))
        for state in ("analyze_dream", "generate_video", "poll_video", "archive_video"):
            module = load_function(f"workflows/dream_to_video/{state}")
            monkeypatch.setattr(module, "configured_renderer", lambda: self.renderer, raising=False)
            monkeypatch.setattr(module, "configured_analyzer", lambda: analyzer, raising=False)

    def measure(self, step: str, work: Callable[[], Any]) -> Any:
        """Record what ``work`` consumes."""
        written, read = Capacity(self.database), Meter(self.database)
        result = work()
        self.found[step] = {"read_units": read.read_units, "write_units": written.write_units}
        return result

    def state(self, name: str, job: dict[str, Any]) -> None:
        """Run a state's function."""
        load_function(f"workflows/dream_to_video/{name}").handler(job, context(name))

    def stored_bytes(self) -> int:
        """Return the size of what remains of the video in the two tables that keep it."""
        names = (self.database.names.dreams_table, self.database.names.videos_table)
        of_user = {"KeyConditionExpression": "user_id = :user", "ExpressionAttributeValues": {":user": USER_ID}}
        found = [self.database.client.query(TableName=name, **cast(Any, of_user))["Items"] for name in names]
        return sum(item_bytes(row) for rows in found for row in rows)

    def _keep(self, user_id: str, job_id: str, *_: object) -> None:
        videos = VideoLifecycle(self.database)
        video = videos.get(user_id, job_id, consistent=True)
        keys = [f"thumbnails/{video.media_token}/{job_id}.{suffix}" for suffix in ("jpg", "webp")]
        videos.complete(video, Media(f"videos/{user_id}/{job_id}.mp4", keys[0], keys[1], 1280, 720), utc_now())


def measured(metered: Metered) -> dict[str, Any]:
    dreams, videos = load_function("api/dreams"), load_function("api/videos")
    asynchronous = {"prefer": "respond-async", "idempotency-key": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    created = metered.measure(
        "POST /dreams/generate-video",
        lambda: send(dreams, "post-dreams-generate-video", {"dream_text": DREAM, "duration": 5}, headers=asynchronous),
    )
    assert created.status == 202
    ids = {"user_id": USER_ID, "dream_id": created.body["dream_id"], "job_id": created.body["job_id"]}
    job = {**ids, "needs_analysis": True}
    metered.measure("AnalyzeDream", lambda: metered.state("analyze_dream", job))
    metered.measure("GenerateVideo", lambda: metered.state("generate_video", job))
    metered.measure("PollVideo, begun", lambda: metered.state("poll_video", job))
    metered.measure("PollVideo, progress", lambda: metered.state("poll_video", job))
    metered.measure("PollVideo, no progress", lambda: metered.state("poll_video", job))
    metered.measure("PollVideo, rendered", lambda: metered.state("poll_video", job))
    metered.measure("ArchiveVideo", lambda: metered.state("archive_video", job))
    event = json.loads(json.dumps(load_event("api/get-videos-job_id")).replace(JOB_ID, ids["job_id"]))
    status = metered.measure("GET /videos/{job_id}", lambda: videos.handler(event, context("api")))
    assert json.loads(status["body"])["status"] == "completed"
    listed = metered.measure("GET /dreams", lambda: send(dreams, "get-dreams"))
    assert listed.body["total"] == 1
    registered = metered.measure(
        "PUT /devices/{device_id}", lambda: send(load_function("api/devices"), "put-devices-device_id")
    )
    assert registered.status == 200
    expo = ExpoSandbox()
    sender = NotificationBackend(metered.database, expo).sender
    finished = Outcome(**ids, status=VideoStatus.COMPLETED)
    assert metered.measure("NotifyDevices", lambda: sender.send([finished])) == set()
    assert len(expo.messages) == 1
    metered.measure("Sweep", lambda: load_function("triggers/sweep").handler({}, context("sweep")))
    return {"steps": metered.found, "stored_bytes": round(metered.stored_bytes(), -2)}


def test_the_recorded_capacity_is_what_the_functions_consume(
    ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(Metered(ministack, monkeypatch))
    recorded = json.loads(CAPACITY.read_text())
    assert found == recorded, f"put this into {CAPACITY}: {json.dumps(found)}"
