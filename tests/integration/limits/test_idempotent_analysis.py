"""``Idempotency-Key`` on ``POST /dreams/analyze``, and what an analysis costs with one."""

import random
import time
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from dreamvision.analysis.errors import ClaudeOverloadedError, DreamRefusedError
from dreamvision.analysis.models import Analysis
from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.idempotency import (
    LIFETIME_SECONDS,
    Idempotency,
    RequestInProgressError,
)
from dreamvision.limits.repository import LimitsRepository
from dreamvision.schemas.dreams import MAX_DREAM_LENGTH, DreamAnalysisRequest
from dreamvision.schemas.lengths import MAX_TITLE_LENGTH
from dreamvision.users.repository import ProfileRepository
from tests.conftest import REPOSITORY
from tests.fakes.aws import Capacity
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.gateway import USER_ID, send
from tests.integration.limits.fixtures import (
    ANALYZE,
    DREAM,
    KEY,
    PowerCutError,
    delete_dream,
    dreams_of,
    expire_hold,
    post,
    request_records,
    without_countdown,
)
from tests.integration.ministack import guard_items


def test_an_analysis_is_replayed(analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database) -> None:
    first = post(analyze)
    again = post(analyze, f"  {DREAM}\n")  # the same text after trimming
    assert first.status == 200
    assert without_countdown(again) == without_countdown(first)
    assert len(analyzer.dreams) == 1
    assert len(dreams_of(ministack)) == 1


def test_a_replay_counts_against_the_rate_limit(analyze: ModuleType) -> None:
    answers = [post(analyze) for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]


def test_another_dream_with_the_same_key_is_rejected(analyze: ModuleType, ministack: Database) -> None:
    post(analyze)
    answer = post(analyze, "Somebody chased me through an endless house")
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert len(dreams_of(ministack)) == 1


@pytest.mark.parametrize("key", ["", "a b", "ä", "\x7f", "k" * 256, "tab\tkey"])
def test_malformed_keys_are_rejected(analyze: ModuleType, ministack: Database, key: str) -> None:
    answer = send(analyze, ANALYZE, {"dream_text": DREAM}, headers={"idempotency-key": key})
    assert (answer.status, answer.code) == (422, "validation_failed")
    (row,) = answer.body["errors"]
    assert [part.lower() for part in row["loc"]] == ["header", "idempotency-key"]
    assert guard_items(ministack) == {}


@pytest.mark.parametrize("key", ["a", "k" * 255, '"quoted"', "!~,;:="])
def test_any_visible_ascii_text_is_a_valid_key(analyze: ModuleType, key: str) -> None:
    answers = [send(analyze, ANALYZE, {"dream_text": DREAM}, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert answers[0].status == 200
    assert answers[0].body == answers[1].body


@pytest.mark.parametrize("error", [DreamRefusedError(), ClaudeOverloadedError()], ids=["4xx", "5xx"])
def test_a_failed_analysis_can_be_retried_with_the_same_key(
    analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database, error: Any
) -> None:
    works, analyzer.outcome = analyzer.outcome, error
    assert post(analyze).status in (422, 503)
    assert request_records(ministack) == []
    analyzer.outcome = works
    assert post(analyze, "Another dream, since the first one was refused").status == 200


def test_a_second_request_is_rejected_while_the_first_runs(
    analyze: ModuleType, ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a second request with the same key while the first waits for Claude
    body = DreamAnalysisRequest(dream_text=DREAM).model_dump_json()

    class Slow(FakeAnalyzer):
        def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Any:
            with pytest.raises(RequestInProgressError):
                Idempotency(LimitsRepository(ministack)).claim(USER_ID, "analyze", KEY["idempotency-key"], body)
            return super().analyze(dream_text, budget_seconds=budget_seconds)

    slow = Slow()
    monkeypatch.setattr(analyze, "configured_analyzer", lambda: slow)
    assert post(analyze).status == 200
    assert len(slow.dreams) == 1


def test_a_request_in_progress_is_a_409_with_retry_after(analyze: ModuleType, ministack: Database) -> None:
    # GIVEN a request that started within the last seconds and has no dream yet
    delete_dream(ministack, post(analyze).body["dream_id"])
    answer = post(analyze)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (409, "request_in_progress", "2")


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after the hold"])
def test_a_retry_after_a_crash_does_not_call_claude_again(
    analyze: ModuleType,
    analyzer: FakeAnalyzer,
    ministack: Database,
    monkeypatch: pytest.MonkeyPatch,
    later: bool,
) -> None:
    # GIVEN a request that stored its dream and crashed before responding
    def broken(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as power_cut:
        power_cut.setattr(Idempotency, "complete", broken)
        assert post(analyze).status == 500
    if later:
        expire_hold(ministack)
    # WHEN it is repeated
    answer = post(analyze)
    # THEN the response is its dream
    assert answer.status == 200
    assert [row["dream_id"] for row in dreams_of(ministack)] == [answer.body["dream_id"]]
    assert len(analyzer.dreams) == 1


def test_a_deleted_dream_is_analyzed_again(analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database) -> None:
    delete_dream(ministack, post(analyze).body["dream_id"])
    expire_hold(ministack)
    assert [post(analyze).status for _ in range(2)] == [200, 200]
    assert len(analyzer.dreams) == 2


def test_the_record_contains_nothing_personal(analyze: ModuleType, ministack: Database) -> None:
    answer = post(analyze)
    (record,) = request_records(ministack)
    text = str(record)
    for secret in (DREAM, answer.body["video_prompt"], KEY["idempotency-key"], USER_ID, answer.body["dream_id"]):
        assert secret not in text
    assert LIFETIME_SECONDS - 60 <= int(record["expires_at"]) - time.time() <= LIFETIME_SECONDS


def _prose(length: int) -> str:
    """Return English text of this length that compresses as real text does."""
    words = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text().split()
    return " ".join(words)[:length].strip().ljust(length, ".")


def _noise(first: int, last: int) -> str:
    """Return the longest dream with uniformly random characters of a range: the worst case for compression."""
    dice = random.Random(1)
    return "".join(chr(dice.randint(first, last)) for _ in range(MAX_DREAM_LENGTH))


@pytest.mark.parametrize(
    ("text", "units"),
    [
        pytest.param(DREAM, 12, id="short"),
        pytest.param(_prose(1000), 14, id="1,000 characters of English"),
        pytest.param(_prose(MAX_DREAM_LENGTH), 14, id="2,000 characters of English"),
        pytest.param(_noise(0x0410, 0x044F), 13, id="Cyrillic"),
        pytest.param(_noise(0x0905, 0x0939), 13, id="Devanagari"),
        pytest.param(_noise(0x3041, 0x3096), 13, id="Hiragana"),
        pytest.param(_noise(0x4E00, 0x9FFF), 14, id="Chinese"),
        pytest.param(_noise(0x0250, 0xD7FF), 14, id="anything of three bytes at the most"),
        pytest.param(_noise(0x1F300, 0x1FAFF), 14, id="emoji"),
        pytest.param("\U0001f319" * MAX_DREAM_LENGTH, 12, id="one emoji"),
    ],
)
def test_an_analysis_stays_within_its_write_units(
    analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database, text: str, units: int
) -> None:
    """At most 14 write units with a key, in a window's first request and in later ones: one for the window, one for the
    key, one each for the user's and the service's count of analyses, two for the profile's counters, one for each
    index, and two for each kilobyte of the row; then two for the service's counter of costs, or one for each kilobyte
    of a separate text.
    """
    # GIVEN the longest valid prompt
    assert isinstance(analyzer.outcome, Analysis)
    analyzer.outcome = replace(analyzer.outcome, video_prompt=f"POV {_prose(996)}")
    for key in ("first", "second"):
        capacity = Capacity(ministack)
        answer = send(analyze, ANALYZE, {"dream_text": text}, headers={"idempotency-key": key})
        assert answer.status == 200
        assert capacity.write_units <= units
        assert capacity.read_units == 1.5
    (dream_id, _) = {row["dream_id"] for row in dreams_of(ministack)}
    assert DreamRepository(ministack).get(USER_ID, dream_id).dream_text == text


def test_no_text_is_left_of_a_long_dream_of_an_account_being_erased(analyze: ModuleType, ministack: Database) -> None:
    # GIVEN an account whose erasure began while Claude analyzed its dream
    assert post(analyze).status == 200
    before = dreams_of(ministack)
    ProfileRepository(ministack).mark_erasing(USER_ID, utc_now())
    # WHEN a dream is stored whose text is too long for its row
    answer = send(analyze, ANALYZE, {"dream_text": _noise(0x4E00, 0x9FFF)})
    # THEN neither the row nor the text is left
    assert answer.status == 401
    assert dreams_of(ministack) == before


@pytest.mark.parametrize(
    ("text", "units"),
    [
        pytest.param(DREAM, 14, id="short"),
        pytest.param(_prose(MAX_DREAM_LENGTH), 16, id="English"),
        pytest.param(_noise(0x4E00, 0x9FFF), 16, id="Chinese"),
    ],
)
def test_the_longest_title_adds_at_most_a_kilobyte_to_the_row(
    analyze: ModuleType, analyzer: FakeAnalyzer, ministack: Database, text: str, units: int
) -> None:
    assert isinstance(analyzer.outcome, Analysis)
    title = _noise(0x4E00, 0x9FFF)[:MAX_TITLE_LENGTH]
    analyzer.outcome = replace(analyzer.outcome, video_prompt=f"POV {_prose(996)}", title=title)
    capacity = Capacity(ministack)
    answer = send(analyze, ANALYZE, {"dream_text": text}, headers={"idempotency-key": "key"})
    assert answer.status == 200
    assert DreamRepository(ministack).get(USER_ID, answer.body["dream_id"]).title == title
    assert capacity.write_units <= units
