"""What a user is told while a video waits, when it ends badly, and about the quota: by the API and on the page."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.client import DREAM, User, wait_for
from tests.e2e.visitor import Visitor, check_page, visiting


@pytest.fixture
def visitor(browser: Browser, stack: dict[str, Any]) -> Iterator[Visitor]:
    with visiting(Visitor(browser, stack["page_url"])) as visitor:
        yield visitor


def quota_says(visitor: Visitor, remaining: int, limit: int) -> None:
    visitor.wait(f"document.getElementById('quota').textContent === '{remaining:,} of {limit:,} videos left today.'")


def latest(user: User) -> dict[str, Any]:
    found: dict[str, Any] = user.get("/videos").json()["videos"][0]
    return found


def test_waiting_failing_and_the_quota_are_shown(visitor: Visitor, user: User) -> None:
    # GIVEN the whole quota
    visitor.sign_in(user)
    limit = user.get("/quota").json()["videos_today"]["limit"]
    quota_says(visitor, limit, limit)

    # WHEN the provider has no capacity for a video THEN page and API tell that it waits
    visitor.tell(f"{DREAM} [[runway:throttled]]")
    visitor.phase("queued")
    assert "In the queue since" in visitor.text("player-estimate")
    quota_says(visitor, limit - 1, limit)
    video = latest(user)
    assert (video["status"], video["error_code"], video["counted"]) == ("pending", None, True)
    assert video["created_at"] < video["queued_since"]
    assert video["created_at"] < video["estimated_completion_time"]
    assert user.get(f"/dreams/{video['dream_id']}").json()["video_status"] == "pending"
    listed = user.get("/dreams").json()["dreams"][0]
    assert (listed["video_status"], listed["queued_since"]) == ("pending", video["queued_since"])
    quota = user.get("/quota").json()
    assert (quota["tier"], quota["videos_now"]["used"], quota["videos_today"]["used"]) == ("free", 1, 1)
    check_page(visitor)

    # AND that a cancelled one counts, since its render was requested
    visitor.button("Cancel video").click()
    visitor.phase("cancelled")
    visitor.wait("document.getElementById('player-counted').textContent.startsWith('It counts')")
    ended = latest(user)
    assert (ended["error_code"], ended["retryable"], ended["counted"]) == ("cancelled", True, True)
    assert user.get("/quota").json()["videos_now"]["used"] == 0

    # WHEN a video is refused for its content THEN another text is asked for, not another try
    visitor.tell(f"{DREAM} [[runway:safety]]")
    visitor.phase("failed")
    visitor.button("Edit the dream").click()
    assert str(visitor.element("dream-text").get_property("value")).startswith(DREAM)
    assert latest(user)["error_code"] == "moderation"
    listed = user.get("/dreams").json()["dreams"][0]
    assert (listed["queued_since"], listed["error_code"], listed["retryable"]) == (None, "moderation", False)
    quota_says(visitor, limit - 2, limit)


def test_the_main_calls_answer_has_the_quota(user: User) -> None:
    answer = user.post("/dreams/generate-video", {"dream_text": DREAM}, headers={"prefer": "respond-async"})
    body = answer.json()
    assert answer.status_code == 202
    for counted in (body["quota"]["videos_today"], body["quota"]["analyses_today"], body["quota"]["videos_now"]):
        assert (counted["used"], counted["remaining"]) == (1, counted["limit"] - 1)
    seen = wait_for(lambda: user.video(body["job_id"]), lambda video: video["status"] == "completed", 60)
    assert (seen["error_code"], seen["retryable"], seen["counted"]) == (None, None, True)
    assert seen["estimated_completion_time"] is None
    # The next one is expected to take as long as those of the last hour, not the first wait and a minute.
    again = user.post("/dreams/generate-video", {"dream_text": DREAM}).json()
    assert again["quota"]["videos_today"]["used"] == 2
    assert again["video_generation"]["estimated_completion_time"] > again["video_generation"]["created_at"]
