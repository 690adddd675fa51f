"""The sandbox Runway's task queue, with a clock that the tests advance."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from local.sandbox.faults import Fault
from local.sandbox.runway.tasks import Task, TaskQueue
from local.sandbox.runway.validation import GenerationRequest

REQUEST = GenerationRequest("gen4.5", "POV a river", 1280, 720, 5, 60, None)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeVideos:
    """Videos that are ready immediately, unless a test changes that."""

    ready: float | None = 0.0
    failed: set[str] = field(default_factory=set)

    def ready_at(self, video_id: str) -> float | None:
        return self.ready

    def has_failed(self, video_id: str) -> bool:
        return video_id in self.failed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def videos() -> FakeVideos:
    return FakeVideos()


@pytest.fixture
def queue(videos: FakeVideos, clock: Clock) -> Iterator[TaskQueue]:
    return TaskQueue(videos, render_seconds=10, concurrency=2, clock=clock)  # type: ignore[return-value]


def status(queue: TaskQueue, task: Task) -> str:
    found = queue.get(task.id)
    assert found is not None
    return found.status


def test_task_goes_from_pending_through_running_to_succeeded(queue: TaskQueue, clock: Clock) -> None:
    task = queue.add(REQUEST, ())
    assert status(queue, task) == "PENDING"
    clock.now += 1
    assert status(queue, task) == "RUNNING"
    assert queue.progress(task) == 0.0
    clock.now += 4.5
    assert queue.progress(task) == 0.5
    clock.now += 4.5
    assert status(queue, task) == "SUCCEEDED"
    assert (task.started_at, task.finished_at, task.charged) == (1001.0, 1010.0, 60)


def test_times_are_exact_after_a_long_time_without_access(queue: TaskQueue, clock: Clock) -> None:
    tasks = [queue.add(REQUEST, ()) for _ in range(3)]
    clock.now += 500
    assert [status(queue, task) for task in tasks] == ["SUCCEEDED"] * 3
    assert [task.started_at for task in tasks] == [1001.0, 1001.0, 1010.0]
    assert tasks[2].finished_at == 1019.0


def test_tasks_beyond_the_concurrency_are_throttled_until_one_ends(queue: TaskQueue, clock: Clock) -> None:
    tasks = [queue.add(REQUEST, ()) for _ in range(3)]
    clock.now += 2
    assert [status(queue, task) for task in tasks] == ["RUNNING", "RUNNING", "THROTTLED"]
    queue.remove(tasks[0].id)
    assert status(queue, tasks[2]) == "RUNNING"


def test_task_runs_until_its_video_is_ready(queue: TaskQueue, clock: Clock, videos: FakeVideos) -> None:
    videos.ready = None
    task = queue.add(REQUEST, ())
    clock.now += 60
    assert status(queue, task) == "RUNNING"
    assert queue.progress(task) == 0.99
    videos.ready = 1055.0
    assert status(queue, task) == "SUCCEEDED"
    assert task.finished_at == 1055.0


def test_task_fails_if_its_video_cannot_be_rendered(queue: TaskQueue, clock: Clock, videos: FakeVideos) -> None:
    videos.ready = None
    task = queue.add(REQUEST, ())
    videos.failed.add(task.video_id)
    clock.now += 60
    assert status(queue, task) == "FAILED"
    assert (task.failure[0], task.charged) == ("INTERNAL", 0)


@pytest.mark.parametrize(
    ("kind", "expected", "charged"),
    [
        ("safety", "FAILED", 60),
        ("output_safety", "FAILED", 60),
        ("internal", "FAILED", 0),
        ("cancelled", "CANCELLED", 0),
        ("empty_output", "SUCCEEDED", 60),
        ("throttled", "THROTTLED", 0),
        ("stuck", "RUNNING", 0),
        ("unknown_status", "MYSTERY", 0),
    ],
)
def test_faults_determine_the_final_status_and_charge(
    queue: TaskQueue, clock: Clock, kind: str, expected: str, charged: int
) -> None:
    task = queue.add(REQUEST, (Fault(kind),))
    clock.now += 10_000
    assert status(queue, task) == expected
    assert task.charged == charged


def test_stuck_tasks_occupy_no_slot(queue: TaskQueue, clock: Clock) -> None:
    for _ in range(5):
        queue.add(REQUEST, (Fault("stuck"),))
    task = queue.add(REQUEST, ())
    clock.now += 2
    assert status(queue, task) == "RUNNING"


def test_lasts_fault_sets_the_duration_of_the_render(queue: TaskQueue, clock: Clock) -> None:
    task = queue.add(REQUEST, (Fault("lasts", 100.0),))
    clock.now += 51
    assert status(queue, task) == "RUNNING"
    assert queue.progress(task) == 0.5
    clock.now += 51
    assert status(queue, task) == "SUCCEEDED"


def test_dumped_tasks_can_be_loaded(queue: TaskQueue, clock: Clock, videos: FakeVideos) -> None:
    task = queue.add(REQUEST, (Fault("expired_once"), Fault("slow", 2.0)))
    clock.now += 5
    assert status(queue, task) == "RUNNING"
    copy = TaskQueue(videos, 10, 2, clock)
    copy.load(queue.dump())
    assert copy.get(task.id) == task


def test_tasks_are_stored_under_the_keys_of_existing_state_files(queue: TaskQueue) -> None:
    queue.add(REQUEST, ())
    (stored,) = queue.dump()
    assert {"film_id", "order"} <= stored.keys()
