"""Commands of operators against the local stack, with the function's own role enforced."""

import json
import os
import subprocess
from typing import Any

import httpx
import pytest

from local.settings import REPOSITORY
from tests.e2e.client import PASSWORD, ControlPlane, User, wait_for
from tests.e2e.shared_stack import StackCommand
from tests.fakes.operator import Operator

UNKNOWN = "99999999-9999-4999-8999-999999999999"


class StackOperator(Operator):
    """Invokes the function as ``aws lambda invoke`` does."""

    def __init__(self, control: ControlPlane) -> None:
        self._lambda = control.client("lambda")
        self._function = control.outputs["operations_function"]

    def ask(self, command: str, **fields: object) -> dict[str, Any]:
        """Return the answer to a command."""
        request = {"command": command, "operator": "e2e", **fields}
        response = self._lambda.invoke(FunctionName=self._function, Payload=json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, answer
        return answer


@pytest.fixture
def operator(control: ControlPlane) -> Operator:
    return StackOperator(control)


def sign_in(user: User, password: str = PASSWORD) -> httpx.Response:
    return user.http.post("/api/v1/auth/login", json={"email": user.email, "password": password})


def test_a_user_is_found_by_address_name_and_id(operator: Operator, user: User) -> None:
    for found_by in ({"address": user.email}, {"username": user.username.upper()}, {"user_id": user.id}):
        found = operator.result("user.find", **found_by)
        assert (found["user_id"], found["state"], found["username"]) == (user.id, "active", user.username)
        assert user.email not in str(found)
    assert operator.refusal("user.find", user_id=UNKNOWN) == "UserNotFoundError"


def test_bad_input_is_refused(operator: Operator, user: User) -> None:
    assert operator.refusal("user.delete", user_id=user.id) == "InvalidCommand"
    assert operator.refusal("user.block", user_id=user.id, reason="spam") == "InvalidCommand"
    assert operator.refusal("user.block", user_id=user.id, operator=user.email) == "InvalidCommand"
    assert user.get("/auth/me").status_code == 200


def test_the_tier_applies_to_the_quota(operator: Operator, user: User) -> None:
    operator.result("user.set_tier", user_id=user.id, tier="premium")
    assert user.get("/auth/me").json()["subscription_tier"] == "premium"
    user.wait_for_video(user.create_video()["video_generation"]["job_id"])
    quota = operator.result("user.quota", user_id=user.id)
    assert (quota["tier"], quota["videos_today"], quota["running_videos"]) == ("premium", 1, 0)
    assert operator.result("user.quota", user_id=user.id, reset=True)["videos_today"] == 0


def test_a_blocked_user_is_out_at_once_and_can_come_back(
    operator: Operator, control: ControlPlane, user: User, other_user: User
) -> None:
    # GIVEN a video whose render is in progress
    job_id = user.create_video("[[runway:lasts:30]] I was flying over a dark forest")["video_generation"]["job_id"]
    wait_for(lambda: control.rows("videos", user.id)[0], lambda row: "render_requested_at" in row)
    # WHEN
    blocked = operator.result("user.block", user_id=user.id)
    # THEN its token is refused, sign-in looks like one with a wrong password, and no token is refreshed
    assert user.get("/auth/me").status_code == 401
    refused, wrong = sign_in(user), sign_in(user, "Wrong-Password-1")
    assert (refused.status_code, refused.json()["type"]) == (401, wrong.json()["type"])
    refresh = user.http.post("/api/v1/auth/refresh", json={"refresh_token": user.refresh_token})
    assert refresh.status_code == 401
    # AND the work has stopped
    assert blocked["cancelled_videos"] == [job_id]
    assert control.wait_for_execution(job_id)["status"] == "ABORTED"
    assert control.rows("videos", user.id)[0]["status"] == "cancelled"
    assert other_user.get("/auth/me").status_code == 200
    # WHEN
    assert operator.result("user.block", user_id=user.id)["cancelled_videos"] == []
    assert operator.result("user.unblock", user_id=user.id)["state"] == "active"
    # THEN only a new session is accepted
    assert user.get("/auth/me").status_code == 401
    answer = sign_in(user)
    assert answer.status_code == 200, answer.text
    user.access_token = answer.json()["access_token"]
    assert user.get("/auth/me").status_code == 200
    user.wait_for_video(user.create_video()["video_generation"]["job_id"])


def test_a_video_is_explained(operator: Operator, user: User) -> None:
    job_id = user.create_video()["video_generation"]["job_id"]
    video = user.wait_for_video(job_id)
    assert video["status"] == "completed"
    found = operator.result("video.inspect", job_id=job_id)
    assert (found["user_id"], found["status"], found["failure"]) == (user.id, "completed", None)
    assert found["cost"]["credits"] > 0
    assert found["cost"]["total"] > found["cost"]["render"] > 0
    texts = [step["text"] for step in found["history"]]
    assert texts[0] == "The video was requested."
    assert "The analysis by Claude began." in texts
    assert "The video was completed." in texts
    assert [step["at"] for step in found["history"]] == sorted(step["at"] for step in found["history"])


def test_a_failed_video_says_why(operator: Operator, user: User) -> None:
    job_id = user.create_video("[[runway:safety]] I was flying over a dark forest")["video_generation"]["job_id"]
    assert user.wait_for_video(job_id)["status"] == "failed"
    found = operator.result("video.inspect", job_id=job_id)
    assert found["failure"]["error"] in str([step["text"] for step in found["history"]])


def test_a_video_is_in_the_spending_of_day_and_month(operator: Operator, user: User) -> None:
    before = operator.result("spend.today"), operator.result("spend.month")
    user.wait_for_video(user.create_video()["video_generation"]["job_id"])
    after = operator.result("spend.today"), operator.result("spend.month")
    for earlier, later in zip(before, after, strict=True):
        assert later["videos"] > earlier["videos"]
        assert later["runway"] > earlier["runway"]
        assert later["claude"] > earlier["claude"]
    assert operator.result("spend.month", month="2024-01")["total"] == 0


def test_an_erased_user_is_gone(operator: Operator, user: User) -> None:
    user.wait_for_video(user.create_video()["video_generation"]["job_id"])
    assert operator.result("user.erase", user_id=user.id)["state"] == "erasing"
    assert user.get("/auth/me").status_code == 401
    assert operator.refusal("user.unblock", user_id=user.id) in ("UserIsErasedError", "UserNotFoundError")
    wait_for(
        lambda: operator.ask("user.find", user_id=user.id),
        lambda answer: not answer["ok"] and answer["refusal"]["error"] == "UserNotFoundError",
        60,
    )


def test_commands_are_logged_with_their_operator_and_without_persons(
    operator: Operator, control: ControlPlane, user: User
) -> None:
    operator.result("user.find", address=user.email)
    operator.result("user.quota", user_id=user.id)
    lines = [json.loads(line) for line in control.log_lines() if '"message":"operation ' in line]
    mine = [line for line in lines if line.get("user_id") == user.id]
    assert {line["operator"] for line in mine} == {"e2e"}
    assert {line["command"] for line in mine} == {"user.find", "user.quota"}
    assert not [line for line in lines if user.email in str(line)]


def test_make_operate(local: StackCommand, stack: dict[str, Any], user: User) -> None:
    def make(**variables: str) -> subprocess.CompletedProcess[str]:
        # -o: the packages are installed already.
        command = ["make", "--no-print-directory", "-o", ".venv/.local-installed", "operate"]
        command += [f"{name}={text}" for name, text in variables.items()]
        environment = {"PATH": os.environ["PATH"], **local.environment}
        return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)

    found = make(COMMAND="user.find", ARGS=json.dumps({"username": user.username}))
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["result"]["user_id"] == user.id
    assert make(COMMAND="user.find", ARGS="{}").returncode != 0
    assert "COMMAND is missing" in make().stderr
