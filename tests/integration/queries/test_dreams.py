"""``/api/v1/dreams`` as API Gateway calls it: pages, totals, one dream, statistics, and consumed read units."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dreamvision.analysis.models import Analysis
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.transactions import Transaction
from dreamvision.schemas.categories import TEMPLATE_NAMES, Category
from dreamvision.users.monthly_stats import expired_counters
from tests.fakes.capacity import Meter, item_bytes
from tests.fakes.http_api import Answer, HttpFunction
from tests.integration.dreams.fixtures import DREAM, LUNA, STELLA, DreamBackend

_PATH = "/api/v1/dreams/{dream_id}"


@pytest.fixture
def dreams(backend: DreamBackend) -> HttpFunction:
    return HttpFunction("api/dreams")


def _list(dreams: HttpFunction, user_id: str = LUNA, **query: object) -> Answer:
    return dreams(user_id, "GET /api/v1/dreams", query={name: str(value) for name, value in query.items()})


def _ids(answer: Answer) -> list[str]:
    assert answer.status == 200
    return [dream["id"] for dream in answer.body["dreams"]]


def _get(dreams: HttpFunction, dream_id: str, user_id: str = LUNA) -> Answer:
    return dreams(user_id, f"GET {_PATH}", dream_id=dream_id)


def _stats(dreams: HttpFunction, user_id: str = LUNA) -> Any:
    answer = dreams(user_id, "GET /api/v1/dreams/stats")
    assert answer.status == 200
    return answer.body


# ---------------------------------------------------------------- pages


def test_an_empty_history(dreams: HttpFunction) -> None:
    expected = {"dreams": [], "total": 0, "page": 1, "limit": 20, "pages": 0, "next_cursor": None}

    assert _list(dreams).body == expected
    assert _list(dreams, page=3).body == expected | {"page": 3}


def test_pages_by_number(backend: DreamBackend, dreams: HttpFunction) -> None:
    backend.analyzed_dream(STELLA)
    made = [backend.analyzed_dream().dream_id for _ in range(5)][::-1]

    pages = [_list(dreams, page=number, limit=2) for number in (1, 2, 3, 4)]

    assert [_ids(page) for page in pages] == [made[:2], made[2:4], made[4:], []]
    assert {(page.body["total"], page.body["pages"], page.body["limit"]) for page in pages} == {(5, 3, 2)}
    assert [page.body["page"] for page in pages] == [1, 2, 3, 4]
    assert [page.body["next_cursor"] is None for page in pages] == [False, False, True, True]


def test_pages_by_cursor(backend: DreamBackend, dreams: HttpFunction) -> None:
    made = [backend.analyzed_dream().dream_id for _ in range(6)][::-1]

    found, number = [], []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = _list(dreams, **query)
        found += _ids(page)
        number.append(page.body["page"])
        query["cursor"] = page.body["next_cursor"]

    assert (found, number) == (made, [1, 2, 3])
    assert query["cursor"] is None


def test_a_numbered_page_has_a_cursor_to_the_next(backend: DreamBackend, dreams: HttpFunction) -> None:
    made = [backend.analyzed_dream().dream_id for _ in range(5)][::-1]

    page = _list(dreams, page=2, limit=2)

    assert _ids(_list(dreams, limit=2, cursor=page.body["next_cursor"])) == made[4:]


def test_new_dreams_do_not_shift_pages_of_a_cursor(backend: DreamBackend, dreams: HttpFunction) -> None:
    made = [backend.analyzed_dream().dream_id for _ in range(4)][::-1]
    cursor = _list(dreams, limit=2).body["next_cursor"]

    backend.analyzed_dream()

    assert _ids(_list(dreams, limit=2, cursor=cursor)) == made[2:]


def test_dreams_are_filtered_by_category(backend: DreamBackend, dreams: HttpFunction) -> None:
    gothic = []
    for _ in range(3):
        backend.analyzed_dream()
        gothic.append(backend.analyzed_dream(category=Category.GOTHIC).dream_id)

    first = _list(dreams, category="gothic", limit=2)
    second = _list(dreams, category="gothic", limit=2, cursor=first.body["next_cursor"])

    assert _ids(first) + _ids(second) == gothic[::-1]
    assert (first.body["total"], first.body["pages"]) == (3, 2)
    assert _ids(_list(dreams, category="gothic", limit=1, page=3)) == gothic[:1]
    assert _list(dreams, category="chase").body["total"] == 0


def test_pages_larger_than_a_megabyte_are_complete(backend: DreamBackend, dreams: HttpFunction) -> None:
    # Eight kilobytes each: a query returns about 120, so that numbered pages beyond that take several queries.
    made = _copies(backend, backend.analyzed_dream(text="\U0001f319" * 2000).dream_id, 150)

    assert _ids(_list(dreams, page=2, limit=100)) == made[100:]
    assert _ids(_list(dreams, page=15, limit=10)) == made[140:]


def _copies(backend: DreamBackend, dream_id: str, count: int) -> list[str]:
    """Copy a dream until there are ``count``, which is faster than creating them.

    Return their ids, the newest first.
    """
    client = backend.database.client
    row = client.get_item(TableName="DreamsTable", Key={"user_id": LUNA, "dream_id": dream_id})["Item"]
    made = sorted([dream_id, *(new_id() for _ in range(count - 1))])
    for each in made:
        client.put_item(TableName="DreamsTable", Item=row | {"dream_id": each})
    write = backend.profiles.count_write(LUNA, utc_now(), dreams=count - 1)
    backend.database.transact_write(Transaction().add("profile", write))
    return made[::-1]


def test_cursors_are_bound_to_user_and_filter(backend: DreamBackend, dreams: HttpFunction) -> None:
    for user_id in (LUNA, STELLA):
        for _ in range(3):
            backend.analyzed_dream(user_id)
    cursor = _list(dreams, limit=1).body["next_cursor"]

    refused = [
        _list(dreams, STELLA, cursor=cursor),
        _list(dreams, cursor=cursor, category="flight"),
        _list(dreams, cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
        _list(dreams, cursor=cursor.lower()),
        _list(dreams, cursor=""),
        _list(dreams, cursor=cursor, page=1),
    ]

    assert [(answer.status, answer.problem) for answer in refused] == [(422, "validation_failed")] * 6
    assert {tuple(answer.body["errors"][0]["loc"]) for answer in refused} == {("query", "cursor")}


@pytest.mark.parametrize(
    "query", [{"page": "0"}, {"page": "x"}, {"limit": "0"}, {"limit": "101"}, {"category": "sleep"}, {"page": "1.5"}]
)
def test_invalid_queries_are_rejected(dreams: HttpFunction, query: dict[str, str]) -> None:
    answer = _list(dreams, **query)

    assert (answer.status, answer.problem) == (422, "validation_failed")


# ---------------------------------------------------------------- consumed read units


def test_the_first_page_costs_one_query_and_one_read_besides_the_session(
    backend: DreamBackend, dreams: HttpFunction
) -> None:
    for _ in range(25):
        backend.analyzed_dream()
    meter = Meter(backend.database)

    assert len(_ids(_list(dreams))) == 20

    assert [(call.operation, call.table) for call in meter.calls] == [
        ("GetItem", "GuardsTable"),
        ("Query", "DreamsTable"),
        ("GetItem", "ProfilesTable"),
    ]


def test_a_page_of_long_texts_or_of_a_category_costs_the_same(backend: DreamBackend, dreams: HttpFunction) -> None:
    chinese = [chr(0x4E00 + 17 * number % 20_000) for number in range(2000)]
    texts = ["".join(chinese[turn:] + chinese[:turn]) for turn in range(3)]
    for text in texts:
        backend.analyzed_dream(text=text)
    meter = Meter(backend.database)

    assert [dream["dream_text"] for dream in _list(dreams).body["dreams"]] == texts[::-1]
    assert meter.operations == ["GetItem", "Query", "BatchGetItem"]

    backend.analyzed_dream(category=Category.GOTHIC)
    meter.forget()
    assert [dream["dream_text"] for dream in _list(dreams, category="gothic").body["dreams"]] == [DREAM]
    assert meter.operations == ["GetItem", "Query", "BatchGetItem"]
    body = _list(dreams, category="flight", limit=2).body
    assert ([dream["dream_text"] for dream in body["dreams"]], body["total"]) == (texts[:0:-1], 3)
    assert _get(dreams, body["dreams"][0]["id"]).body["dream_text"] == texts[2]


def test_every_page_by_cursor_costs_the_same(backend: DreamBackend, dreams: HttpFunction) -> None:
    for _ in range(60):
        backend.analyzed_dream()
    costs = []
    cursor = None
    for _ in range(5):
        meter = Meter(backend.database)
        page = _list(dreams, limit=10, **({"cursor": cursor} if cursor else {}))
        costs.append((meter.operations, meter.read_units))
        cursor = page.body["next_cursor"]

    assert costs == [costs[0]] * 5


# ---------------------------------------------------------------- one dream


def test_a_dream_with_its_latest_video(backend: DreamBackend, dreams: HttpFunction) -> None:
    dream = backend.analyzed_dream()
    backend.completed_video(dream)
    latest = backend.processing_video(dream)

    body = _get(dreams, dream.dream_id).body

    assert (body["id"], body["dream_text"], body["category"]) == (dream.dream_id, DREAM, "flight")
    assert (body["job_id"], body["video_status"]) == (latest.job_id, "processing")
    assert (body["video"]["job_id"], body["video"]["status"]) == (latest.job_id, "processing")
    assert body["video_url"] is None


def test_a_dream_without_a_video(backend: DreamBackend, dreams: HttpFunction) -> None:
    body = _get(dreams, backend.analyzed_dream().dream_id).body

    assert (body["job_id"], body["video"]) == (None, None)


def test_a_pending_dream_is_in_the_history(backend: DreamBackend, dreams: HttpFunction) -> None:
    video = backend.pending_video()

    assert _ids(_list(dreams)) == [video.dream_id]
    body = _get(dreams, video.dream_id).body
    assert (body["analysis_status"], body["category"], body["video"]["status"]) == ("pending", None, "pending")


def test_another_users_dream_and_an_unknown_one_are_indistinguishable(
    backend: DreamBackend, dreams: HttpFunction
) -> None:
    theirs, unknown = _get(dreams, backend.analyzed_dream().dream_id, STELLA), _get(dreams, new_id(), STELLA)

    assert (theirs.status, theirs.problem) == (404, "dream_not_found")
    assert {**theirs.body, "request_id": ...} == {**unknown.body, "request_id": ...}


# ---------------------------------------------------------------- statistics


def test_stats_of_a_new_user_are_zero(dreams: HttpFunction) -> None:
    body = _stats(dreams)

    assert (body["dreams_count"], body["videos_count"], len(body["by_month"])) == (0, 0, 12)
    assert body["token_usage"] == {"input": 0, "output": 0}
    assert body["estimated_cost_usd"] == {"analyses": 0, "videos": 0, "total": 0}


@pytest.mark.usefixtures("noon")
def test_stats_cost_one_read(backend: DreamBackend, dreams: HttpFunction) -> None:
    # GIVEN three analyses of 800 and 140 tokens at 2 and 10 dollars per million, and a video of 60 credits
    backend.pending_video()
    flight = backend.analyzed_dream()
    backend.analyzed_dream(category=Category.GOTHIC)
    backend.analyzed_dream(category=Category.GOTHIC)
    backend.completed_video(flight)
    backend.failed_video(flight)
    meter = Meter(backend.database)

    body = _stats(dreams)

    assert meter.operations == ["GetItem", "GetItem"]
    assert (body["dreams_count"], body["videos_count"]) == (4, 1)
    assert body["by_category"] == {
        "gothic": 2, "chase": 0, "flight": 1, "transformation": 0, "physics": 0, "liminal": 0,
    }  # fmt: skip
    assert body["token_usage"] == {"input": 2400, "output": 420}
    assert body["estimated_cost_usd"] == {"analyses": 0.009, "videos": 0.6, "total": 0.609}
    this_month = utc_now().strftime("%Y-%m")
    assert body["by_month"][0] == {"month": this_month, "dreams": 4, "videos": 1, "estimated_cost_usd": 0.609}
    assert all((month["dreams"], month["videos"]) == (0, 0) for month in body["by_month"][1:])


def test_an_analysis_in_a_workflow_counts_once(backend: DreamBackend, dreams: HttpFunction) -> None:
    video = backend.pending_video()
    analysis = Analysis(Category.CHASE, "CHASE", 0.9, "POV running", 1000, 100, "claude-sonnet-5-5-20261001")

    for _ in range(2):
        backend.dreams.complete_analysis(LUNA, video.dream_id, analysis, 900, utc_now())

    body = _stats(dreams)
    assert (body["dreams_count"], body["by_category"]["chase"]) == (1, 1)
    assert (body["token_usage"], body["estimated_cost_usd"]["total"]) == ({"input": 1000, "output": 100}, 0.003)


@pytest.mark.usefixtures("noon")
def test_monthly_counters_expire(backend: DreamBackend, dreams: HttpFunction) -> None:
    # GIVEN a dream in each of the last fourteen months
    now = utc_now()
    months = [(now.year * 12 + now.month - 1 - back) for back in range(14)]
    for number in reversed(months):
        backend.analyzed_dream(now=datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC))

    body = _stats(dreams)

    assert body["dreams_count"] == 14
    assert [month["month"] for month in body["by_month"]] == [
        f"{number // 12:04d}-{number % 12 + 1:02d}" for number in months[:12]
    ]
    assert [month["dreams"] for month in body["by_month"]] == [1] * 12
    # AND older months are removed
    item = backend.database.client.get_item(TableName="ProfilesTable", Key={"user_id": LUNA})["Item"]
    assert not set(item) & set(expired_counters(now))


def test_a_model_without_a_price_counts_tokens_only(backend: DreamBackend, dreams: HttpFunction) -> None:
    analysis = Analysis(Category.CHASE, TEMPLATE_NAMES[Category.CHASE], 0.9, "POV running", 10, 5, "claude-unheard-of")
    backend.dreams.add_analyzed(LUNA, new_id(), DREAM, analysis, 900, utc_now())

    body = _stats(dreams)

    assert (body["token_usage"], body["estimated_cost_usd"]["total"]) == ({"input": 10, "output": 5}, 0)


def test_a_busy_year_keeps_the_profile_below_a_kilobyte(backend: DreamBackend) -> None:
    """Every further kilobyte would cost every dream two more write units."""
    reservation = backend.usernames.reserve("x" * 30, utc_now())
    backend.usernames.assign(LUNA, f"{'x' * 48}@example.com", reservation, utc_now())
    now = utc_now()
    for back in range(12):
        moment = now - timedelta(days=30 * back)
        for category in Category:
            backend.analyzed_dream(category=category, now=moment)
    numbers: dict[str, Any] = backend.database.client.get_item(TableName="ProfilesTable", Key={"user_id": LUNA})["Item"]
    full = {name: 999_999 if isinstance(value, (int, float)) or hasattr(value, "quantize") else value
            for name, value in numbers.items()}  # fmt: skip
    full |= {f"v{name[1:]}": 999_999 for name in numbers if name.startswith("n2")}

    assert item_bytes(full) < 1024
