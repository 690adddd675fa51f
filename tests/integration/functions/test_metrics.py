"""The metrics that the functions write, compared with those that the alarms and the dashboard read."""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.config import ConfigurationError
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import new_id
from dreamvision.core.metrics import NAMESPACE, Metric
from dreamvision.database.client import Database
from dreamvision.limits.usage import record_service_usage
from dreamvision.rendering.errors import RenderKeyError
from dreamvision.rendering.renderer import RenderState, RenderStatus
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoRecord
from dreamvision.videos.service import VideoService
from dreamvision.videos.sweeper import sweep
from dreamvision.videos.workflow import VideoWorkflow
from tests.conftest import at_noon, load_function
from tests.fakes.aws import ENVIRONMENT, aws, template
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.emf import Sample, Use, alarm_uses, emf_lines, samples, widget_uses
from tests.fakes.http_api import HttpFunction
from tests.fakes.runway import SUCCESS, FakeRenderer
from tests.fakes.step_functions import MACHINE, FakeStepFunctions
from tests.integration.auth.fixtures import EMAIL, AccountBackend, AuthApi, Tables, register
from tests.integration.notifications.fixtures import ExpoSandbox, NotificationBackend, outcome

USER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"
DREAM = "I was flying over a dark forest"
STACK = "dreamvision-test"
CONTEXT = SimpleNamespace(
    function_name="function", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
)
WORKFLOW = "workflows/dream_to_video"
QUEUED, RENDERING = RenderState(RenderStatus.THROTTLED), RenderState(RenderStatus.RENDERING, 40)

# From AWS's documentation ("Metrics and dimensions" of each service): the names, and the sets of dimensions.
DOCUMENTED: dict[str, tuple[set[str], list[set[str]]]] = {
    "AWS::Serverless::StateMachine": (
        {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionsSucceeded", "ExecutionsStarted"},
        [{"StateMachineArn"}],
    ),
    "AWS::Serverless::HttpApi": (
        {"4xx", "5xx", "Count", "IntegrationLatency", "Latency", "DataProcessed"},
        [{"ApiId"}, {"ApiId", "Stage"}],
    ),
    "AWS::Serverless::WebSocketApi": (
        {"ConnectCount", "MessageCount", "IntegrationError", "ClientError", "ExecutionError", "IntegrationLatency"},
        [{"ApiId"}, {"ApiId", "Stage"}, {"ApiId", "Stage", "Route"}],
    ),
    "AWS::Serverless::Function": (
        {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions", "DeadLetterErrors"},
        [{"FunctionName"}],
    ),
    "AWS::SQS::Queue": (
        {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "NumberOfMessagesSent"},
        [{"QueueName"}],
    ),
}
NAMESPACES = {
    "AWS/States": {"AWS::Serverless::StateMachine"},
    "AWS/ApiGateway": {"AWS::Serverless::HttpApi", "AWS::Serverless::WebSocketApi"},
    "AWS/Lambda": {"AWS::Serverless::Function"},
    "AWS/SQS": {"AWS::SQS::Queue"},
}
# Without dimensions: "aggregated across all functions in the current AWS Region".
REGIONAL = {("AWS/Lambda", "Throttles"), ("AWS/Lambda", "ConcurrentExecutions")}


class Scenario:
    """Functions called with moto and fakes; ``log`` is what they wrote."""

    def __init__(self, database: Database, patch: pytest.MonkeyPatch) -> None:
        self.videos = VideoLifecycle(database)
        self.patch = patch
        self.log = ""

    def run(self, work: Callable[[], object]) -> None:
        with redirect_stdout(io.StringIO()) as output, suppress(DreamVisionError):
            work()
        self.log += output.getvalue()

    def new_video(self) -> VideoRecord:
        return self.videos.add_with_dream(USER, new_id(), new_id(), DREAM, 7, utc_now())

    def task(self, folder: str, video: VideoRecord, **changes: Any) -> None:
        event = {"user_id": USER, "dream_id": video.dream_id, "job_id": video.job_id, **changes}
        self.run(lambda: load_function(folder).handler(event, CONTEXT))

    def replace(self, folder: str, name: str, value: object) -> ModuleType:
        module = load_function(folder)
        self.patch.setattr(module, name, value)
        return module

    def use(self, renderer: FakeRenderer) -> None:
        for state in ("generate_video", "poll_video"):
            self.replace(f"{WORKFLOW}/{state}", "configured_renderer", lambda: renderer)

    # ------------------------------------------------------------ what happens

    def complete_a_video(self) -> None:
        video = self.new_video()
        self.replace(f"{WORKFLOW}/analyze_dream", "configured_analyzer", FakeAnalyzer)
        self.use(FakeRenderer(QUEUED, RENDERING, SUCCESS))
        for state in ("analyze_dream", "generate_video", "poll_video", "poll_video", "poll_video"):
            self.task(f"{WORKFLOW}/{state}", video)
        media = Media("v.mp4", "t.jpg", None, 1280, 720)
        self.run(lambda: self.videos.complete(self.videos.get(USER, video.job_id), media, utc_now()))

    def fail_videos(self) -> None:
        for error in ("RenderDeadlineError", "Lambda.Unknown", "RenderModerationError", f"Bad {EMAIL}"):
            self.task(f"{WORKFLOW}/record_failure", self.new_video(), error=error)

    def meet_a_rejected_key(self) -> None:
        self.use(FakeRenderer(start_error=RenderKeyError()))
        video = self.new_video()
        self.task(f"{WORKFLOW}/analyze_dream", video)
        self.task(f"{WORKFLOW}/generate_video", video)
        self.videos.cancel(USER, video.job_id, utc_now())

    def cancel_a_video(self) -> None:
        job_id = self.new_video().job_id
        self.run(lambda: HttpFunction("api/videos")(USER, "DELETE /api/v1/videos/{job_id}", job_id=job_id))

    def exhaust_the_quotas(self) -> None:
        body = {"dream_text": DREAM, "duration": 5}
        for quota in (
            "FREE_VIDEOS_PER_DAY",
            "FREE_CONCURRENT_VIDEOS",
            "SERVICE_VIDEOS_PER_DAY",
            "FREE_ANALYSES_PER_DAY",
            "SERVICE_ANALYSES_PER_DAY",
        ):
            self.patch.setenv(quota, "0")
            VideoService.shared.cache_clear()
            send = HttpFunction("api/dreams")
            self.run(lambda send=send: send(USER, "POST /api/v1/dreams/generate-video", body=body))  # type: ignore[misc]
            self.patch.delenv(quota)
        VideoService.shared.cache_clear()

    def fail_a_sign_in(self) -> None:
        backend = AccountBackend(Tables())
        register(backend)
        wrong = {"email": EMAIL, "password": "Wrong-Password-1"}
        self.run(lambda: AuthApi(backend)("POST /api/v1/auth/login", wrong))

    def erase(self) -> None:
        folder = "workflows/erasure/purge_tombstones"
        self.replace(folder, "purge_tombstones", lambda *_: None)
        event = {"user_id": USER, "dream_id": new_id(), "whole_account": False}
        self.run(lambda: load_function(folder).handler(event, CONTEXT))

    def notify_devices(self, database: Database) -> None:
        backend = NotificationBackend(database, ExpoSandbox())
        for token in ("phone", "unregistered-1"):
            backend.register(USER, token)
        self.run(lambda: backend.send(outcome(USER)))

    def sweep(self) -> None:
        workflow = VideoWorkflow(MACHINE, cast(Any, FakeStepFunctions()))
        self.patch.setattr(VideoWorkflow, "shared", lambda: workflow)
        self.run(lambda: load_function("triggers/sweep").handler({}, CONTEXT))


@pytest.fixture(scope="module")
def scenario() -> Iterator[Scenario]:
    with at_noon(), pytest.MonkeyPatch.context() as patch, aws() as database:
        for name, value in {**ENVIRONMENT, "POWERTOOLS_SERVICE_NAME": STACK}.items():
            patch.setenv(name, value)
        Database.shared.cache_clear()
        VideoService.shared.cache_clear()
        found = Scenario(database, patch)
        found.complete_a_video()
        found.fail_videos()
        found.meet_a_rejected_key()
        found.cancel_a_video()
        found.exhaust_the_quotas()
        found.fail_a_sign_in()
        found.erase()
        found.notify_devices(database)
        found.sweep()
        yield found
        Database.shared.cache_clear()
        VideoService.shared.cache_clear()


@pytest.fixture(scope="module")
def written(scenario: Scenario) -> list[Sample]:
    return samples(scenario.log)


def total(written: list[Sample], metric: Metric, **dimensions: str) -> float:
    wanted = {"service": STACK, **dimensions}
    found = [each for each in written if each.name == metric.value[0] and each.dimensions == wanted]
    return sum(value for each in found for value in each.values)


def test_every_metric_is_written_with_its_unit(written: list[Sample]) -> None:
    assert {(each.name, each.unit) for each in written} == {metric.value for metric in Metric}
    assert {each.namespace for each in written} == {NAMESPACE}


def test_dimensions_are_the_stack_and_a_reason(scenario: Scenario, written: list[Sample]) -> None:
    assert {frozenset(each.dimensions) for each in written} == {
        frozenset({"service"}),
        frozenset({"service", "reason"}),
    }
    assert {each.dimensions["service"] for each in written} == {STACK}
    lines = str(emf_lines(scenario.log))
    assert not [text for text in (USER, DREAM, EMAIL, "@", FakeAnalyzer().outcome.video_prompt) if text in lines]  # type: ignore[union-attr]
    # AND no other field: CloudWatch Logs would keep it
    known = {name for name, _ in (metric.value for metric in Metric)} | {"_aws", "service", "reason"}
    assert {name for line in emf_lines(scenario.log) for name in line} <= known


def test_the_values_are_right(written: list[Sample]) -> None:
    assert total(written, Metric.ANALYSES_COMPLETED) == 2
    assert (total(written, Metric.INPUT_TOKENS), total(written, Metric.OUTPUT_TOKENS)) == (2000, 400)
    # 1,000 and 200 tokens at $2 and $10 per million, twice; 7 seconds at 12 credits of one cent
    assert total(written, Metric.CLAUDE_COST) == pytest.approx(0.008)
    assert total(written, Metric.RUNWAY_COST) == pytest.approx(0.84)
    assert total(written, Metric.VIDEOS_COMPLETED) == 1
    assert total(written, Metric.VIDEOS_CANCELLED) == 1
    assert total(written, Metric.SIGN_INS_FAILED) == 1
    assert total(written, Metric.ERASURES_FINISHED) == 1
    assert [each.name for each in written].count("SecondsInQueue") == 1


def test_failures_are_counted_by_reason(written: list[Sample]) -> None:
    assert total(written, Metric.VIDEOS_FAILED) == 3
    for reason in ("RenderDeadlineError", "Lambda.Unknown", "Other"):
        assert total(written, Metric.VIDEOS_FAILED, reason=reason) == 1
    assert total(written, Metric.VIDEOS_REFUSED, reason="RenderModerationError") == 1
    for reason in ("daily", "concurrent", "service", "analyses", "serviceAnalyses"):
        assert total(written, Metric.QUOTA_REFUSALS, reason=reason) == 1


def test_a_metric_survives_the_error_of_its_function(written: list[Sample]) -> None:
    assert total(written, Metric.PROVIDER_ACCESS_ERRORS, reason="RenderKeyError") == 1


@pytest.mark.usefixtures("noon")
def test_the_sweep_records_the_oldest_open_video_and_the_days_usage(scenario: Scenario) -> None:
    """Of all videos, one was completed and one is open; the others cost nothing, so they are not counted."""
    video = scenario.new_video()
    states = FakeStepFunctions()
    states.executions[video.job_id] = "RUNNING"
    workflow = VideoWorkflow(MACHINE, cast(Any, states))
    later = utc_now() + timedelta(hours=1)
    with redirect_stdout(io.StringIO()) as output:
        sweep(scenario.videos, workflow, FakeRenderer, later)
        scenario.patch.setenv("SERVICE_VIDEOS_PER_DAY", "10")
        record_service_usage(video.created_at)
    scenario.patch.delenv("SERVICE_VIDEOS_PER_DAY")
    ages, usage = (each.values for each in samples(output.getvalue()))
    assert ages == [(later - video.created_at).total_seconds()]
    assert usage == [20]


def test_an_empty_secret_needs_an_operator() -> None:
    assert ConfigurationError().needs_operator
    assert not DreamVisionError().needs_operator


def test_every_alarm_and_widget_reads_a_metric_that_exists(written: list[Sample]) -> None:
    uses = [*alarm_uses(), *widget_uses()]
    assert len(uses) > 40
    assert [use for use in uses if not exists(use, written)] == []


def exists(use: Use, written: list[Sample]) -> bool:
    if use.namespace == NAMESPACE:
        assert use.dimensions["service"] == "<AWS::StackName>", use
        return any((each.name, set(each.dimensions)) == (use.name, set(use.dimensions)) for each in written)
    if not use.dimensions:
        return (use.namespace, use.name) in REGIONAL
    ((name, value),) = use.dimensions.items()
    resource = value.strip("<>").removesuffix(".QueueName")
    # Ref of a queue is its URL; of the others, what the dimension contains.
    assert (name == "QueueName") == value.endswith(".QueueName>"), use
    kind = template()["Resources"][resource]["Type"]
    names, dimension_sets = DOCUMENTED[kind]
    return kind in NAMESPACES[use.namespace] and use.name in names and {name} in dimension_sets


def test_every_metric_is_on_the_dashboard_or_has_an_alarm() -> None:
    read = {use.name for use in (*alarm_uses(), *widget_uses())}
    assert {name for name, _ in (metric.value for metric in Metric)} - read == set()
