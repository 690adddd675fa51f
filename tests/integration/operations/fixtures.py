"""The operations function on the backend of the erasures: real tables (moto), a strict user pool, fake executions."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.quotas import QuotaSettings
from dreamvision.limits.repository import LimitsRepository
from dreamvision.operations.service import Operations
from dreamvision.operations.users import UserOperations
from dreamvision.operations.videos import VideoOperations
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.workflow import VideoWorkflow
from tests.conftest import load_function
from tests.fakes.operator import Operator
from tests.fakes.states import MACHINE, FakeStates
from tests.integration.dreams.fixtures import LUNA
from tests.integration.erasure.fixtures import ERASE, ErasureBackend

PASSWORD = "Moonlight7"


class ReadableStates(FakeStates):
    """Executions that can also be read. ``histories`` has their events by name."""

    def __init__(self) -> None:
        super().__init__()
        self.histories: dict[str, list[dict[str, Any]]] = {}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        return {"input": json.dumps(self.started[self._name(executionArn, "DescribeExecution")])}

    def get_paginator(self, operation: str) -> "ReadableStates":
        assert operation == "get_execution_history"
        return self

    def paginate(self, *, executionArn: str, includeExecutionData: bool) -> list[dict[str, Any]]:  # noqa: N803
        assert not includeExecutionData
        events = self.histories.get(self._name(executionArn, "GetExecutionHistory"), [])
        return [{"events": events[:1]}, {"events": events[1:]}]

    def _name(self, execution_arn: str, operation: str) -> str:
        self._refuse(operation)
        name = execution_arn.rpartition(":")[2]
        if name not in self.started:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist", "Message": "no"}}, operation)
        return name


class OperatorBackend(Operator):
    """The function ``functions/operations``, with Luna's and Stella's accounts. ``now`` moves the operations' clock."""

    def __init__(self, erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.erasure = erasure
        self.dreams = erasure.dreams
        self.database = erasure.dreams.database
        self.cognito = erasure.cognito
        self.pool = erasure.pool
        self.sessions = erasure.sessions
        self.states = ReadableStates()
        self.later = timedelta()
        self.dreams.states = self.states
        self.dreams.workflow = VideoWorkflow(MACHINE, cast(Any, self.states))
        users = UserOperations(
            self.database,
            self.pool,
            self.sessions,
            self.dreams.workflow,
            ErasureWorkflow(ERASE, erasure.open_erasures, cast(Any, erasure.erasures)),
            QuotaSettings(),
            lambda: utc_now() + self.later,
        )
        videos = VideoOperations(self.database, self.dreams.workflow)
        operations = Operations(users, videos, LimitsRepository(self.database))
        monkeypatch.setattr(Operations, "shared", lambda: operations)
        self._handler = load_function("operations").handler

    def ask(self, command: str, **fields: object) -> dict[str, Any]:
        """Return the answer to a command."""
        context = SimpleNamespace(
            function_name="operations",
            memory_limit_in_mb=512,
            invoked_function_arn="arn",
            aws_request_id=new_id(),
            identity=None,
            client_context=None,
        )
        answer: dict[str, Any] = self._handler({"command": command, "operator": "anna", **fields}, context)
        assert answer == json.loads(json.dumps(answer))
        return answer

    def is_signed_in(self, session_id: str, user_id: str = LUNA, issued_at: int | None = None) -> bool:
        """Return whether the handlers accept a session's token, by default one issued an hour ago."""
        hour_ago = int(datetime.now(UTC).timestamp()) - 3600
        return not self.sessions.revoked(user_id).includes(session_id, hour_ago if issued_at is None else issued_at)

    def user_items(self) -> list[dict[str, Any]]:
        """Return all items of all tables, in a stable order."""
        return sorted(self.erasure.items(), key=str)

    def with_execution(self, video: VideoRecord) -> VideoRecord:
        """Give the video's execution its input, as the service writes it."""
        ids = {"user_id": video.user_id, "dream_id": video.dream_id, "job_id": video.job_id}
        self.states.started[video.job_id] = ids
        return video

    def profile_without_user(self) -> str:
        """Create a profile whose user the pool does not have, and return its id."""
        user_id = new_id()
        write = ProfileRepository(self.database).count_write(user_id, utc_now(), dreams=1)
        self.database.client.update_item(**write["Update"])
        return user_id


@pytest.fixture
def operators(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> OperatorBackend:
    return OperatorBackend(erasure, monkeypatch)
