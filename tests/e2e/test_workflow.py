"""The state machine: idempotent starts, stopped executions, no personal data in its history and logs."""

import json
import threading

from dreamvision.videos.workflow import ExecutionInput, VideoWorkflow
from tests.e2e.client import ControlPlane, User, wait_for

SECRET = "zephyrwald"
DREAM = f"I was flying over the {SECRET} while my grandmother was singing to the moon"


def test_the_execution_contains_nothing_of_the_dream(user: User, control: ControlPlane) -> None:
    created = user.create_video(DREAM)
    user.wait_for_video(created["video_generation"]["job_id"])
    job_id = created["video_generation"]["job_id"]
    control.wait_for_execution(job_id)
    history = control.history(job_id)
    assert SECRET not in history
    assert created["dream_analysis"]["video_prompt"][:40] not in history
    assert user.email not in history
    assert "_jwt=" not in history
    assert json.loads(control.execution(job_id)["input"]) == {
        "user_id": user.id,
        "dream_id": created["dream_analysis"]["dream_id"],
        "job_id": job_id,
        "needs_analysis": True,
    }


def test_the_log_contains_nothing_of_the_dream(user: User, control: ControlPlane) -> None:
    created = user.create_video(DREAM)
    user.wait_for_video(created["video_generation"]["job_id"])
    lines = "\n".join(control.log_lines())
    assert created["video_generation"]["job_id"] in lines, "the log has lines of this job"
    for secret in (SECRET, user.email, user.access_token, user.refresh_token, "sk-ant-sandbox", "key_sandbox"):
        assert secret not in lines
    assert created["dream_analysis"]["video_prompt"][:40] not in lines


def test_starting_a_job_twice_is_harmless(user: User, control: ControlPlane) -> None:
    created = user.create_video("I was late for a train that was made of water [[runway:stuck]]")
    job_id = created["video_generation"]["job_id"]
    entered = wait_for(lambda: control.states_entered(job_id), lambda states: "WaitForRender" in states)
    assert entered.count("GenerateVideo") == 1
    job = ExecutionInput.model_validate_json(control.execution(job_id)["input"])
    VideoWorkflow(control.outputs["state_machine_arn"], control.states).start(job)
    # The state that spends, invoked again for the same job, finds the task and requests no render.
    arn = _function_arn(control, "GenerateVideoFunction")
    threads = [threading.Thread(target=_invoke, args=(control, arn, job_id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert control.paid_renders(created["dream_analysis"]["video_prompt"]) == 1
    assert user.delete(f"/videos/{job_id}").json()["status"] == "cancelled"


def test_a_stopped_execution_closes_its_video(user: User, control: ControlPlane) -> None:
    created = user.create_video("I was stuck in an elevator that was going sideways [[runway:stuck]]")
    job_id = created["video_generation"]["job_id"]
    wait_for(lambda: user.video(job_id), lambda video: video["status"] == "processing")
    control.states.stop_execution(executionArn=control.execution_arn(job_id))
    video = user.wait_for_video(job_id)
    assert video["status"] == "failed"
    assert video["error_message"]
    assert control.rows("videos", user.id)[0]["error_code"] == "ExecutionAborted"
    assert user.get(f"/dreams/{video['dream_id']}").json()["video_status"] == "failed"


def test_a_further_video_of_a_dream_reuses_the_analysis(user: User, control: ControlPlane) -> None:
    # GIVEN an analyzed dream
    dream = user.post("/dreams/analyze", {"dream_text": DREAM}).json()
    # WHEN a video of it is created
    started = user.post("/videos/generate", {"dream_id": dream["dream_id"], "duration": 5})
    assert started.status_code == 200
    job_id = started.json()["job_id"]
    video = user.wait_for_video(job_id)
    # THEN Claude was not called again, and the dream shows the video
    assert video["status"] == "completed"
    assert "AnalyzeDream" not in control.states_entered(job_id)
    detail = user.get(f"/dreams/{dream['dream_id']}").json()
    assert detail["video_status"] == "completed"
    assert detail["job_id"] == job_id
    profile = user.get("/auth/me").json()
    assert (profile["dreams_count"], profile["videos_count"]) == (1, 1)


def test_a_dream_without_an_analysis_gets_no_video(user: User) -> None:
    answer = user.post("/dreams/generate-video", {"dream_text": "I was flying over a forest [[claude:refusal]]"})
    refused = user.post("/videos/generate", {"dream_id": answer.json()["dream_id"]})
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:dreamvision:problem:dream_not_analyzed"


def test_respond_async_returns_at_once(user: User) -> None:
    answer = user.post("/dreams/generate-video", {"dream_text": DREAM}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    body = answer.json()
    assert answer.headers["location"] == f"/api/v1/videos/{body['job_id']}"
    assert user.wait_for_video(body["job_id"])["status"] == "completed"
    assert user.get(f"/dreams/{body['dream_id']}").json()["analysis_status"] == "completed"


def test_a_slow_analysis_is_a_202(user: User) -> None:
    text = f"{DREAM} [[claude:slow:22]]"
    answer = user.post("/dreams/generate-video", {"dream_text": text})
    assert answer.status_code in (202, 504)  # the analyzer's own limit is 20 s
    assert answer.json()["job_id"]


def _function_arn(control: ControlPlane, logical_id: str) -> str:
    found = control.client("cloudformation").describe_stack_resource(
        StackName="dreamvision-local", LogicalResourceId=logical_id
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def _invoke(control: ControlPlane, function: str, job_id: str) -> None:
    payload = control.execution(job_id)["input"]
    control.client("lambda").invoke(FunctionName=function, Qualifier="live", Payload=payload)
