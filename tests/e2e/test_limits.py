"""Limits, quotas and Idempotency-Key over the wire, with the functions' own permissions."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database, TableNames
from dreamvision.videos.lifecycle import VideoLifecycle
from tests.e2e.client import DREAM, PASSWORD, ControlPlane, User, register, wait_for

UNKNOWN_DREAM = {"dream_id": "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"}


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).rpartition(":")[2]


def counts(control: ControlPlane, user: User) -> dict[str, int]:
    """Return the user's reservations by kind."""
    table = control.tables.Table(control.outputs["tables"]["guards"])
    found = {str(item["guard"]): item for item in table.scan()["Items"]}
    return {
        guard.split("#")[1]: int(item["videos"])
        for guard, item in found.items()
        if guard.startswith("quota#") and user.id in guard
    }


# ---------------------------------------------------------------- rate limits


def within_a_window[Result](http: httpx.Client, work: Callable[[User], Result]) -> Result:
    """Return the result of ``work`` for a fresh user, repeated if a slow machine takes longer than a minute."""
    for _ in range(3):
        user, started = register(http), time.monotonic()
        result = work(user)
        if time.monotonic() - started < 55:
            return result
    raise AssertionError("this machine is too slow for the limits of a minute")


def test_the_eleventh_analysis_in_a_minute_is_rejected(http: httpx.Client, other_user: User) -> None:
    def eleven(user: User) -> list[httpx.Response]:
        answers = [user.post("/dreams/analyze", {"dream_text": DREAM}) for _ in range(11)]
        # AND another route is not rejected
        assert user.post("/videos/generate", UNKNOWN_DREAM).status_code == 404
        return answers

    answers = within_a_window(http, eleven)
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    for left, answer in zip(range(9, -1, -1), answers, strict=False):
        assert answer.headers["ratelimit-policy"] == '"analyze";q=10;w=60'
        assert re.fullmatch(rf'"analyze";r={left};t=\d+', answer.headers["ratelimit"])
    refused = answers[-1]
    assert code(refused) == "rate_limited"
    assert refused.headers["ratelimit"] == f'"analyze";r=0;t={refused.headers["retry-after"]}'
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # AND neither is another user
    assert other_user.post("/dreams/analyze", {"dream_text": DREAM}).status_code == 200


def test_ten_of_forty_concurrent_requests_pass(http: httpx.Client) -> None:
    def forty(user: User) -> list[int]:
        # Every concurrent request starts a worker of its own: more than a few are too many for a small machine.
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: status_of(user), range(40)))

    def status_of(user: User) -> int:
        # The emulator returns 502 if a worker did not start in time; nothing has run then.
        for _ in range(5):
            answer = user.post("/videos/generate", UNKNOWN_DREAM)
            if answer.status_code != 502:
                break
        return answer.status_code

    assert Counter(within_a_window(http, forty)) == {404: 10, 429: 30}


def test_public_account_routes_have_rate_limit_headers(http: httpx.Client, user: User) -> None:
    answer = http.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.headers["ratelimit-policy"] == '"auth";q=100000;w=60'
    # A client cannot choose its address.
    before, after = (
        http.post(
            "/api/v1/auth/login",
            json={"email": user.email, "password": PASSWORD},
            headers={"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"},
        ).headers["ratelimit"]
        for number in (1, 2)
    )
    assert remaining(after) < remaining(before)


def remaining(header: str) -> int:
    found = re.search(r"r=(\d+)", header)
    assert found is not None
    return int(found[1])


# ---------------------------------------------------------------- quotas


def test_a_video_reserves_and_releases_a_place(user: User, control: ControlPlane) -> None:
    job_id = user.create_video()["video_generation"]["job_id"]
    assert counts(control, user) == {"day": 1, "running": 1}
    assert user.wait_for_video(job_id)["status"] == "completed"
    assert counts(control, user) == {"day": 1, "running": 0}


def test_a_video_without_cost_releases_all_reservations(user: User, control: ControlPlane) -> None:
    answer = user.post("/dreams/generate-video", {"dream_text": f"[[claude:refusal]] {DREAM}", "duration": 5})
    assert answer.status_code == 422
    assert counts(control, user) == {"day": 0, "running": 0}


def test_a_video_rejected_by_the_renderer_releases_all_reservations(user: User, control: ControlPlane) -> None:
    job_id = user.create_video(f"{DREAM} [[runway:reject]]")["video_generation"]["job_id"]
    assert user.wait_for_video(job_id)["status"] == "failed"
    assert counts(control, user) == {"day": 0, "running": 0}


def test_a_failed_paid_video_counts_for_the_day(user: User, control: ControlPlane) -> None:
    job_id = user.create_video(f"{DREAM} [[runway:internal]]")["video_generation"]["job_id"]
    assert user.wait_for_video(job_id)["status"] == "failed"
    assert counts(control, user) == {"day": 1, "running": 0}


def test_the_sweep_closes_an_abandoned_video(user: User, control: ControlPlane) -> None:
    # GIVEN the rows of a request that crashed before it started the execution
    names = control.outputs["tables"]
    database = Database(
        TableNames(
            profiles_table=names["user_profiles"],
            dreams_table=names["dreams"],
            videos_table=names["videos"],
            guards_table=names["guards"],
        ),
        control.tables.meta.client,
    )
    before = utc_now() - timedelta(minutes=5)
    abandoned = VideoLifecycle(database).add_with_dream(user.id, new_id(), new_id(), DREAM, 5, before)
    assert counts(control, user) == {"day": 1, "running": 1}
    # AND a video in progress
    running = user.create_video()["video_generation"]["job_id"]
    # WHEN the sweep runs
    lambdas = control.client("lambda")
    (name,) = (
        each["FunctionName"]
        for page in lambdas.get_paginator("list_functions").paginate()
        for each in page["Functions"]
        if "SweepFunction" in each["FunctionName"]
    )
    answer = lambdas.invoke(FunctionName=name, Payload=b"{}")
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    assert result["closed"] >= 1
    # THEN the first is closed with a message for the user, and the second completes
    video = user.video(abandoned.job_id)
    assert (video["status"], video["error_message"]) == (
        "failed",
        "The video could not be started. Please try again in a moment.",
    )
    assert user.wait_for_video(running)["status"] == "completed"
    assert counts(control, user) == {"day": 1, "running": 0}


def test_the_sweep_runs_every_five_minutes(control: ControlPlane) -> None:
    events = control.client("events")
    rules = [rule for rule in events.list_rules()["Rules"] if rule.get("ScheduleExpression") == "rate(5 minutes)"]
    assert [rule["State"] for rule in rules] == ["ENABLED"]
    (target,) = events.list_targets_by_rule(Rule=rules[0]["Name"])["Targets"]
    assert "SweepFunction" in target["Arn"]


# ---------------------------------------------------------------- Idempotency-Key


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def lasting(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """Return a response without the headers that differ for every request."""
    passing = {"ratelimit", "date", "apigw-requestid", "x-amzn-requestid", "x-amzn-trace-id", "x-request-id"}
    headers = {name: value for name, value in answer.headers.items() if name not in passing}
    return answer.status_code, headers, answer.json()


@pytest.mark.parametrize("route", ["/dreams/analyze", "/dreams/generate-video"])
def test_a_repeated_request_gets_the_same_response(user: User, control: ControlPlane, route: str) -> None:
    headers, marker = key(), f"the number {uuid4().int} was on every door"
    body = {"dream_text": f"{DREAM} and {marker}"}
    first = user.post(route, body, headers=headers)
    assert first.status_code == 200, first.text
    again = user.post(route, body, headers=headers)
    assert lasting(again) == lasting(first)
    assert control.claude_requests(marker) == 1
    assert len(control.rows("dreams", user.id)) == 1
    assert len(control.rows("videos", user.id)) == (route == "/dreams/generate-video")

    other = user.post(route, {"dream_text": "Somebody chased me through an endless house"}, headers=headers)
    assert (other.status_code, code(other)) == (422, "idempotency_key_reused")


def test_a_repeated_video_request_creates_one_video(user: User, control: ControlPlane) -> None:
    dream_id = user.post("/dreams/analyze", {"dream_text": DREAM}).json()["dream_id"]
    headers, body = key(), {"dream_id": dream_id, "duration": 6}
    first, again = (user.post("/videos/generate", body, headers=headers) for _ in range(2))
    assert first.status_code == 200, first.text
    assert lasting(again) == lasting(first)
    assert user.wait_for_video(first.json()["job_id"])["status"] == "completed"
    assert lasting(user.post("/videos/generate", body, headers=headers)) == lasting(first)
    assert len(control.rows("videos", user.id)) == 1


def test_concurrent_identical_requests_create_one_video(user: User, control: ControlPlane) -> None:
    # No other test uses this dream: all renders of its prompt are this test's.
    text = f"I was juggling porcelain planets in the orchard of a forgotten astronomer {uuid4()}"
    headers, body = key(), {"dream_text": text, "duration": 5}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: user.post("/dreams/generate-video", body, headers=headers), range(4)))
    by_status = Counter(answer.status_code for answer in answers)
    assert by_status[200] >= 1
    assert set(by_status) <= {200, 409}
    assert all(code(each) == "request_in_progress" for each in answers if each.status_code == 409)
    assert all(int(each.headers["retry-after"]) >= 1 for each in answers if each.status_code == 409)
    bodies = [answer.json() for answer in answers if answer.status_code == 200]
    assert all(each == bodies[0] for each in bodies)
    video = user.wait_for_video(bodies[0]["video_generation"]["job_id"])
    assert video["status"] == "completed"
    assert len(control.rows("videos", user.id)) == 1
    assert control.paid_renders(bodies[0]["dream_analysis"]["video_prompt"]) == 1
    assert counts(control, user) == {"day": 1, "running": 0}


def test_a_rejected_request_can_be_retried_with_its_key(user: User, control: ControlPlane) -> None:
    headers = key()
    refused = user.post("/dreams/analyze", {"dream_text": f"[[claude:refusal]] {DREAM}"}, headers=headers)
    assert refused.status_code == 422
    answer = user.post("/dreams/analyze", {"dream_text": DREAM}, headers=headers)
    assert answer.status_code == 200, answer.text


def test_malformed_keys_are_rejected(user: User) -> None:
    for bad in ("with space", "k" * 256):
        answer = user.post("/dreams/analyze", {"dream_text": DREAM}, headers={"Idempotency-Key": bad})
        assert (answer.status_code, code(answer)) == (422, "validation_failed")
        assert answer.json()["errors"][0]["loc"][0] == "header"


def test_windows_and_records_have_an_expiry(user: User, control: ControlPlane) -> None:
    user.post("/dreams/analyze", {"dream_text": DREAM}, headers=key())
    table = control.tables.Table(control.outputs["tables"]["guards"])
    items = wait_for(lambda: table.scan()["Items"], bool)
    lapsing = [item for item in items if str(item["guard"]).startswith(("rate#", "request#", "quota#"))]
    assert lapsing
    assert all(int(item["expires_at"]) - time.time() <= 3 * 86_400 for item in lapsing)
