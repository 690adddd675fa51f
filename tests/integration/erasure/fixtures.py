"""Erasures from the request to the last state: the real definition and functions, and a crash before any call."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.sessions import Sessions
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.devices.repository import DeviceRepository, Session
from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.open_erasures import OpenErasure, OpenErasures
from dreamvision.erasure.sweeper import RestartResult, restart_unfinished
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.rate_limits import USER_SCOPES, RateLimits, RateSettings, Scope
from dreamvision.limits.repository import LimitsRepository
from dreamvision.realtime.repository import Connection, ConnectionRepository
from dreamvision.schemas.categories import Category
from dreamvision.schemas.devices import DeviceRegistration, Platform
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.workflow import VideoWorkflow
from tests.conftest import load_function
from tests.fakes.asl import ExecutionFailedError, FunctionDiedError, Machine, Task
from tests.fakes.aws import MEDIA_BUCKET, TABLES
from tests.fakes.cognito import CLIENT_ID, FakeCognito
from tests.fakes.cognito_state import POOL_ID
from tests.fakes.http_api import Answer, HttpFunction
from tests.fakes.runway import FakeRenderer
from tests.fakes.states import FakeStates
from tests.integration.dreams.fixtures import LUNA, STELLA, DreamBackend

LUNAS_EMAIL, LUNAS_NAME = "luna@example.com", "Luna Dreamer"
STELLAS_EMAIL, STELLAS_NAME = "stella@example.com", "Stella"
LONG_TEXT = "".join(chr(0x4E00 + 17 * number % 20_000) for number in range(2000))
"""Too many different characters to be stored in the dream's row."""
ERASE = "arn:aws:states:us-east-1:123456789012:stateMachine:erase"
GRACE = 240
FUNCTIONS = {
    "CloseAccountArn": "close_account",
    "SoftDeleteArn": "soft_delete",
    "CancelRendersArn": "cancel_renders",
    "DeleteMediaArn": "delete_media",
    "PurgeTombstonesArn": "purge_tombstones",
    "DeleteAccountArn": "delete_account",
}


# What may stay: that a user's sessions are revoked, counts of all users together, of a mailbox and of a network until
# midnight, and the reconciliation's position.
_STAYS = (
    "sessions#",
    "quota#service#",
    "spending#",
    "cursor#",
    "mailbox#",
    "quota#analyses#",
    "registrations#",
    "times#",
)


class Killed(BaseException):
    """The process is killed: nothing catches this, and nothing is cleaned up."""


class _CountedCognito(FakeCognito):
    def __init__(self, backend: "ErasureBackend") -> None:
        super().__init__()
        self._backend = backend

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("admin_"):
            self._backend.step()
        return super().__getattribute__(name)


class _CountedRenderer(FakeRenderer):
    def __init__(self, backend: "ErasureBackend") -> None:
        super().__init__()
        self._backend = backend

    def cancel(self, task_id: str) -> None:
        self._backend.step()
        super().cancel(task_id)


class ErasureBackend:
    """The erasure workflow on a ``DreamBackend``. ``at_call`` does something once, before the call with a number.

    ``deaths`` maps the folder of a function to the number of its next invocations that Lambda ends.
    """

    def __init__(self, backend: DreamBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dreams = backend
        self.calls = 0
        self.interruption: tuple[int, Callable[[], object]] | None = None
        backend.renderer = _CountedRenderer(self)
        self.cognito = _CountedCognito(self)
        self.pool = UserPool(
            CognitoSettings(user_pool_id=POOL_ID, user_pool_client_id=CLIENT_ID), cast(Any, self.cognito)
        )
        self.sessions = Sessions(backend.database)
        self.erasures = FakeStates(self.step)
        self.account = AccountErasure(backend.database, self.pool, self.sessions)
        self.open_erasures = OpenErasures(backend.database)
        self.seconds = int(utc_now().timestamp())
        self.workflow = ErasureWorkflow(ERASE, self.open_erasures, cast(Any, self.erasures), lambda: self.seconds)
        for client, service in ((backend.database.client, "dynamodb"), (backend.media, "s3")):
            client.meta.events.register(f"before-call.{service}.*", lambda **_: self.step())
        connections = ConnectionRepository(backend.database, "ConnectionsTable")
        monkeypatch.setattr(OpenErasures, "shared", lambda: self.open_erasures)
        monkeypatch.setattr(ConnectionRepository, "shared", lambda: connections)
        monkeypatch.setattr(AccountErasure, "shared", lambda: self.account)
        monkeypatch.setattr(ErasureWorkflow, "shared", lambda: self.workflow)
        monkeypatch.setattr(
            load_function("workflows/erasure/cancel_renders"), "configured_renderer", lambda: backend.renderer
        )
        monkeypatch.setattr(VideoWorkflow, "shared", lambda: backend.workflow)
        monkeypatch.setattr(load_function("workflows/erasure/delete_media"), "MediaStore", lambda _: backend.store)
        self.deaths: dict[str, int] = {}
        self._tasks = {arn: self._mortal(folder) for arn, folder in FUNCTIONS.items()}
        self.machine = Machine.named("erasure", self._tasks, {"EraseGrace": str(GRACE)})

    def _mortal(self, folder: str) -> Task:
        """Return the task of a function that Lambda ends ``deaths[folder]`` times before its first line."""
        task = _task(folder)

        def run(arguments: dict[str, Any]) -> dict[str, Any]:
            if self.deaths.get(folder, 0):
                self.deaths[folder] -= 1
                raise FunctionDiedError("Lambda.Unknown")
            return task(arguments)

        return run

    def step(self) -> None:
        self.calls += 1
        if self.interruption is not None and self.calls == self.interruption[0]:
            (_, interrupt), self.interruption = self.interruption, None
            interrupt()

    def at_call(self, number: int, interrupt: Callable[[], object]) -> None:
        """Do something once, before the call with this number from now on."""
        self.calls, self.interruption = 0, (number, interrupt)

    @property
    def was_interrupted(self) -> bool:
        """Whether the call of ``at_call`` has come."""
        return self.interruption is None

    def kill_at_call(self, number: int | None) -> None:
        self.calls, self.interruption = 0, None if number is None else (number, _kill)

    # ------------------------------------------------------------ requests and executions

    def delete_dream(self, dream_id: str, user_id: str = LUNA) -> Answer:
        return HttpFunction("api/dreams")(user_id, "DELETE /api/v1/dreams/{dream_id}", dream_id=dream_id)

    def delete_account(self, user_id: str = LUNA) -> Answer:
        return HttpFunction("api/delete_account")(user_id, "DELETE /api/v1/auth/me")

    def run_execution(self) -> None:
        """Run the execution that was started last."""
        self.machine.run(list(self.erasures.started.values())[-1])

    def execute(self, user_id: str, dream_id: str | None = None) -> list[str]:
        """Run an execution of a machine of its own, as beside another one. Return the states that it entered.

        That of an account is recorded before, as every start of one does.
        """
        if dream_id is None:
            self.record_erasure(user_id)
        machine = Machine.named("erasure", self._tasks, {"EraseGrace": str(GRACE)})
        machine.run({"user_id": user_id, "whole_account": dream_id is None, "dream_id": dream_id})
        return machine.entered

    def record_erasure(self, user_id: str) -> None:
        """Record that the erasure of an account was requested."""
        self.open_erasures.begin(OpenErasure(user_id=user_id, execution="another"), utc_now())

    def lose_executions(self) -> None:
        """Let every execution have failed without a trace."""
        self.erasures.ended = dict.fromkeys(self.erasures.started, "FAILED")

    def sweep(self, hours: float = 1) -> RestartResult:
        """Restart what is unfinished after some hours, as the function on the schedule does."""
        self.seconds += int(3600 * hours)
        return restart_unfinished(self.open_erasures, self.workflow, datetime.fromtimestamp(self.seconds, UTC))

    def open_records(self) -> list[dict[str, Any]]:
        """Return the records of open erasures."""
        return [item for item in self.items() if str(item.get("guard")).startswith("erasure#")]

    # ------------------------------------------------------------ the end of every test

    def complete_everything(self) -> None:
        """Complete the open erasures, then erase every user. Nothing may be left of anybody.

        A dream's erasure is checked first: that of its account would delete most of what it left.
        """
        self.kill_at_call(None)
        self.deaths, self.erasures.refusal = {}, None
        for record in self.open_records():
            self._complete(str(record["user_id"]), record.get("dream_id"))
        assert not self.orphans(), self.orphans()
        for user_id in self._users():
            self._complete(user_id, None)
        left = [*self.dreams.media_keys(), *(item for item in self.items() if not _stays(item))]
        assert not left, left

    def _complete(self, user_id: str, dream_id: str | None) -> None:
        with suppress(ExecutionFailedError):
            assert self.execute(user_id, dream_id)[-1] == "Erased"

    def _users(self) -> set[str]:
        rows = [str(item["user_id"]).rpartition("#")[2] for item in self.items() if "user_id" in item]
        return {*rows, *self.cognito.users} - {name for name in rows if len(name) != len(LUNA)}

    def orphans(self) -> list[str]:
        """Return the tombstones, and the objects to which no row of a dream or video leads."""
        items = self.items()
        tombstones = [str(item) for item in items if str(item.get("user_id")).startswith("erasing#")]
        known = "".join(str(item) for item in items if "guard" not in item)
        return tombstones + [key for key in self.dreams.media_keys() if not _leads_to(known, key)]

    # ------------------------------------------------------------ accounts and their data

    def add_account(self, user_id: str, email: str, username: str) -> None:
        """Add an account with items in every table."""
        user = self.cognito.add_user(email, "Moonlight7")
        del self.cognito.users[user.sub]
        user.sub = user_id
        self.cognito.users[user_id] = user
        usernames = self.dreams.usernames
        usernames.assign(user_id, email, usernames.reserve(username, utc_now()), utc_now())
        limits = RateLimits(LimitsRepository(self.dreams.database), RateSettings(), seal=self.pool.seal)
        limits.count_code(Scope.FORGOT, email)
        forgotten = Connection(
            user_id=user_id,
            connection_id=new_id(),
            session_id="a-session",
            issued_at=0,
            connected_at=utc_now() - timedelta(hours=9),
        )
        ConnectionRepository(self.dreams.database, "ConnectionsTable").add(forgotten)
        for scope in USER_SCOPES:
            limits.count_user(scope, user_id)

    def items(self) -> list[dict[str, Any]]:
        """Return every item of all tables."""
        client = self.dreams.database.client
        return [item for table in TABLES for item in client.scan(TableName=table, ConsistentRead=True)["Items"]]

    def remains_of(self, *marks: str) -> list[str]:
        """Return every item and key that contains one of the marks."""
        found = [str(item) for item in self.items()] + self.dreams.media_keys()
        return [text for text in found if any(mark in text for mark in marks)]

    def put_media(self, key: str) -> None:
        self.dreams.media.put_object(Bucket=MEDIA_BUCKET, Key=key, Body=b"media")


def _stays(item: dict[str, Any]) -> bool:
    """Return whether an item may be left: it names no user, or is needed for as long as an erased user's tokens live.

    A username that is only reserved has no owner.
    """
    return "held_until" in item if "user_id" in item else str(item["guard"]).startswith(_STAYS)


def _kill() -> None:
    raise Killed


def _leads_to(rows: str, key: str) -> bool:
    """Return whether the rows contain the key, or the id from which it is derived."""
    return key in rows or key.rpartition("/")[2].partition(".")[0] in rows or key.split("/")[-2] in rows


def _task(folder: str) -> Task:
    module = load_function(f"workflows/erasure/{folder}")
    context = SimpleNamespace(
        function_name=folder, memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
    )
    return lambda arguments: module.handler(arguments, context)


def populated_account(erasure: ErasureBackend, user_id: str = LUNA) -> dict[str, list[VideoRecord]]:
    """Create two dreams with videos in every state, the first with uploaded images, a pending dream and a device.

    Return the videos by dream id.
    """
    backend = erasure.dreams
    dream, other = backend.analyzed_dream(user_id), backend.analyzed_dream(user_id, Category.GOTHIC)
    backend.dream_with_upload(dream)
    device = DeviceRegistration(push_token="ExponentPushToken[phone]", platform=Platform.IOS)
    DeviceRepository(backend.database).register(user_id, "phone", device, Session("a-session", 1_790_000_000))
    created = backend.pending_video(user_id)
    return {
        dream.dream_id: [backend.completed_video(dream), backend.failed_video(dream), backend.processing_video(dream)],
        other.dream_id: [backend.completed_video(other)],
        created.dream_id: [created],
    }


def status_of(path: str, **parameters: Any) -> int:
    """Return the status of Luna's request for a path."""
    return HttpFunction(f"api/{path.split('/')[3]}")(LUNA, f"GET {path}", **parameters).status


@pytest.fixture
def erasure(backend: DreamBackend, monkeypatch: pytest.MonkeyPatch) -> Iterator[ErasureBackend]:
    """The erasure workflow, with the accounts of Luna and Stella. After each test, nothing may be left of anybody."""
    found = ErasureBackend(backend, monkeypatch)
    found.add_account(LUNA, LUNAS_EMAIL, LUNAS_NAME)
    found.add_account(STELLA, STELLAS_EMAIL, STELLAS_NAME)
    yield found
    found.complete_everything()
