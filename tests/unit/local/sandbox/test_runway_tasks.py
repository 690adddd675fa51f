"""The sandbox Runway's queue, with a clock that the test turns."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from local.sandbox.faults import Fault
from local.sandbox.runway.tasks import Task, TaskBook
from local.sandbox.runway.validation import Order

ORDER = Order("gen4.5", "POV a river", 1280, 720, 5, 60, None)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeFilms:
    """Films that are ready as soon as they are ordered, unless a test says otherwise."""

    ready: float | None = 0.0
    failed: set[str] = field(default_factory=set)

    def ready_at(self, film_id: str) -> float | None:
        return self.ready

    def has_failed(self, film_id: str) -> bool:
        return film_id in self.failed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def films() -> FakeFilms:
    return FakeFilms()


@pytest.fixture
def book(films: FakeFilms, clock: Clock) -> Iterator[TaskBook]:
    return TaskBook(films, render_seconds=10, concurrency=2, clock=clock)  # type: ignore[return-value]


def status(book: TaskBook, task: Task) -> str:
    found = book.get(task.id)
    assert found is not None
    return found.status


def test_a_task_goes_from_pending_through_running_to_succeeded(book: TaskBook, clock: Clock) -> None:
    task = book.add(ORDER, ())
    assert status(book, task) == "PENDING"
    clock.now += 1
    assert status(book, task) == "RUNNING"
    assert book.progress(task) == 0.0
    clock.now += 4.5
    assert book.progress(task) == 0.5
    clock.now += 4.5
    assert status(book, task) == "SUCCEEDED"
    assert (task.started_at, task.finished_at, task.charged) == (1001.0, 1010.0, 60)


def test_times_are_exact_even_when_nobody_looks_for_long(book: TaskBook, clock: Clock) -> None:
    tasks = [book.add(ORDER, ()) for _ in range(3)]
    clock.now += 500
    assert [status(book, task) for task in tasks] == ["SUCCEEDED"] * 3
    assert [task.started_at for task in tasks] == [1001.0, 1001.0, 1010.0]
    assert tasks[2].finished_at == 1019.0


def test_more_tasks_than_slots_are_throttled_until_one_ends(book: TaskBook, clock: Clock) -> None:
    tasks = [book.add(ORDER, ()) for _ in range(3)]
    clock.now += 2
    assert [status(book, task) for task in tasks] == ["RUNNING", "RUNNING", "THROTTLED"]
    book.remove(tasks[0].id)
    assert status(book, tasks[2]) == "RUNNING"


def test_a_task_waits_for_its_film(book: TaskBook, clock: Clock, films: FakeFilms) -> None:
    films.ready = None
    task = book.add(ORDER, ())
    clock.now += 60
    assert status(book, task) == "RUNNING"
    assert book.progress(task) == 0.99
    films.ready = 1055.0
    assert status(book, task) == "SUCCEEDED"
    assert task.finished_at == 1055.0


def test_a_film_that_cannot_be_made_fails_the_task(book: TaskBook, clock: Clock, films: FakeFilms) -> None:
    films.ready = None
    task = book.add(ORDER, ())
    films.failed.add(task.film_id)
    clock.now += 60
    assert status(book, task) == "FAILED"
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
def test_faults_decide_how_a_task_ends(book: TaskBook, clock: Clock, kind: str, expected: str, charged: int) -> None:
    task = book.add(ORDER, (Fault(kind),))
    clock.now += 10_000
    assert status(book, task) == expected
    assert task.charged == charged


def test_stuck_tasks_take_no_slot(book: TaskBook, clock: Clock) -> None:
    for _ in range(5):
        book.add(ORDER, (Fault("stuck"),))
    task = book.add(ORDER, ())
    clock.now += 2
    assert status(book, task) == "RUNNING"


def test_a_rendering_lasts_as_long_as_it_is_asked_to(book: TaskBook, clock: Clock) -> None:
    task = book.add(ORDER, (Fault("lasts", 100.0),))
    clock.now += 51
    assert status(book, task) == "RUNNING"
    assert book.progress(task) == 0.5
    clock.now += 51
    assert status(book, task) == "SUCCEEDED"


def test_a_book_can_be_written_down_and_read_again(book: TaskBook, clock: Clock, films: FakeFilms) -> None:
    task = book.add(ORDER, (Fault("expired_once"), Fault("slow", 2.0)))
    clock.now += 5
    assert status(book, task) == "RUNNING"
    copy = TaskBook(films, 10, 2, clock)
    copy.load(book.dump())
    assert copy.get(task.id) == task
