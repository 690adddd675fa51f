"""Shape, prompt and seed of a video: given with its request, kept with it, and passed to the renderer."""

from typing import Any

import pytest

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.dreams.models import DreamRecord
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.schemas.lengths import MAX_TITLE_LENGTH
from dreamvision.videos.models import VideoOptions, VideoRecord
from dreamvision.videos.render import start_render
from dreamvision.videos.service import VideoService, VideoServiceSettings
from tests.fakes.claude import GOOD_PROMPT, GOOD_TITLE, FakeAnalyzer
from tests.fakes.http_api import Answer, HttpFunction
from tests.integration.dreams.fixtures import DREAM, LUNA, DreamBackend

OTHER_PROMPT = GOOD_PROMPT.replace("moonlit", "sunlit")


@pytest.fixture
def videos(backend: DreamBackend) -> HttpFunction:
    return HttpFunction("api/videos")


@pytest.fixture
def dreams(backend: DreamBackend) -> HttpFunction:
    return HttpFunction("api/dreams")


@pytest.fixture
def dream(backend: DreamBackend) -> DreamRecord:
    return backend.dreams.add_analyzed(LUNA, new_id(), DREAM, FakeAnalyzer().analyze(DREAM), 1200, utc_now())


def generate(videos: HttpFunction, dream: DreamRecord, **fields: Any) -> Answer:
    body = {"dream_id": dream.dream_id, "duration": 5, **fields}
    return videos(LUNA, "POST /api/v1/videos/generate", body=body)


def shown(videos: HttpFunction, job_id: str) -> dict[str, Any]:
    answer = videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=job_id)
    assert answer.status == 200
    found: dict[str, Any] = answer.body
    return found


def shown_dream(dreams: HttpFunction, dream_id: str) -> dict[str, Any]:
    answer = dreams(LUNA, "GET /api/v1/dreams/{dream_id}", dream_id=dream_id)
    assert answer.status == 200
    found: dict[str, Any] = answer.body
    return found


def render(backend: DreamBackend, job_id: str) -> None:
    start_render(LUNA, job_id, backend.renderer, backend.dreams, backend.videos)


def test_another_prompt_seed_and_shape_are_rendered_and_kept(
    backend: DreamBackend, videos: HttpFunction, dreams: HttpFunction, dream: DreamRecord
) -> None:
    # GIVEN a video as the analysis has it
    first = shown(videos, generate(videos, dream).body["job_id"])
    render(backend, first["job_id"])

    # WHEN the same dream is tried again, differently
    fields = {"aspect_ratio": "9:16", "seed": 0, "video_prompt": f"  {OTHER_PROMPT}\n"}
    before = shown(videos, generate(videos, dream, **fields).body["job_id"])
    assert (before["aspect_ratio"], before["seed"]) == ("9:16", 0)
    render(backend, before["job_id"])

    # THEN the renderer got both, and each video keeps what it was made with
    assert [prompt for prompt, _ in backend.renderer.started] == [GOOD_PROMPT, OTHER_PROMPT]
    assert backend.renderer.shapes == [(AspectRatio.LANDSCAPE, first["seed"]), (AspectRatio.PORTRAIT, 0)]
    made_with = ("aspect_ratio", "seed", "video_prompt")
    kept = [tuple(shown(videos, each)[name] for name in made_with) for each in (first["job_id"], before["job_id"])]
    assert kept == [("16:9", first["seed"], GOOD_PROMPT), ("9:16", 0, OTHER_PROMPT)]
    assert before["video_prompt"] == OTHER_PROMPT
    # AND the dream has its own prompt, and the shape of its latest video
    found = shown_dream(dreams, dream.dream_id)
    assert (found["video_prompt"], found["aspect_ratio"], found["title"]) == (GOOD_PROMPT, "9:16", GOOD_TITLE)
    assert found["video"]["video_prompt"] == OTHER_PROMPT
    listed = dreams(LUNA, "GET /api/v1/dreams", query={}).body["dreams"]
    assert [(each["title"], each["aspect_ratio"]) for each in listed] == [(GOOD_TITLE, "9:16")]


def test_the_prompt_of_the_dream_is_shown_once_it_is_used(
    backend: DreamBackend, videos: HttpFunction, dream: DreamRecord
) -> None:
    job_id = generate(videos, dream).body["job_id"]
    assert shown(videos, job_id)["video_prompt"] is None
    render(backend, job_id)
    assert shown(videos, job_id)["video_prompt"] == GOOD_PROMPT


def test_a_video_without_a_seed_gets_a_random_one(videos: HttpFunction, dream: DreamRecord) -> None:
    seeds = [shown(videos, generate(videos, dream).body["job_id"])["seed"] for _ in range(2)]
    assert len(set(seeds)) == 2
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize("seed", [0, 5.0, 4_294_967_295])
def test_the_whole_range_of_seeds_is_accepted(videos: HttpFunction, dream: DreamRecord, seed: float) -> None:
    answer = generate(videos, dream, seed=seed)
    assert answer.status == 200
    assert shown(videos, answer.body["job_id"])["seed"] == int(seed)


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": -1},
        {"seed": 4_294_967_296},
        {"seed": 1.5},
        {"seed": "1"},
        {"seed": True},
        {"aspect_ratio": "1:1"},
        {"aspect_ratio": "720:1280"},
        {"aspect_ratio": 1.7},
        {"video_prompt": 5},
    ],
)
def test_other_values_are_refused(
    backend: DreamBackend, videos: HttpFunction, dream: DreamRecord, fields: dict[str, Any]
) -> None:
    answer = generate(videos, dream, **fields)
    assert answer.status == 422
    assert {error["loc"][1] for error in answer.body["errors"]} == fields.keys()
    assert backend.videos.page(LUNA, limit=1).videos == []


@pytest.mark.parametrize(
    ("prompt", "codes"),
    [
        (OTHER_PROMPT.replace("POV", "A"), ["no_pov_start"]),
        ("POV glide", ["too_short"]),
        ("", ["no_pov_start", "too_short"]),
        (f"{OTHER_PROMPT} {'x' * 900}", ["too_long"]),
        (f"{OTHER_PROMPT} {'word ' * 150}", ["too_many_words"]),
        (f"{OTHER_PROMPT} Cut to a beach.", ["several_scenes"]),
        (f"{OTHER_PROMPT}\nMore.", ["several_lines"]),
        (f"{OTHER_PROMPT} [detail]", ["unfilled_placeholder"]),
        (f"{OTHER_PROMPT} \x07", ["control_characters"]),
    ],
)
def test_a_prompt_that_breaks_rules_is_refused_by_their_names(
    backend: DreamBackend, videos: HttpFunction, dream: DreamRecord, prompt: str, codes: list[str]
) -> None:
    answer = generate(videos, dream, video_prompt=prompt)
    assert (answer.status, answer.body["type"]) == (422, "urn:dreamvision:problem:validation_failed")
    assert [error["code"] for error in answer.body["errors"]] == codes
    assert all(error["loc"] == ["body", "video_prompt"] and error["msg"] for error in answer.body["errors"])
    assert backend.videos.page(LUNA, limit=1).videos == []


def test_the_default_shape_is_a_setting(backend: DreamBackend, dream: DreamRecord) -> None:
    settings = VideoServiceSettings(
        poll_first_wait=20, free_concurrent_videos=3, default_aspect_ratio=AspectRatio.PORTRAIT
    )
    service = VideoService(backend.database, backend.workflow, settings)
    videos = [
        service.create_with_dream(LUNA, DREAM, 5).video,
        service.create(LUNA, dream.dream_id, 5),
        service.create(LUNA, dream.dream_id, 5, VideoOptions(aspect_ratio=AspectRatio.LANDSCAPE)),
    ]
    assert [video.aspect_ratio for video in videos] == ["9:16", "9:16", "16:9"]


def _strip(backend: DreamBackend, table: str, key: dict[str, str], names: list[str]) -> None:
    """Remove attributes from a row, as it was stored before they existed."""
    expression = f"REMOVE {', '.join(names)}"
    backend.database.client.update_item(TableName=table, Key=key, UpdateExpression=expression)


def test_rows_from_before_are_landscape_and_named_by_their_beginning(
    backend: DreamBackend, videos: HttpFunction, dreams: HttpFunction, dream: DreamRecord
) -> None:
    video = backend.completed_video(dream)
    tables = backend.database.names
    _strip(backend, tables.videos_table, {"user_id": LUNA, "job_id": video.job_id}, ["aspect_ratio", "seed"])
    _strip(backend, tables.dreams_table, {"user_id": LUNA, "dream_id": dream.dream_id}, ["title", "aspect_ratio"])

    old = shown(videos, video.job_id)
    assert (old["aspect_ratio"], old["seed"], old["video_prompt"]) == ("16:9", None, None)
    found = shown_dream(dreams, dream.dream_id)
    assert (found["title"], found["aspect_ratio"]) == (DREAM, "16:9")
    assert len(DREAM) <= MAX_TITLE_LENGTH


def test_an_open_video_from_before_is_rendered_as_it_was_requested(backend: DreamBackend, dream: DreamRecord) -> None:
    video = backend.queued_video(dream)
    key = {"user_id": LUNA, "job_id": video.job_id}
    _strip(backend, backend.database.names.videos_table, key, ["aspect_ratio"])
    render(backend, video.job_id)
    assert backend.renderer.shapes == [(AspectRatio.LANDSCAPE, None)]


def test_a_dream_without_a_video_has_no_shape_and_one_without_an_analysis_no_title(
    backend: DreamBackend, dreams: HttpFunction, dream: DreamRecord
) -> None:
    analyzed = shown_dream(dreams, dream.dream_id)
    assert (analyzed["title"], analyzed["aspect_ratio"]) == (GOOD_TITLE, None)
    pending = shown_dream(dreams, backend.pending_video().dream_id)
    assert (pending["title"], pending["aspect_ratio"]) == (None, "16:9")


def test_a_deleted_video_leaves_no_prompt(backend: DreamBackend, dream: DreamRecord) -> None:
    video: VideoRecord = backend.service.create(LUNA, dream.dream_id, 5, VideoOptions(video_prompt=OTHER_PROMPT))
    assert TombstoneRepository(backend.database).move_video_to_tombstone(video, utc_now())
    rows = backend.database.client.scan(TableName=backend.database.names.videos_table)["Items"]
    assert [set(row) & {"video_prompt", "seed", "aspect_ratio"} for row in rows] == [set()]
    assert [str(row["job_id"]) for row in rows] == [video.job_id]
