"""Runway's API as a function from request to reply (docs.dev.runwayml.com, API version 2024-11-06)."""

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
from local.sandbox.request_log import RequestLog, sha256_of, timestamp
from local.sandbox.runway.downloads import download
from local.sandbox.runway.film_queue import FilmQueue
from local.sandbox.runway.links import InvalidLinkError, LinkSigner
from local.sandbox.runway.state_file import StateFile
from local.sandbox.runway.tasks import Task, TaskQueue
from local.sandbox.runway.validation import MODEL_NAMES, GenerationRequest, InvalidBodyError, validate_request

VERSION = "2024-11-06"
_DOCS = "https://docs.dev.runwayml.com/api"
_DAY_SECONDS = 86_400.0
_RETENTION_SECONDS = 7 * _DAY_SECONDS
_TIMEOUT_SECONDS = 60.0
_CREDITS = 100_000
_DAILY_GENERATIONS = 25_000
_FOREIGN_URL = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
_REJECTIONS: dict[str, tuple[int, str]] = {
    "credits": (400, "You do not have enough credits to run this task."),
    "auth": (401, "The API key provided is invalid."),
    "quota": (429, "Your daily task limit has been reached."),
    "busy_once": (503, "The service is temporarily unavailable."),
}
"""Faults that reject the create call, so that no task is created: status and error message."""


class RunwayApi:
    """Runway's API.

    Tasks take ``render_seconds`` from creation to their end. ``base_url()`` is the base of the output URLs. Setting
    ``stopping`` ends every delay at once.
    """

    def __init__(
        self,
        state_dir: Path,
        render_seconds: float,
        concurrency: int,
        stopping: threading.Event,
        base_url: Callable[[], str],
        link_seconds: float = _DAY_SECONDS,
        clock: Callable[[], float] = time.time,
        reuse_videos: bool = False,
    ) -> None:
        self._clock = clock
        self._stopping = stopping
        self._base_url = base_url
        self._link_seconds = link_seconds
        self._concurrency = concurrency
        self._state = StateFile(state_dir)
        self._film_queue = FilmQueue(state_dir / "outputs", reuse=reuse_videos)
        self._links = LinkSigner(self._state.secret.encode(), clock)
        self._tasks = TaskQueue(self._film_queue, render_seconds, concurrency, clock)
        self._request_log = RequestLog()
        self._faults = FaultQueue(RUNWAY_KINDS)
        self._lock = threading.RLock()
        self._seen_once: set[str] = set()

    def start(self) -> None:
        """Restore the saved tasks: delete those older than 7 days and restart unfinished renders."""
        self._film_queue.start()
        self._tasks.load(self._state.tasks)
        for task in self._tasks.all():
            if task.is_final and self._clock() - task.created_at > _RETENTION_SECONDS:
                self._remove(task.id)
            elif task.needs_video and not task.is_final and self._film_queue.ready_at(task.video_id) is None:
                self._submit_render(task)

    def stop(self) -> None:
        self._film_queue.stop()
        with self._lock:
            self._save()

    def reset(self) -> None:
        """Delete tasks, videos, logged requests, queued faults and the record of one-time faults."""
        with self._lock:
            for task in self._tasks.all():
                self._remove(task.id)
            self._seen_once.clear()
            self._save()
        self._request_log.clear()
        self._faults.clear()

    def reject(self, status: int) -> Reply:
        """Build the reply to an unread request: 413 if it is too large, 411 if it has no Content-Length."""
        return _error(status, "Request body is too large." if status == 413 else "Content-Length is required.")

    def handle(self, request: Request) -> Reply:
        if request.path.startswith(f"{PREFIX}tasks/"):
            return self._task_times(request.path.removeprefix(f"{PREFIX}tasks/"))
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
        text, task, delay = request.body.decode("utf-8", "replace"), None, 0.0
        try:
            generation = validate_request(json.loads(request.body))
            text = generation.prompt
            reply, task, delay = self._create_task(generation)
        except InvalidBodyError as error:
            reply = _invalid(error.issues)
        except ValueError:
            reply = _error(400, "Invalid JSON body.")
        self._request_log.add(
            text,
            {
                "at": timestamp(self._clock()),
                "prompt_sha256": sha256_of(text),
                "task_id": task.id if task else None,
                "status": None if reply.reset else reply.status,
            },
        )
        self._stopping.wait(delay)
        return reply

    def _create_task(self, generation: GenerationRequest) -> tuple[Reply, Task | None, float]:
        """Return the reply, the task if one was created, and the seconds to wait before replying."""
        queued = self._faults.take()
        faults = (*([queued] if queued else []), *faults_in(generation.prompt, "runway"))
        kinds = {fault.kind for fault in faults}
        if "reject" in kinds:
            issue: dict[str, object] = {
                "code": "custom",
                "path": ["promptText"],
                "message": "The prompt could not be processed.",
            }
            return _invalid([issue]), None, 0.0
        for kind in [kind for kind in _REJECTIONS if kind in kinds]:
            if kind != "busy_once" or self._is_first_time(generation.prompt):
                return _error(*_REJECTIONS[kind]), None, 0.0
        with self._lock:
            task = self._tasks.add(generation, faults)
            self._save()
        if task.needs_video:
            self._submit_render(task)
        return _created(task, faults), task, _delay_seconds(faults)

    def _is_first_time(self, prompt: str) -> bool:
        digest = sha256_of(prompt)
        with self._lock:
            is_first = digest not in self._seen_once
            self._seen_once.add(digest)
        return is_first

    def _submit_render(self, task: Task) -> None:
        request = task.request
        self._film_queue.submit(
            task.video_id, request.prompt, request.width, request.height, request.seconds, request.seed
        )

    # --- tasks ------------------------------------------------------------------------------------------------------

    def _find(self, task_id: str) -> Task | None:
        with self._lock:
            before = [task.status for task in self._tasks.all()]
            task = self._tasks.get(task_id)
            if before != [task.status for task in self._tasks.all()]:
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
            return _json(200, self._task_body(task))

    def _task_body(self, task: Task) -> dict[str, object]:
        common = {"id": task.id, "createdAt": timestamp(task.created_at), "status": task.status}
        if not task.is_final:
            progress = {"progress": self._tasks.progress(task)} if task.status == "RUNNING" else {}
            return {**common, **progress, "estimatedCost": {"credits": task.request.credits}}
        cost = {"cost": {"credits": task.charged}}
        if task.status == "SUCCEEDED":
            return {**common, "output": self._output_urls(task), **cost}
        if task.status == "FAILED":
            code, text, _ = task.failure
            return {**common, "failure": text, **({"failureCode": code} if code else {}), **cost}
        return {**common, **cost}

    def _output_urls(self, task: Task) -> list[str]:
        if task.has("empty_output"):
            return []
        if task.has("foreign_host"):
            return [_FOREIGN_URL]
        lifetime = self._link_seconds
        if task.once("expired_once"):
            lifetime = -1.0
            self._save()
        return [self._base_url() + self._links.sign(f"/outputs/{task.video_id}.mp4", lifetime)]

    def _delete(self, task_id: str) -> Reply:
        with self._lock:
            if self._find(task_id) is None:
                return _json(404, {"error": "Could not find Task"})
            self._remove(task_id)
            self._save()
        return Reply(204, headers={"apigw-requestid": _request_id()})

    def _remove(self, task_id: str) -> None:
        task = self._tasks.remove(task_id)
        if task is not None:
            self._film_queue.delete(task.video_id)

    def _output(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return _error(405, "Method Not Allowed")
        name = request.path.rpartition("/")[2]
        try:
            self._links.check(f"/outputs/{name}", request.query.get("_jwt", ""))
        except InvalidLinkError:
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>", {"content-type": "application/xml"})
        with self._lock:
            task = self._tasks.find_by_video(name.removesuffix(".mp4"))
        if task is None:
            return _json(404, {"error": "Not Found"})
        elsewhere = self._base_url() + f"/elsewhere/{name}?_jwt={request.query['_jwt']}"
        return download(request, task, self._film_queue.path(task.video_id), elsewhere)

    def _organization(self) -> Reply:
        with self._lock:
            self._tasks.advance()
            tasks = self._tasks.all()
        daily = {name: sum(task.request.model == name for task in tasks) for name in MODEL_NAMES}
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

    def _task_times(self, task_id: str) -> Reply:
        """Reply with a task's start and finish, so that scripts can subtract the provider's time."""
        task = self._find(task_id)
        if task is None:
            return json_reply(404, {"error": "Could not find Task"})
        moments = {"createdAt": task.created_at, "startedAt": task.started_at, "finishedAt": task.finished_at}
        times = {name: None if at is None else timestamp(at) for name, at in moments.items()}
        return json_reply(200, {"id": task.id, "status": task.status, **times})

    def _report(self, contains: str) -> dict[str, object]:
        found = self._request_log.find(contains)
        return {"count": len(found), "creates": found}

    def _save(self) -> None:
        self._state.save(self._tasks.dump())


def _created(task: Task, faults: tuple[Fault, ...]) -> Reply:
    for fault in faults:
        if fault.kind == "error_after_create":
            return _error(500, "An unexpected error occurred.")
        if fault.kind in ("cut_after_create", "timeout_after_create"):
            return Reply(reset=True)
    return _json(200, {"id": task.id, "estimatedCost": {"credits": task.request.credits}})


def _delay_seconds(faults: tuple[Fault, ...]) -> float:
    """Return the delay of the create call in seconds: 0 without the fault ``timeout_after_create``."""
    return next((fault.amount or _TIMEOUT_SECONDS for fault in faults if fault.kind == "timeout_after_create"), 0.0)


def _check_headers(request: Request) -> Reply | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return _error(401, "No API key was provided. Provide one in the Authorization header as a Bearer token.")
    if token.strip() != RUNWAY_KEY:
        return _error(*_REJECTIONS["auth"])
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
