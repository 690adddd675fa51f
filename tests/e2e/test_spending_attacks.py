"""What attackers tried in order to spend the service's money, on the deployed stack with its roles."""

from typing import Any

import httpx

from tests.e2e.client import DREAM, PASSWORD, ControlPlane, User, register, wait_for
from tests.e2e.test_limits import code

REFUSED = {"dream_text": f"[[claude:refusal]] {DREAM}"}


def day(control: ControlPlane, user_id: str) -> tuple[int, int, int]:
    """Return the user's videos, analyses and strikes."""
    table = control.tables.Table(control.outputs["tables"]["guards"])
    items: list[dict[str, Any]] = table.scan(ConsistentRead=True)["Items"]
    (item,) = [each for each in items if str(each["guard"]).startswith(f"quota#day#{user_id}#")]
    return int(item["videos"]), int(item.get("analyses", 0)), int(item.get("strikes", 0))


def test_a_cancelled_paid_render_counts_and_an_analysis_always_does(http: httpx.Client, control: ControlPlane) -> None:
    user = register(http)
    unpaid = user.post("/dreams/generate-video", {"dream_text": DREAM}, headers={"prefer": "respond-async"}).json()
    assert user.delete(f"/videos/{unpaid['job_id']}").status_code == 200
    paid = user.post("/dreams/generate-video", {"dream_text": f"[[runway:lasts:20]] {DREAM}"}).json()[
        "video_generation"
    ]
    wait_for(lambda: user.video(paid["job_id"]), lambda video: video["status"] == "processing")
    user.delete(f"/videos/{paid['job_id']}")
    control.wait_for_execution(paid["job_id"])
    videos, analyses, strikes = day(control, user.id)
    assert videos >= 1  # two, if the first one's render was requested before it was cancelled
    assert (analyses, strikes) == (2, 0)


def test_refused_dreams_pause_the_user_also_after_erasing_the_account(
    http: httpx.Client, control: ControlPlane
) -> None:
    user = register(http)
    answers = [user.post("/dreams/analyze", REFUSED) for _ in range(4)]
    assert {answer.status_code for answer in answers} == {422}
    # One by the workflow
    assert user.post("/dreams/generate-video", REFUSED | {"duration": 5}).status_code == 422
    paused(user)
    counts = day(control, user.id)
    assert counts[1:] == (5, 5)
    # WHEN the account is erased and the mailbox registered again
    assert user.delete("/auth/me").status_code == 204
    body = {"email": user.email, "password": PASSWORD, "username": f"{user.username}-again"}
    answer = wait_for(
        lambda: http.post("/api/v1/auth/register", json=body), lambda answer: answer.status_code == 200, seconds=90
    ).json()
    again = User(
        http, answer["user"]["id"], user.email, body["username"], answer["access_token"], answer["refresh_token"]
    )
    # THEN the day goes on
    assert day(control, again.id)[1:] == (5, 5)
    paused(again)


def paused(user: User) -> None:
    """Assert that everything that costs money is refused."""
    for path in ("/dreams/analyze", "/dreams/generate-video"):
        refused = user.post(path, {"dream_text": DREAM})
        assert (refused.status_code, code(refused)) == (429, "paused_after_refusals")
        assert 1 <= int(refused.headers["retry-after"]) <= 86_400


def test_a_render_refused_by_moderation_is_a_strike(http: httpx.Client, control: ControlPlane) -> None:
    user = register(http)
    text = {"dream_text": f"[[runway:safety]] {DREAM}", "duration": 5}
    job_id = user.post("/dreams/generate-video", text).json()["video_generation"]["job_id"]
    assert user.wait_for_video(job_id)["status"] == "failed"
    assert day(control, user.id)[1:] == (1, 1)
