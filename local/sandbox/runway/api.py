"""The Runway API, as a function from request to reply (docs.dev.runwayml.com, API version 2024-11-06)."""

import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from local.sandbox import RUNWAY_KEY
from local.sandbox.control import PREFIX, control_reply
from local.sandbox.faults import RUNWAY_KINDS, Fault, FaultQueue, faults_in
from local.sandbox.http_server import Reply, Request, json_reply
from local.sandbox.request_log import Journal, sha256_of, timestamp
from local.sandbox.runway.downloads import download
from local.sandbox.runway.film_queue import Studio
from local.sandbox.runway.links import BadLinkError, LinkSigner
from local.sandbox.runway.state import StateFile
from local.sandbox.runway.tasks import Task, TaskBook
from local.sandbox.runway.validation import MODEL_NAMES, InvalidBodyError, Order, check_order

VERSION = "2024-11-06"
_DOCS = "https://docs.dev.runwayml.com/api"
_DAY_SECONDS = 86_400.0
_KEPT_SECONDS = 7 * _DAY_SECONDS
_HANG_SECONDS = 60.0
_CREDITS = 100_000
_DAILY_GENERATIONS = 25_000
_FOREIGN_URL = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
_REFUSALS: dict[str, tuple[int, str]] = {
    "credits": (400, "You do not have enough credits to run this task."),
    "auth": (401, "The API key provided is invalid."),
    "quota": (429, "Your daily task limit has been reached."),
    "busy_once": (503, "The service is temporarily unavailable."),
}
"""Faults that answer the create call without creating anything."""


class RunwayApi:
    """Tasks take ``render_seconds`` from creation to the end. ``base_url()`` is where the outputs are served."""

    def __init__(
        self,
        state_dir: Path,
        render_seconds: float,
        concurrency: int,
        stopping: threading.Event,
        base_url: Callable[[], str],
        link_seconds: float = _DAY_SECONDS,
        clock: Callable[[], float] = time.time,
        reuse_films: bool = False,
    ) -> None:
        self._clock = clock
        self._stopping = stopping
        self._base_url = base_url
        self._link_seconds = link_seconds
        self._concurrency = concurrency
        self._state = StateFile(state_dir)
        self._studio = Studio(state_dir / "outputs", reuse=reuse_films)
        self._links = LinkSigner(self._state.secret.encode(), clock)
        self._book = TaskBook(self._studio, render_seconds, concurrency, clock)
        self._journal = Journal()
        self._faults = FaultQueue(RUNWAY_KINDS)
        self._lock = threading.RLock()
        self._seen_once: set[str] = set()

    def start(self) -> None:
        """Take up where the last run stopped: old tasks go, unfinished films are made again."""
        self._studio.start()
        self._book.load(self._state.tasks)
        for task in self._book.all():
            if task.is_final and self._clock() - task.created_at > _KEPT_SECONDS:
                self._forget(task.id)
            elif task.needs_film and not task.is_final and self._studio.ready_at(task.film_id) is None:
                self._make_film(task)

    def stop(self) -> None:
        self._studio.stop()
        with self._lock:
            self._save()

    def reset(self) -> None:
        """Forget tasks, films, requests, queued faults and what has failed once."""
        with self._lock:
            for task in self._book.all():
                self._forget(task.id)
            self._seen_once.clear()
            self._save()
        self._journal.clear()
        self._faults.clear()

    def refuse(self, status: int) -> Reply:
        """The reply to a request that never reached a route: 413 too large, 411 without a length."""
        return _error(status, "Request body is too large." if status == 413 else "Content-Length is required.")

    def handle(self, request: Request) -> Reply:
        if request.path.startswith(f"{PREFIX}tasks/"):
            return self._times(request.path.removeprefix(f"{PREFIX}tasks/"))
        if request.path.startswith(PREFIX):
            return control_reply(request, self._faults, self._report, self.reset)
        if request.path.startswith(("/outputs/", "/elsewhere/")):
            return self._output(request)
        return _check_headers(request) or self._route(request)

    def _route(self, request: Request) -> Reply:
        head, _, task_id = request.path.rpartition("/")
        match request.method, request.path:
            case "POST", "/v1/text_to_video":
                return self._create(request)
            case "GET", "/v1/organization":
                return self._organization()
            case "GET", _ if head == "/v1/tasks":
                return self._poll(task_id)
            case "DELETE", _ if head == "/v1/tasks":
                return self._delete(task_id)
            case _, path if head == "/v1/tasks" or path in ("/v1/text_to_video", "/v1/organization"):
                return _error(405, "Method Not Allowed")
        return _error(404, "Not Found")

    # --- create -----------------------------------------------------------------------------------------------------

    def _create(self, request: Request) -> Reply:
        text, task, hang = request.body.decode("utf-8", "replace"), None, 0.0
        try:
            order = check_order(json.loads(request.body))
            text = order.prompt
            reply, task, hang = self._place(order)
        except InvalidBodyError as error:
            reply = _invalid(error.issues)
        except ValueError:
            reply = _error(400, "Invalid JSON body.")
        self._journal.add(
            text,
            {
                "at": timestamp(self._clock()),
                "prompt_sha256": sha256_of(text),
                "task_id": task.id if task else None,
                "status": None if reply.reset else reply.status,
            },
        )
        self._stopping.wait(hang)
        return reply

    def _place(self, order: Order) -> tuple[Reply, Task | None, float]:
        """The reply, the task if one was created, and how many seconds to wait before replying."""
        queued = self._faults.take()
        faults = (*([queued] if queued else []), *faults_in(order.prompt, "runway"))
        kinds = {fault.kind for fault in faults}
        if "reject" in kinds:
            issue: dict[str, object] = {
                "code": "custom",
                "path": ["promptText"],
                "message": "The prompt could not be processed.",
            }
            return _invalid([issue]), None, 0.0
        for kind in [kind for kind in _REFUSALS if kind in kinds]:
            if kind != "busy_once" or self._first_time(order.prompt):
                return _error(*_REFUSALS[kind]), None, 0.0
        with self._lock:
            task = self._book.add(order, faults)
            self._save()
        if task.needs_film:
            self._make_film(task)
        return _created(task, faults), task, _hang_seconds(faults)

    def _first_time(self, prompt: str) -> bool:
        mark = sha256_of(prompt)
        with self._lock:
            is_first = mark not in self._seen_once
            self._seen_once.add(mark)
        return is_first

    def _make_film(self, task: Task) -> None:
        order = task.order
        self._studio.order(task.film_id, order.prompt, order.width, order.height, order.seconds, order.seed)

    # --- tasks ------------------------------------------------------------------------------------------------------

    def _find(self, task_id: str) -> Task | None:
        with self._lock:
            before = [task.status for task in self._book.all()]
            task = self._book.get(task_id)
            if before != [task.status for task in self._book.all()]:
                self._save()
        return task

    def _poll(self, task_id: str) -> Reply:
        task = self._find(task_id)
        if task is None or task.has("vanish"):
            return _json(404, {"error": "Could not find Task"})
        with self._lock:
            if task.once("poll_error_once"):
                self._save()
                return Reply(502, b"<html><body>502 Bad Gateway</body></html>", {"content-type": "text/html"})
            return _json(200, self._described(task))

    def _described(self, task: Task) -> dict[str, object]:
        common = {"id": task.id, "createdAt": timestamp(task.created_at), "status": task.status}
        if not task.is_final:
            progress = {"progress": self._book.progress(task)} if task.status == "RUNNING" else {}
            return {**common, **progress, "estimatedCost": {"credits": task.order.credits}}
        cost = {"cost": {"credits": task.charged}}
        if task.status == "SUCCEEDED":
            return {**common, "output": self._urls(task), **cost}
        if task.status == "FAILED":
            code, text, _ = task.failure
            return {**common, "failure": text, **({"failureCode": code} if code else {}), **cost}
        return {**common, **cost}

    def _urls(self, task: Task) -> list[str]:
        if task.has("empty_output"):
            return []
        if task.has("foreign_host"):
            return [_FOREIGN_URL]
        lifetime = self._link_seconds
        if task.once("expired_once"):
            lifetime = -1.0
            self._save()
        return [self._base_url() + self._links.sign(f"/outputs/{task.film_id}.mp4", lifetime)]

    def _delete(self, task_id: str) -> Reply:
        with self._lock:
            if self._find(task_id) is None:
                return _json(404, {"error": "Could not find Task"})
            self._forget(task_id)
            self._save()
        return Reply(204, headers={"apigw-requestid": _request_id()})

    def _forget(self, task_id: str) -> None:
        task = self._book.remove(task_id)
        if task is not None:
            self._studio.drop(task.film_id)

    def _output(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return _error(405, "Method Not Allowed")
        name = request.path.rpartition("/")[2]
        try:
            self._links.check(f"/outputs/{name}", request.query.get("_jwt", ""))
        except BadLinkError:
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>", {"content-type": "application/xml"})
        with self._lock:
            task = self._book.of_film(name.removesuffix(".mp4"))
        if task is None:
            return _json(404, {"error": "Not Found"})
        elsewhere = self._base_url() + f"/elsewhere/{name}?_jwt={request.query['_jwt']}"
        return download(request, task, self._studio.path(task.film_id), elsewhere)

    def _organization(self) -> Reply:
        with self._lock:
            self._book.advance()
            tasks = self._book.all()
        daily = {name: sum(task.order.model == name for task in tasks) for name in MODEL_NAMES}
        limits = {"maxConcurrentGenerations": self._concurrency, "maxDailyGenerations": _DAILY_GENERATIONS}
        return _json(
            200,
            {
                "creditBalance": _CREDITS - sum(task.charged for task in tasks if task.is_final),
                "tier": {"maxMonthlyCreditSpend": 10_000_000, "models": dict.fromkeys(MODEL_NAMES, limits)},
                "usage": {"models": {name: {"dailyGenerations": count} for name, count in daily.items()}},
            },
        )

    # --- control ----------------------------------------------------------------------------------------------------

    def _times(self, task_id: str) -> Reply:
        """When the provider's own work on a task began and ended, for scripts that measure only ours."""
        task = self._find(task_id)
        if task is None:
            return json_reply(404, {"error": "Could not find Task"})
        moments = {"createdAt": task.created_at, "startedAt": task.started_at, "finishedAt": task.finished_at}
        times = {name: None if at is None else timestamp(at) for name, at in moments.items()}
        return json_reply(200, {"id": task.id, "status": task.status, **times})

    def _report(self, contains: str) -> dict[str, object]:
        found = self._journal.find(contains)
        return {"count": len(found), "creates": found}

    def _save(self) -> None:
        self._state.save(self._book.dump())


def _created(task: Task, faults: tuple[Fault, ...]) -> Reply:
    for fault in faults:
        if fault.kind == "error_after_create":
            return _error(500, "An unexpected error occurred.")
        if fault.kind in ("cut_after_create", "timeout_after_create"):
            return Reply(reset=True)
    return _json(200, {"id": task.id, "estimatedCost": {"credits": task.order.credits}})


def _hang_seconds(faults: tuple[Fault, ...]) -> float:
    """How long the create call stays silent, in seconds: 0 unless timeout_after_create asks for it."""
    return next((fault.amount or _HANG_SECONDS for fault in faults if fault.kind == "timeout_after_create"), 0.0)


def _check_headers(request: Request) -> Reply | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return _error(401, "No API key was provided. Provide one in the Authorization header as a Bearer token.")
    if token.strip() != RUNWAY_KEY:
        return _error(*_REFUSALS["auth"])
    version = request.headers.get("x-runway-version")
    if version is None:
        return _error(400, "The X-Runway-Version header is required.")
    if version != VERSION:
        return _error(400, f"The X-Runway-Version header must be {VERSION}.")
    return None


def _request_id() -> str:
    return secrets.token_urlsafe(11) + "="


def _json(status: int, value: object) -> Reply:
    return json_reply(status, value, {"apigw-requestid": _request_id()})


def _error(status: int, message: str) -> Reply:
    return _json(status, {"error": message, "docUrl": _DOCS})


def _invalid(issues: list[dict[str, object]]) -> Reply:
    return _json(400, {"error": "Validation of body failed", "issues": issues, "docUrl": _DOCS})
