"""Clients of the stack for tests: a user of the API, and an operator."""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
import httpx

from dreamvision.database.client import Database, TableNames

PASSWORD = "Sleepy-Heads-1"
FINAL = ("completed", "failed", "cancelled")
DREAM = "I was flying over a dark forest with twisted trees while the moon was singing"


@dataclass
class User:
    """A signed-in user: ``get``, ``post`` ... send the access token."""

    http: httpx.Client
    id: str
    email: str
    username: str
    access_token: str
    refresh_token: str
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.access_token}", **self.headers, **options.pop("headers", {})}
        return self.http.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def create_video(self, dream_text: str = DREAM, duration: int = 5) -> dict[str, Any]:
        """Create a dream with a video and return the response body, assembled by polling if a slow machine makes it a
        202.
        """
        answer = self.post("/dreams/generate-video", {"dream_text": dream_text, "duration": duration})
        assert answer.is_success, answer.text
        body: dict[str, Any] = answer.json()
        if answer.status_code == 202:
            path = f"/dreams/{body['dream_id']}"
            dream = wait_for(lambda: self.get(path).json(), lambda found: found["analysis_status"] == "completed", 60)
            analysis = {**dream, "dream_id": dream["id"]}
            body = {"dream_analysis": analysis, "video_generation": self.video(body["job_id"])}
        return body

    def video(self, job_id: str) -> dict[str, Any]:
        answer = self.get(f"/videos/{job_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def wait_for_video(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """Return the video once it is final."""
        return wait_for(lambda: self.video(job_id), lambda video: video["status"] in FINAL, seconds)


def wait_for[Found](read: Callable[[], Found], done: Callable[[Found], bool], seconds: float = 30) -> Found:
    """Poll until ``done``; after ``seconds``, fail with the last value."""
    deadline = time.monotonic() + seconds
    while True:
        found = read()
        if done(found):
            return found
        assert time.monotonic() < deadline, f"still not there after {seconds} s: {found}"
        time.sleep(0.2)


def fetch(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Request a URL as any client on the internet would: without a token."""
    return httpx.request(method, url, headers=headers, timeout=30, trust_env=False)


def code_for(email: str, mailbox_url: str) -> str:
    """Return the code in the last e-mail to an address."""
    mails = [mail for account in fetch(mailbox_url).json()["messages"].values() for mail in account]
    newest = max((mail for mail in mails if mail["To"] == [email]), key=lambda mail: float(mail["Timestamp"]))
    found = re.search(r"\b\d{6}\b", newest["BodyText"])
    assert found, newest["Subject"]
    return found[0]


def register(http: httpx.Client) -> User:
    """Register a fresh user."""
    username = f"dreamer-{secrets.token_hex(5)}"
    body = {"email": f"{username}@example.com", "password": PASSWORD, "username": username}
    answer = http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    return User(http, tokens["user"]["id"], body["email"], username, tokens["access_token"], tokens["refresh_token"])


class ControlPlane:
    """The operator's view of the stack."""

    def __init__(self, outputs: dict[str, Any]) -> None:
        self.outputs = outputs

    def client(self, service: str) -> Any:
        create: Any = boto3.client
        return create(
            service,
            endpoint_url=self.outputs["endpoint_url"],
            region_name=self.outputs["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @cached_property
    def tables(self) -> Any:
        return boto3.resource(
            "dynamodb",
            endpoint_url=self.outputs["endpoint_url"],
            region_name=self.outputs["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def database(self) -> Database:
        """Return the tables as the product's code accesses them."""
        roles = {"profiles_table": "user_profiles", "dreams_table": "dreams", "videos_table": "videos"}
        names = {field: self.outputs["tables"][role] for field, role in {**roles, "guards_table": "guards"}.items()}
        return Database(TableNames(**names), self.tables.meta.client)

    @cached_property
    def states(self) -> Any:
        return self.client("stepfunctions")

    def invoke(self, logical_id: str) -> dict[str, Any]:
        """Invoke a function with an empty event and return its answer."""
        lambdas = self.client("lambda")
        pages = lambdas.get_paginator("list_functions").paginate()
        names = [each["FunctionName"] for page in pages for each in page["Functions"]]
        (name,) = [each for each in names if logical_id in each]
        answer = lambdas.invoke(FunctionName=name, Payload=b"{}")
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def rows(self, role: str, user_id: str) -> list[dict[str, Any]]:
        """Return all rows of a user in a table."""
        table = self.tables.Table(self.outputs["tables"][role])
        found: list[dict[str, Any]] = table.query(
            KeyConditionExpression="user_id = :user", ExpressionAttributeValues={":user": user_id}
        )["Items"]
        return found

    def execution_arn(self, job_id: str) -> str:
        machine: str = self.outputs["state_machine_arn"]
        return f"{machine.replace(':stateMachine:', ':execution:')}:{job_id}"

    def execution(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.states.describe_execution(executionArn=self.execution_arn(job_id))
        return found

    def wait_for_execution(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """Return the execution once it has ended."""
        return wait_for(lambda: self.execution(job_id), lambda found: found["status"] != "RUNNING", seconds)

    def history(self, job_id: str) -> str:
        """Return the whole history of an execution as text."""
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=self.execution_arn(job_id))
        return json.dumps([page["events"] for page in pages], default=str)

    def states_entered(self, job_id: str) -> list[str]:
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=self.execution_arn(job_id))
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    def log_lines(self) -> list[str]:
        """Return every line that any function has logged."""
        logs = self.client("logs")
        lines: list[str] = []
        for group in logs.describe_log_groups()["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            lines += [event["message"] for page in pages for event in page["events"]]
        return lines

    def paid_renders(self, prompt: str) -> int:
        """Return the number of renders that the Runway sandbox has created for exactly this prompt."""
        wanted = hashlib.sha256(prompt.encode()).hexdigest()
        answer = httpx.get(f"{self.outputs['runway_url']}/_sandbox/requests", trust_env=False)
        creates = answer.json()["creates"]
        return sum(1 for create in creates if create["task_id"] and create["prompt_sha256"] == wanted)

    def claude_requests(self, marker: str) -> int:
        answer = httpx.get(
            f"{self.outputs['claude_url']}/_sandbox/requests", params={"contains": marker}, trust_env=False
        )
        return int(answer.json()["count"])
