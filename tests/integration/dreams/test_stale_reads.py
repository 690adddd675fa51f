"""Dreams when every eventually consistent read misses the latest writes: each test needs a consistent one."""

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.transactions import TransactionRefusedError
from dreamvision.dreams.pages import DreamPages
from dreamvision.dreams.service import analyze_and_store, analyze_pending
from dreamvision.dreams.uploads import Uploads
from dreamvision.media.models import ReencodedImage
from dreamvision.schemas.categories import Category
from dreamvision.schemas.uploads import ImageType, UploadStatus
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.stale_replica import StaleReplica
from tests.integration.dreams.fixtures import DREAM, LUNA, DreamBackend

LONG_TEXT = "".join(chr(0x4E00 + 17 * number % 20_000) for number in range(2000))
"""Too many different characters to be stored in the dream's row."""


pytestmark = pytest.mark.usefixtures("replica")


# ---------------------------------------------------------------- reads


def test_a_new_dream_is_read_with_its_text(backend: DreamBackend, replica: StaleReplica) -> None:
    dream = backend.analyzed_dream(text=LONG_TEXT)
    assert backend.dreams.get(LUNA, dream.dream_id, consistent=True).dream_text == LONG_TEXT
    assert backend.dreams.exists(LUNA, dream.dream_id)
    assert backend.dreams.first_page_ids(LUNA, 10) == [dream.dream_id]
    assert [found.dream_id for found in backend.dreams.analyzed_since(LUNA, dream.created_at, 10)] == [dream.dream_id]


def test_a_stale_row_is_not_read_with_a_newer_text(backend: DreamBackend, replica: StaleReplica) -> None:
    """The row may be older than the client's last read. Its text never is: it is written before, and never changes."""
    dream = backend.analyzed_dream(text=LONG_TEXT)
    text = {"user_id": f"text#{LUNA}", "dream_id": dream.dream_id}
    stored = backend.database.client.get_item(TableName="DreamsTable", Key=text, ConsistentRead=True)["Item"]
    backend.database.client.delete_item(TableName="DreamsTable", Key=text)
    replica.catch_up()
    backend.database.client.put_item(TableName="DreamsTable", Item=stored)
    assert backend.dreams.get(LUNA, dream.dream_id).dream_text == LONG_TEXT


def test_a_page_contains_the_latest_dream_and_its_count(backend: DreamBackend) -> None:
    dream = backend.analyzed_dream()
    page, profile = DreamPages(backend.database).page(LUNA, limit=10)
    assert page.dreams == [dream]
    assert profile.dreams_count == 1


def test_a_page_of_a_category_has_the_latest_rows_and_texts(backend: DreamBackend, replica: StaleReplica) -> None:
    """Its index may lag, but what it names is read consistently."""
    dream = backend.analyzed_dream(text=LONG_TEXT)
    replica.catch_up()
    video = backend.queued_video(dream)
    page, profile = DreamPages(backend.database).page(LUNA, limit=10, category=Category.FLIGHT)
    assert [found.latest_job_id for found in page.dreams] == [video.job_id]
    assert page.dreams[0].dream_text == LONG_TEXT
    assert profile.dreams_count == 1


def test_queries_show_the_latest_state(backend: DreamBackend) -> None:
    queries = backend.dream_queries
    dreams = [backend.analyzed_dream() for _ in range(2)]
    assert queries.dream(LUNA, dreams[0].dream_id).id == dreams[0].dream_id
    assert queries.statistics(LUNA).dreams_count == 2
    second_page = queries.page(LUNA, page=2, limit=1, category=None, cursor=None)
    assert ([dream.id for dream in second_page.dreams], second_page.total) == ([dreams[0].dream_id], 2)


# ---------------------------------------------------------------- analyses


def test_the_analysis_finds_the_dream_of_the_request(backend: DreamBackend) -> None:
    video = backend.pending_video()
    analyzer = FakeAnalyzer()
    for _ in range(2):
        analyze_pending(LUNA, video.dream_id, analyzer, backend.dreams)
    assert analyzer.dreams == [DREAM]


def test_an_analysis_stored_by_another_run_is_kept(backend: DreamBackend, replica: StaleReplica) -> None:
    video = backend.pending_video()
    replica.catch_up()
    for _ in range(2):
        backend.dreams.complete_analysis(LUNA, video.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    assert backend.profile().dreams_by_category[Category.FLIGHT] == 1


def test_a_resumed_request_finds_the_dream_of_the_interrupted_one(backend: DreamBackend) -> None:
    analyzer, dream_id = FakeAnalyzer(), new_id()
    dreams = [
        analyze_and_store(LUNA, DREAM, analyzer, backend.dreams, budget_seconds=5, dream_id=dream_id, resumed=resumed)
        for resumed in (False, True)
    ]
    assert dreams[0] == dreams[1]
    assert len(analyzer.dreams) == 1


# ---------------------------------------------------------------- uploads


def test_an_image_sent_just_after_its_form_is_attached(backend: DreamBackend, replica: StaleReplica) -> None:
    dream = backend.analyzed_dream()
    replica.catch_up()
    uploads = Uploads(backend.database, backend.store)
    key = uploads.announce(LUNA, dream.dream_id, ImageType.JPEG).fields["key"]
    backend.media.put_object(Bucket="media-for-tests", Key=key, Body=b"image")
    assert uploads.receive(key, lambda data, _: ReencodedImage(data, 64, 64), "01") is UploadStatus.ATTACHED


def test_a_dream_is_never_replaced(backend: DreamBackend) -> None:
    """Two runs of one request, both of which have an analysis: the first one's stays, and is counted once."""
    dream_id, analysis = new_id(), FakeAnalyzer().analyze(DREAM)
    first = backend.dreams.add_analyzed(LUNA, dream_id, DREAM, analysis, 5, utc_now())
    with pytest.raises(TransactionRefusedError):
        backend.dreams.add_analyzed(LUNA, dream_id, "Another text of a dream", analysis, 5, utc_now())
    assert backend.dreams.get(LUNA, dream_id, consistent=True) == first
    assert backend.profile().dreams_count == 1
