"""Sentry's SDK, restricted to what says nothing about persons and dreams. Imported by ``core/error_reports.py`` only.

An event consists of the fields that ``allowed`` copies. No messages: those of libraries quote their input (pydantic's
quotes invalid values, an HTTP client's the URL). No local variables, source lines, requests, users, breadcrumbs, tags,
attachments or host names.
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sentry_sdk

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

# The fields' meanings: https://develop.sentry.dev/sdk/data-model/event-payloads/
_EVENT: Final = ("event_id", "timestamp", "platform", "level", "environment", "release", "sdk", "transaction")
_EXCEPTION: Final = ("type", "module")
_MECHANISM: Final = ("type", "handled", "exception_id", "parent_id")
_FRAME: Final = ("filename", "abs_path", "module", "function", "lineno", "in_app")
_FLUSH_SECONDS: Final = 2


def capture(error: BaseException, dsn: str, request_id: str) -> None:
    """Queue a report of the error.

    Raises:
        sentry_sdk.utils.BadDsn: ``dsn`` is no address of a Sentry project.
    """
    _start(dsn)
    with sentry_sdk.new_scope() as scope:
        scope.set_transaction_name(os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""))
        scope.set_tag("function_request_id", request_id)
        scope.capture_exception(error)


def flush() -> None:
    """Wait for the queued reports, at most two seconds."""
    sentry_sdk.flush(timeout=_FLUSH_SECONDS)


def allowed(event: "Event", hint: "Hint") -> "Event":
    """Return a new event of the allowed fields: class names, stack frames, ids and the names of functions."""
    hint["attachments"] = []
    kept: Any = _kept(event, _EVENT)
    request_id = event.get("tags", {}).get("function_request_id")
    kept["tags"] = {"function_request_id": request_id} if request_id else {}
    values = event.get("exception", {}).get("values", [])
    kept["exception"] = {"values": [_exception(each) for each in values]}
    return kept  # type: ignore[no-any-return]


def _exception(given: dict[str, Any]) -> dict[str, Any]:
    frames = (given.get("stacktrace") or {}).get("frames", [])
    return _kept(given, _EXCEPTION) | {
        "mechanism": _kept(given.get("mechanism") or {}, _MECHANISM),
        "stacktrace": {"frames": [_kept(frame, _FRAME) for frame in frames]},
    }


def _kept(given: Any, names: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401 - typed dictionaries of the SDK
    return {name: given[name] for name in names if given.get(name) is not None}


@cache
def _start(dsn: str) -> None:
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    sentry_sdk.init(
        dsn,
        before_send=allowed,
        environment=os.environ.get("POWERTOOLS_SERVICE_NAME", "dreamvision"),
        # Otherwise the SDK starts git to find one.
        release=f"{function}@{version}",
        # None of them: they collect log records, requests, headers, arguments and the names of installed packages.
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        in_app_include=["dreamvision", "dreamvision_api", "app"],
        enable_backpressure_handling=False,
    )
