"""``Idempotency-Key``: done once, answered twice; and what the record holds."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType
from typing import Any, cast

import pytest

from dreamvision.analysis.errors import ClaudeOverloadedError, DreamRefusedError
from dreamvision.analysis.models import Analysis
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.idempotency import (
    HOLD_SECONDS,
    LIFETIME_SECONDS,
    Idempotency,
    IdempotencyKeyReusedError,
    IdempotentRequest,
    RequestInProgressError,
)
from dreamvision.limits.repository import LimitsRepository
from dreamvision.schemas.dreams import MAX_DREAM_LENGTH, DreamAnalysisRequest
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.service import VideoService, VideoServiceSettings
from dreamvision.videos.workflow import VideoWorkflow
from tests.conftest import REPOSITORY, load_function
from tests.fakes.aws import Capacity
from tests.fakes.claude import FakeAnalyst
from tests.fakes.gateway import USER_ID, Answer, send
from tests.fakes.step_functions import MACHINE, FakeStepFunctions
from tests.integration.emulator import counts, guards

DREAM = "I was flying over a dark forest with twisted trees"
KEY = {"idempotency-key": "0f8fad5b-d9cb-469f-a165-70867728950e"}
ANALYZE = "post-dreams-analyze"
FILM = "post-dreams-generate-video"


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class PowerCutError(Exception):
    """The process ends here; not even the clean-up runs."""


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    return database.client.scan(TableName=table)["Items"]


def dreams_of(database: Database) -> list[dict[str, Any]]:
    return rows(database, database.names.dreams_table)


def videos_of(database: Database) -> list[dict[str, Any]]:
    return rows(database, database.names.videos_table)


def records(database: Database) -> list[dict[str, Any]]:
    return [item for guard, item in guards(database).items() if guard.startswith("request#")]


def lasting(answer: Answer) -> tuple[int, dict[str, str], Any]:
    """An answer without the headers that count down."""
    return answer.status, {name: value for name, value in answer.headers.items() if name != "RateLimit"}, answer.body


# ---------------------------------------------------------------- the record


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def requests(emulated: Database, clock: Clock) -> Idempotency:
    return Idempotency(LimitsRepository(emulated), clock)


def begin(
    requests: Idempotency, body: str = "body", user_id: str = USER_ID, route: str = "analyze"
) -> IdempotentRequest:
    return requests.claim(user_id, route, "key", body)


def test_a_request_without_a_key_is_a_new_one_every_time(requests: Idempotency, emulated: Database) -> None:
    first, second = (requests.claim(USER_ID, "analyze", None, "body") for _ in range(2))
    assert first.dream_id != second.dream_id
    for attempt in (first, second):
        requests.complete(attempt)
        requests.discard(attempt)
        requests.release(attempt)
    assert guards(emulated) == {}


def test_a_finished_request_is_replayed(requests: Idempotency) -> None:
    first = begin(requests)
    first.answer = {"status": "200", "nested": {"flag": True}}
    requests.complete(first)
    again = begin(requests)
    assert again.replayed == {"status": "200", "nested": {"flag": True}}
    assert (again.dream_id, again.job_id) == (first.dream_id, first.job_id)


def test_user_and_route_are_part_of_the_key(requests: Idempotency) -> None:
    found = [begin(requests), begin(requests, user_id="somebody else"), begin(requests, route="video")]
    assert len({attempt.dream_id for attempt in found}) == 3


def test_a_request_that_runs_is_in_progress(requests: Idempotency) -> None:
    begin(requests)
    with pytest.raises(RequestInProgressError):
        begin(requests)


@pytest.mark.parametrize("finished", [True, False])
def test_another_body_is_refused(requests: Idempotency, finished: bool) -> None:
    first = begin(requests)
    if finished:
        requests.complete(first)
    with pytest.raises(IdempotencyKeyReusedError):
        begin(requests, body="another")


def test_a_refused_request_leaves_nothing(requests: Idempotency, emulated: Database) -> None:
    first = begin(requests)
    requests.discard(first)
    assert guards(emulated) == {}
    assert begin(requests, body="another").dream_id != first.dream_id


def test_a_run_that_was_let_go_is_resumed_at_once(requests: Idempotency) -> None:
    first = begin(requests)
    requests.release(first)
    again = begin(requests)
    assert again.resumed
    assert (again.dream_id, again.job_id) == (first.dream_id, first.job_id)
    with pytest.raises(RequestInProgressError):
        begin(requests)


def test_a_run_that_died_is_resumed_once_it_must_be_dead(requests: Idempotency, clock: Clock) -> None:
    first = begin(requests)
    clock.now += HOLD_SECONDS - 1
    with pytest.raises(RequestInProgressError):
        begin(requests)
    clock.now += 1.1
    again = begin(requests)
    assert (again.resumed, again.seed) == (True, first.seed)


def test_a_run_that_died_is_not_resumed_with_another_body(requests: Idempotency, clock: Clock) -> None:
    begin(requests)
    clock.now += HOLD_SECONDS + 1
    with pytest.raises(IdempotencyKeyReusedError):
        begin(requests, body="another")


def test_who_was_taken_over_changes_nothing_any_more(requests: Idempotency, clock: Clock) -> None:
    first = begin(requests)
    clock.now += HOLD_SECONDS + 1
    second = begin(requests)
    requests.discard(first)
    requests.release(first)
    first.answer = {"from": "the first"}
    requests.complete(first)
    with pytest.raises(RequestInProgressError):
        begin(requests)
    second.answer = {"from": "the second"}
    requests.complete(second)
    assert begin(requests).replayed == {"from": "the second"}


def test_after_a_day_the_key_is_new(requests: Idempotency, clock: Clock) -> None:
    first = begin(requests)
    requests.complete(first)
    clock.now += LIFETIME_SECONDS - 1
    assert begin(requests).replayed is not None
    clock.now += 2
    again = begin(requests, body="another")
    assert (again.replayed, again.resumed) == (None, False)
    assert again.seed != first.seed


def test_of_a_hundred_runs_at_the_same_time_one_begins(requests: Idempotency) -> None:
    def run(_: int) -> str:
        try:
            return begin(requests).seed
        except RequestInProgressError:
            return "in progress"

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(run, range(100)))
    assert found.count("in progress") == 99


def test_of_fifty_that_resume_at_the_same_time_one_does(requests: Idempotency, clock: Clock) -> None:
    seed = begin(requests).seed
    clock.now += HOLD_SECONDS + 1

    def run(_: int) -> str:
        try:
            return begin(requests).seed
        except RequestInProgressError:
            return "in progress"

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(run, range(50)))
    assert sorted(found) == sorted([seed] + ["in progress"] * 49)


def test_an_answer_that_got_lost_on_the_way_does_not_lock_us_out(requests: Idempotency, emulated: Database) -> None:
    """boto3 sends a write again whose answer did not come; the first one may have been done."""
    client: Any = emulated.client
    update_item: Callable[..., Any] = client.update_item

    class Twice:
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def update_item(self, **request: Any) -> Any:
            update_item(**request)
            return update_item(**request)

    again = Idempotency(LimitsRepository(Database(emulated.names, cast(Any, Twice()))))
    assert again.claim(USER_ID, "analyze", "key", "body").seed


# ---------------------------------------------------------------- POST /dreams/analyze


@pytest.fixture
def analyst() -> FakeAnalyst:
    return FakeAnalyst()


@pytest.fixture
def analyze(emulated: Database, analyst: FakeAnalyst, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_function("api/analyze_dream")
    monkeypatch.setattr(module, "configured_analyzer", lambda: analyst)
    return module


def tell(function: ModuleType, text: str = DREAM, *, sample: str = ANALYZE, **headers: str) -> Answer:
    return send(function, sample, {"dream_text": text}, headers=KEY | headers)


def test_an_analysis_is_replayed(analyze: ModuleType, analyst: FakeAnalyst, emulated: Database) -> None:
    first = tell(analyze)
    again = tell(analyze, f"  {DREAM}\n")  # the same text once it is trimmed
    assert first.status == 200
    assert lasting(again) == lasting(first)
    assert len(analyst.dreams) == 1
    assert len(dreams_of(emulated)) == 1


def test_a_replay_counts_against_the_window(analyze: ModuleType) -> None:
    answers = [tell(analyze) for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]


def test_another_dream_with_the_same_key_is_refused(analyze: ModuleType, emulated: Database) -> None:
    tell(analyze)
    answer = tell(analyze, "Somebody chased me through an endless house")
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert len(dreams_of(emulated)) == 1


@pytest.mark.parametrize("key", ["", "a b", "ä", "\x7f", "k" * 256, "tab\tkey"])
def test_a_key_has_a_form(analyze: ModuleType, emulated: Database, key: str) -> None:
    answer = send(analyze, ANALYZE, {"dream_text": DREAM}, headers={"idempotency-key": key})
    assert (answer.status, answer.code) == (422, "validation_failed")
    (row,) = answer.body["errors"]
    assert [part.lower() for part in row["loc"]] == ["header", "idempotency-key"]
    assert guards(emulated) == {}


@pytest.mark.parametrize("key", ["a", "k" * 255, '"quoted"', "!~,;:="])
def test_any_visible_text_is_a_key(analyze: ModuleType, key: str) -> None:
    answers = [send(analyze, ANALYZE, {"dream_text": DREAM}, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert answers[0].status == 200
    assert answers[0].body == answers[1].body


@pytest.mark.parametrize("error", [DreamRefusedError(), ClaudeOverloadedError()], ids=["4xx", "5xx"])
def test_a_refused_analysis_can_be_tried_again(
    analyze: ModuleType, analyst: FakeAnalyst, emulated: Database, error: Any
) -> None:
    works, analyst.outcome = analyst.outcome, error
    assert tell(analyze).status in (422, 503)
    assert records(emulated) == []
    analyst.outcome = works
    assert tell(analyze, "Another dream, since the first one was refused").status == 200


def test_a_request_that_still_runs_is_in_progress(
    analyze: ModuleType, emulated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a second request with the same key that comes while the first waits for Claude
    body = DreamAnalysisRequest(dream_text=DREAM).model_dump_json()

    class Slow(FakeAnalyst):
        def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Any:
            with pytest.raises(RequestInProgressError):
                Idempotency(LimitsRepository(emulated)).claim(USER_ID, "analyze", KEY["idempotency-key"], body)
            return super().analyze(dream_text, budget_seconds=budget_seconds)

    slow = Slow()
    monkeypatch.setattr(analyze, "configured_analyzer", lambda: slow)
    assert tell(analyze).status == 200
    assert len(slow.dreams) == 1


def test_in_progress_is_a_409_with_retry_after(analyze: ModuleType, emulated: Database) -> None:
    # GIVEN a run that has begun within the last seconds, and has no dream yet
    forget_dream(emulated, tell(analyze).body["dream_id"])
    answer = tell(analyze)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (409, "request_in_progress", "2")


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after the hold"])
def test_a_crash_after_the_analysis_does_not_ask_claude_again(
    analyze: ModuleType, analyst: FakeAnalyst, emulated: Database, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    # GIVEN a run that kept its dream and broke off before it could answer
    def broken(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as power_cut:
        power_cut.setattr(Idempotency, "complete", broken)
        assert tell(analyze).status == 500
    if later:
        forget_the_hold(emulated)
    # WHEN it is sent again
    answer = tell(analyze)
    # THEN its dream is the answer
    assert answer.status == 200
    assert [row["dream_id"] for row in dreams_of(emulated)] == [answer.body["dream_id"]]
    assert len(analyst.dreams) == 1


def forget_dream(database: Database, dream_id: str) -> None:
    database.client.delete_item(TableName=database.names.dreams_table, Key={"user_id": USER_ID, "dream_id": dream_id})


def forget_the_hold(database: Database) -> None:
    """As if ``HOLD_SECONDS`` had passed."""
    for record in records(database):
        database.client.update_item(
            TableName=database.names.guards_table,
            Key={"guard": record["guard"]},
            UpdateExpression="SET held_until = :past",
            ExpressionAttributeValues={":past": 1},
        )


def test_a_dream_that_was_deleted_is_analysed_anew(
    analyze: ModuleType, analyst: FakeAnalyst, emulated: Database
) -> None:
    forget_dream(emulated, tell(analyze).body["dream_id"])
    forget_the_hold(emulated)
    assert [tell(analyze).status for _ in range(2)] == [200, 200]
    assert len(analyst.dreams) == 2


def test_the_record_holds_nothing_personal(analyze: ModuleType, emulated: Database) -> None:
    answer = tell(analyze)
    (record,) = records(emulated)
    text = str(record)
    for secret in (DREAM, answer.body["video_prompt"], KEY["idempotency-key"], USER_ID, answer.body["dream_id"]):
        assert secret not in text
    assert LIFETIME_SECONDS - 60 <= int(record["expires_at"]) - time.time() <= LIFETIME_SECONDS


def _prose(length: int) -> str:
    """English of any length, with the few repetitions that a real text has."""
    words = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text().split()
    return " ".join(words)[:length].strip().ljust(length, ".")


def _noise(first: int, last: int) -> str:
    """The longest dream in a script, every character as likely as any other: nobody's dream is harder to shorten."""
    dice = random.Random(1)
    return "".join(chr(dice.randint(first, last)) for _ in range(MAX_DREAM_LENGTH))


@pytest.mark.parametrize(
    ("text", "units"),
    [
        pytest.param(DREAM, 8, id="short"),
        pytest.param(_prose(1000), 10, id="1,000 characters of English"),
        pytest.param(_prose(MAX_DREAM_LENGTH), 10, id="2,000 characters of English"),
        pytest.param(_noise(0x0410, 0x044F), 11, id="Cyrillic"),
        pytest.param(_noise(0x0905, 0x0939), 11, id="Devanagari"),
        pytest.param(_noise(0x3041, 0x3096), 11, id="Hiragana"),
        pytest.param(_noise(0x4E00, 0x9FFF), 12, id="Chinese"),
        pytest.param(_noise(0x0250, 0xD7FF), 12, id="anything of three bytes at the most"),
        pytest.param(_noise(0x1F300, 0x1FAFF), 12, id="emoji"),
        pytest.param("\U0001f319" * MAX_DREAM_LENGTH, 8, id="one emoji"),
    ],
)
def test_what_an_analysis_costs(
    analyze: ModuleType, analyst: FakeAnalyst, emulated: Database, text: str, units: int
) -> None:
    """At most 12 write units in all, with a key, in a window's first request and in any other: one for the window, one
    for the key, two for the profile's counters, one for each index, and the row twice over, or the text once and the
    rest of the row twice."""
    # GIVEN the longest prompt that is let through
    assert isinstance(analyst.outcome, Analysis)
    analyst.outcome = replace(analyst.outcome, video_prompt=f"POV {_prose(996)}")
    for key in ("first", "second"):
        capacity = Capacity(emulated)
        answer = send(analyze, ANALYZE, {"dream_text": text}, headers={"idempotency-key": key})
        assert answer.status == 200
        assert capacity.write_units <= units
        assert capacity.read_units == 1.5
    (dream_id, _) = {row["dream_id"] for row in dreams_of(emulated)}
    assert DreamRepository(emulated).get(USER_ID, dream_id).dream_text == text


# ---------------------------------------------------------------- POST /dreams/generate-video


class Studio:
    """The function, with an analysis that is there as soon as the execution starts."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch, **settings: int) -> None:
        self.database = database
        self.states = FakeStepFunctions()
        self.settings = VideoServiceSettings(poll_first_wait=1, **settings)
        workflow = VideoWorkflow(MACHINE, cast(Any, self.states))
        start = workflow.start

        def started(job: Any) -> None:
            start(job)
            if job.needs_analysis:
                DreamRepository(database).complete_analysis(
                    job.user_id, job.dream_id, FakeAnalyst().analyze(DREAM), 5, VideoLifecycle(database).get(
                        job.user_id, job.job_id
                    ).created_at
                )  # fmt: skip

        monkeypatch.setattr(workflow, "start", started)
        filming = VideoService(database, workflow, self.settings, sleep=lambda _: None)
        monkeypatch.setattr(VideoService, "shared", lambda: filming)
        self.dreams = load_function("api/dreams")
        self.videos = load_function("api/videos")


@pytest.fixture
def studio(emulated: Database, monkeypatch: pytest.MonkeyPatch) -> Studio:
    return Studio(emulated, monkeypatch)


def test_a_film_is_replayed(studio: Studio, emulated: Database) -> None:
    first = tell(studio.dreams, sample=FILM)
    assert first.status == 200
    assert first.headers["Location"] == f"/api/v1/videos/{first.body['video_generation']['job_id']}"
    # the video goes on meanwhile: the first answer stays what it was
    (video,) = videos_of(emulated)
    VideoLifecycle(emulated).fail(
        USER_ID, str(video["job_id"]), "X", "x", VideoLifecycle(emulated).get(USER_ID, str(video["job_id"])).created_at
    )
    again = tell(studio.dreams, sample=FILM)
    assert lasting(again) == lasting(first)
    assert (len(videos_of(emulated)), len(dreams_of(emulated))) == (1, 1)
    assert len(studio.states.started) == 1
    assert counts(emulated)[0] == 0  # failed without being spent, and the replay took nothing


def test_an_asynchronous_film_is_replayed_as_such(studio: Studio, emulated: Database) -> None:
    first = tell(studio.dreams, sample=FILM, prefer="respond-async")
    again = tell(studio.dreams, sample=FILM)
    assert (first.status, first.headers["Preference-Applied"]) == (202, "respond-async")
    assert lasting(again) == lasting(first)
    assert len(videos_of(emulated)) == 1


def test_a_quota_refusal_stores_nothing(emulated: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(emulated, monkeypatch, free_concurrent_videos=1)
    first = send(studio.dreams, FILM, {"dream_text": DREAM})
    refused = tell(studio.dreams, sample=FILM)
    assert (refused.status, refused.code) == (429, "too_many_running_videos")
    assert refused.headers["Retry-After"] == "30"
    assert records(emulated) == []
    job_id = first.body["video_generation"]["job_id"]
    VideoLifecycle(emulated).fail(USER_ID, job_id, "X", "x", VideoLifecycle(emulated).get(USER_ID, job_id).created_at)
    assert tell(studio.dreams, sample=FILM).status == 200


def test_a_crash_before_the_execution_is_made_good_by_the_next_run(
    studio: Studio, emulated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(VideoWorkflow, "start", None)
        broken.setattr(VideoService, "_start", _power_cut)
        assert tell(studio.dreams, sample=FILM).status == 500
    assert (len(videos_of(emulated)), studio.states.started) == (1, [])
    answer = tell(studio.dreams, sample=FILM)
    assert answer.status == 200
    assert studio.states.started == [answer.body["video_generation"]["job_id"]]
    assert len(videos_of(emulated)) == 1
    assert counts(emulated) == (1, 1, 1)


def _power_cut(*_: object) -> None:
    raise PowerCutError


def test_a_crash_after_the_execution_started_makes_no_second_video(
    studio: Studio, emulated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(VideoService, "wait_for_analysis", _power_cut)
        assert tell(studio.dreams, sample=FILM).status == 500
    answer = send(studio.dreams, FILM, {"dream_text": DREAM}, headers=KEY | {"prefer": "respond-async"})
    assert answer.status == 202
    assert len(videos_of(emulated)) == 1
    assert len(studio.states.executions) == 1
    assert counts(emulated) == (1, 1, 1)


# ---------------------------------------------------------------- POST /videos/generate


def test_a_video_is_replayed(studio: Studio, emulated: Database) -> None:
    dream_id = send(studio.dreams, FILM, {"dream_text": DREAM}).body["dream_analysis"]["dream_id"]
    body = {"dream_id": dream_id, "duration": 7}
    first, again = (send(studio.videos, "post-videos-generate", body, headers=KEY) for _ in range(2))
    assert first.status == 200
    assert lasting(first) == lasting(again)
    assert len(videos_of(emulated)) == 2
    other = send(studio.videos, "post-videos-generate", body | {"duration": 8}, headers=KEY)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_a_video_of_an_unknown_dream_stores_nothing(studio: Studio, emulated: Database) -> None:
    answer = send(studio.videos, "post-videos-generate", headers=KEY)
    assert (answer.status, answer.code) == (404, "dream_not_found")
    assert records(emulated) == []
    assert answer.headers["RateLimit-Policy"] == '"video";q=10;w=60'
