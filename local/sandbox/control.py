"""Control routes of all sandboxes. They require no API key, since they belong to no vendor's API."""

import json
from collections.abc import Callable

from local.sandbox.faults import FaultQueue, UnknownFaultError
from local.sandbox.http_server import Reply, Request, json_reply

PREFIX = "/_sandbox/"


def control_reply(
    request: Request,
    faults: FaultQueue,
    requests: Callable[[str], dict[str, object]],
    reset: Callable[[], None],
) -> Reply:
    """Handle /_sandbox/health, /requests?contains=TEXT, /reset and /faults; return 404 for any other route."""
    match request.method, request.path.removeprefix(PREFIX):
        case "GET", "health":
            return json_reply(200, {"status": "healthy"})
        case "GET", "requests":
            return json_reply(200, requests(request.query.get("contains", "")))
        case "POST", "reset":
            reset()
            return Reply(204)
        case "POST", "faults":
            return _queue_faults(request, faults)
    return json_reply(404, {"error": "No such control route."})


def _queue_faults(request: Request, faults: FaultQueue) -> Reply:
    try:
        wanted = json.loads(request.body)["next"]
        return json_reply(200, {"waiting": faults.extend(wanted)})
    except UnknownFaultError as error:
        return json_reply(400, {"error": str(error)})
    except (ValueError, KeyError, TypeError, AttributeError):
        return json_reply(400, {"error": 'Send {"next": [{"kind": "..."}]}.'})
