"""The rows of dreams: bounds of lists, and conditions under which a row is not changed."""

from datetime import timedelta
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.transactions import TransactionRefusedError
from dreamvision.dreams.repository import DreamNotFoundError
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.users.repository import AccountErasedError
from dreamvision.videos.models import DreamNotAnalyzedError
from tests.fakes.claude import FakeAnalyzer
from tests.integration.dreams.fixtures import DREAM, LUNA, STELLA, DreamBackend

LONG_TEXT = "".join(chr(0x4E00 + 17 * number % 20_000) for number in range(2000))


def _rows(backend: DreamBackend) -> list[dict[str, Any]]:
    names = backend.database.names
    tables = (names.profiles_table, names.dreams_table, names.guards_table)
    return [item for table in tables for item in backend.database.client.scan(TableName=table)["Items"]]


def test_dreams_analyzed_at_or_after_a_moment(backend: DreamBackend) -> None:
    dream = backend.analyzed_dream()
    analyzed_at = dream.created_at + timedelta(milliseconds=1200)
    assert [found.dream_id for found in backend.dreams.analyzed_since(LUNA, analyzed_at, 5)] == [dream.dream_id]
    assert backend.dreams.analyzed_since(LUNA, analyzed_at + timedelta(milliseconds=1), 5) == []
    assert backend.dreams.analyzed_since(STELLA, analyzed_at, 5) == []


@pytest.mark.parametrize("text", [DREAM, LONG_TEXT], ids=["in the row", "separate"])
def test_nothing_of_a_dream_is_stored_for_an_account_being_erased(backend: DreamBackend, text: str) -> None:
    backend.analyzed_dream()
    backend.profiles.mark_erasing(LUNA, utc_now())
    before = _rows(backend)
    with pytest.raises(AccountErasedError):
        backend.analyzed_dream(text=text)
    assert _rows(backend) == before


def test_the_analysis_of_an_account_being_erased_is_not_stored(backend: DreamBackend) -> None:
    video = backend.pending_video()
    backend.profiles.mark_erasing(LUNA, utc_now())
    before = _rows(backend)
    with pytest.raises(AccountErasedError):
        backend.dreams.complete_analysis(LUNA, video.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    assert _rows(backend) == before


def test_an_analysis_that_failed_is_neither_completed_nor_counted(backend: DreamBackend) -> None:
    video = backend.pending_video()
    backend.videos.fail(LUNA, video.job_id, "DreamRefusedError", "No.", utc_now())
    before = _rows(backend)
    with pytest.raises(TransactionRefusedError):
        backend.dreams.complete_analysis(LUNA, video.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    assert _rows(backend) == before


def test_an_analysis_is_completed_once_whatever_comes_second(backend: DreamBackend) -> None:
    video = backend.pending_video()
    backend.dreams.complete_analysis(LUNA, video.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    before = _rows(backend)
    backend.dreams.complete_analysis(LUNA, video.dream_id, FakeAnalyzer().analyze(DREAM), 9, utc_now())
    backend.videos.fail_pending_analysis(video, "UnexpectedError")
    assert _rows(backend) == before
    assert backend.profile().dreams_by_category[Category.FLIGHT] == 1


@pytest.mark.parametrize("failed", [False, True])
def test_only_an_analyzed_dream_gets_another_video(backend: DreamBackend, failed: bool) -> None:
    video = backend.pending_video()
    if failed:
        backend.videos.fail(LUNA, video.job_id, "DreamRefusedError", "No.", utc_now())
    with pytest.raises(DreamNotAnalyzedError):
        backend.videos.add(LUNA, new_id(), video.dream_id, 5, utc_now())
    status = backend.dreams.get(LUNA, video.dream_id).analysis_status
    assert status is (AnalysisStatus.FAILED if failed else AnalysisStatus.PENDING)


def test_an_upload_of_a_missing_dream_creates_no_row(backend: DreamBackend) -> None:
    with pytest.raises(DreamNotFoundError):
        backend.dreams.announce_upload(LUNA, new_id(), new_id(), "token")
    assert _rows(backend) == []


@pytest.mark.parametrize("change", ["another announced", "attached before", "rejected before"])
def test_only_the_pending_upload_is_finished(backend: DreamBackend, change: str) -> None:
    dream = backend.analyzed_dream()
    backend.dreams.announce_upload(LUNA, dream.dream_id, "first", "token")
    announced = backend.dreams.get(LUNA, dream.dream_id)
    if change == "another announced":
        backend.dreams.announce_upload(LUNA, dream.dream_id, "second", "token")
    elif change == "attached before":
        assert backend.dreams.attach_image(announced, "thumbnails/a/first.jpg")
    else:
        assert backend.dreams.reject_upload(announced, "ImageMalformedError")
    before = _rows(backend)
    assert not backend.dreams.attach_image(announced, "thumbnails/b/late.jpg")
    assert not backend.dreams.reject_upload(announced, "ImageTooLargeError")
    assert _rows(backend) == before
