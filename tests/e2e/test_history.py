"""History, cancelling, deleting and erasing on the stack: IAM is enforced, and the state machines run."""

import secrets
from typing import Any

import httpx
import pytest

from dreamvision.core.ids import new_id
from tests.e2e.client import PASSWORD, ControlPlane, User, wait_for

_STUCK = "I was falling through the floors of an endless house [[runway:stuck]]"


def _ids(created: dict[str, Any]) -> tuple[str, str]:
    return created["dream_analysis"]["dream_id"], created["video_generation"]["job_id"]


def _erasures(control: ControlPlane) -> list[dict[str, Any]]:
    machines = control.states.list_state_machines()["stateMachines"]
    arn = next(each["stateMachineArn"] for each in machines if "Erasure" in each["name"])
    found: list[dict[str, Any]] = control.states.list_executions(stateMachineArn=arn)["executions"]
    return found


def _wait_for_erasure(control: ControlPlane, what: str) -> None:
    """Wait until every execution of this erasure has succeeded."""
    ended = wait_for(
        lambda: [each["status"] for each in _erasures(control) if what in each["name"]],
        lambda found: bool(found) and "RUNNING" not in found,
        60,
    )
    assert set(ended) == {"SUCCEEDED"}


def _left(control: ControlPlane, *marks: str) -> list[str]:
    """Return every item and every key of the bucket that contains one of the marks."""
    texts = []
    for table in control.outputs["tables"].values():
        pages = control.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        texts += [str(item) for page in pages for item in page["Items"]]
    pages = control.client("s3").get_paginator("list_objects_v2").paginate(Bucket=control.outputs["media_bucket"])
    texts += [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [text for text in texts if any(mark in text for mark in marks)]


def _processing_video(user: User) -> tuple[str, str]:
    """Create a dream with a video that renders until it is stopped. Return the ids of both."""
    dream_id, job_id = _ids(user.create_video(_STUCK))
    wait_for(lambda: user.video(job_id), lambda video: video["status"] == "processing")
    return dream_id, job_id


def _task_id(control: ControlPlane, user: User, job_id: str) -> str:
    row = next(row for row in control.rows("videos", user.id) if row["job_id"] == job_id)
    return str(row["provider_task_id"])


def _has_stopped(control: ControlPlane, job_id: str) -> bool:
    """Return whether the execution ends without failing: stopped, or ended by a poll that found the video cancelled."""
    return control.wait_for_execution(job_id)["status"] in ("ABORTED", "SUCCEEDED")


def _is_at_provider(control: ControlPlane, task_id: str) -> bool:
    """Return whether Runway (the sandbox) still has the task."""
    known = control.client("secretsmanager").list_secrets()["SecretList"]
    arn = next(each["ARN"] for each in known if "Runway" in each["Name"])
    key = control.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    answer = httpx.get(
        f"{control.outputs['runway_url']}/v1/tasks/{task_id}",
        headers={"Authorization": f"Bearer {key}", "X-Runway-Version": "2024-11-06"},
        trust_env=False,
    )
    return answer.status_code == 200


def test_the_history_is_paged_by_number_and_by_cursor(user: User) -> None:
    created = [
        _ids(user.create_video(f"I was flying over the river number {number} of the night"))[0] for number in range(2)
    ]
    empty = user.post("/dreams/analyze", {"dream_text": "I was running from a shadow through the city"})
    created.append(empty.json()["dream_id"])

    first = user.get("/dreams", params={"limit": 2}).json()
    second = user.get("/dreams", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [dream["id"] for dream in first["dreams"] + second["dreams"]] == created[::-1]
    assert (first["total"], first["pages"], second["page"], second["next_cursor"]) == (3, 2, 2, None)
    numbered = user.get("/dreams", params={"page": 2, "limit": 2}).json()
    assert [dream["id"] for dream in numbered["dreams"]] == created[:1]
    chase = user.get("/dreams", params={"category": "chase"}).json()
    assert ([dream["id"] for dream in chase["dreams"]], chase["total"]) == (created[2:], 1)
    tampered = first["next_cursor"][:-1] + ("A" if first["next_cursor"][-1] != "A" else "B")
    for query in ({"cursor": tampered}, {"cursor": first["next_cursor"], "page": 1}):
        assert user.get("/dreams", params=query).status_code == 422
    stats = user.get("/dreams/stats").json()
    assert (stats["dreams_count"], stats["by_category"]["flight"], stats["by_month"][0]["dreams"]) == (3, 2, 3)
    assert stats["estimated_cost_usd"]["analyses"] > 0


def test_an_unchanged_video_is_a_304(user: User) -> None:
    _, job_id = _ids(user.create_video())
    user.wait_for_video(job_id)
    first = user.get(f"/videos/{job_id}")

    again = user.get(f"/videos/{job_id}", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert user.get("/videos", params={"status": "completed"}).json()["videos"][0]["job_id"] == job_id


def test_cancelling_a_video_stops_execution_and_render(user: User, control: ControlPlane) -> None:
    _, job_id = _processing_video(user)
    task_id = _task_id(control, user, job_id)
    assert _is_at_provider(control, task_id)
    assert int(user.get(f"/videos/{job_id}").headers["retry-after"]) >= 1

    cancelled = user.delete(f"/videos/{job_id}")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert _has_stopped(control, job_id)
    wait_for(lambda: _is_at_provider(control, task_id), lambda there: not there)
    assert user.delete(f"/videos/{job_id}").status_code == 200
    assert "retry-after" not in user.get(f"/videos/{job_id}").headers


def test_a_finished_video_cannot_be_cancelled(user: User) -> None:
    _, job_id = _ids(user.create_video())
    user.wait_for_video(job_id)

    answer = user.delete(f"/videos/{job_id}")

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "video_final")


def test_deleting_a_dream_deletes_all_its_data(user: User, control: ControlPlane) -> None:
    dream_id, job_id = _ids(user.create_video())
    user.wait_for_video(job_id)
    other_id, other_job_id = _ids(user.create_video())
    user.wait_for_video(other_job_id)
    token = next(row["media_token"] for row in control.rows("videos", user.id) if row["job_id"] == job_id)

    assert user.delete(f"/dreams/{dream_id}").status_code == 204

    assert user.get(f"/dreams/{dream_id}").status_code == 404
    assert user.get(f"/videos/{job_id}").status_code == 404
    listed = user.get("/dreams").json()
    assert ([dream["id"] for dream in listed["dreams"]], listed["total"]) == ([other_id], 1)
    _wait_for_erasure(control, dream_id)
    assert _left(control, dream_id, job_id, token) == []
    assert user.delete(f"/dreams/{dream_id}").status_code == 404
    assert user.video(other_job_id)["status"] == "completed"
    assert user.get("/auth/me").json()["videos_count"] == 1


def test_a_dream_can_be_deleted_while_its_video_renders(user: User, control: ControlPlane) -> None:
    dream_id, job_id = _processing_video(user)
    task_id = _task_id(control, user, job_id)

    assert user.delete(f"/dreams/{dream_id}").status_code == 204

    _wait_for_erasure(control, dream_id)
    assert _has_stopped(control, job_id)
    assert not _is_at_provider(control, task_id)
    assert _left(control, dream_id, job_id) == []


def test_deleting_an_unknown_dream_is_a_404(user: User) -> None:
    answer = user.delete(f"/dreams/{new_id()}")

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (404, "dream_not_found")


@pytest.fixture
def populated_user(user: User) -> User:
    """An account with a completed, an analyzed and a processing dream."""
    _, job_id = _ids(user.create_video())
    user.wait_for_video(job_id)
    user.post("/dreams/analyze", {"dream_text": "I was running from a shadow through the city"})
    _processing_video(user)
    user.http.post("/api/v1/auth/forgot-password", json={"email": user.email})
    return user


def test_erasing_an_account_deletes_all_its_data(populated_user: User, other_user: User, control: ControlPlane) -> None:
    user = populated_user
    theirs = _ids(other_user.create_video())
    other_user.wait_for_video(theirs[1])
    rows = control.rows("videos", user.id)
    tasks = [str(row["provider_task_id"]) for row in rows]
    marks = [row[name] for row in rows for name in ("job_id", "dream_id", "media_token")]

    assert user.delete("/auth/me").status_code == 204

    # THEN the account is closed at once
    assert user.get("/auth/me").status_code == 401
    assert user.get("/dreams").status_code == 401
    credentials = {"email": user.email, "password": PASSWORD}
    assert user.http.post("/api/v1/auth/login", json=credentials).status_code == 401
    refresh = {"refresh_token": user.refresh_token}
    assert user.http.post("/api/v1/auth/refresh", json=refresh).status_code == 401
    # AND in the end nothing is left except the record that its sessions are revoked
    _wait_for_erasure(control, user.id)
    left = _left(control, user.id, user.email, user.username, *marks)
    assert len(left) == 1
    assert f"sessions#{user.id}" in left[0]
    assert not any(_is_at_provider(control, task_id) for task_id in tasks)
    pool = control.client("cognito-idp").list_users(UserPoolId=control.outputs["user_pool_id"])["Users"]
    assert user.email not in str(pool)
    # AND other users keep their data
    assert other_user.video(theirs[1])["status"] == "completed"
    # AND address and username are free again
    again = {**credentials, "username": user.username}
    assert user.http.post("/api/v1/auth/register", json=again).status_code == 200


def test_an_empty_account_is_erased(user: User, control: ControlPlane) -> None:
    assert user.delete("/auth/me").status_code == 204

    _wait_for_erasure(control, user.id)

    assert [text for text in _left(control, user.id, user.email) if "sessions#" not in text] == []
    unknown = {"email": f"{secrets.token_hex(6)}@example.com", "password": PASSWORD}
    known = {"email": user.email, "password": PASSWORD}
    answers = [user.http.post("/api/v1/auth/login", json=body) for body in (known, unknown)]
    assert {answer.status_code for answer in answers} == {401}
