"""``Idempotency-Key`` handling for the routes that cost money."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import BaseModel

from dreamvision.core.errors import DreamVisionError
from dreamvision.limits.idempotency import Idempotency, IdempotentRequest
from dreamvision.limits.rate_limits import RateLimits, Scope
from dreamvision_api.api import Api
from dreamvision_api.rate_limiting import enforce_rate_limit

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description="A value that identifies this request, such as a new UUID: 1 to 255 visible ASCII characters. A"
        " request that is repeated with the same key within 24 hours runs once and gets the same response.",
        examples=["0f8fad5b-d9cb-469f-a165-70867728950e"],
    ),
]


@contextmanager
def idempotent_request(
    api: Api,
    scope: Scope,
    key: str | None,
    body: BaseModel,
    *,
    is_done: Callable[[IdempotentRequest], bool] | None = None,
) -> Iterator[IdempotentRequest]:
    """Run a valid request that costs money: count it against the rate limit, and run it once per key.

    ``is_done``: see ``Idempotency.claim``.

    If ``replayed`` is set on the yielded request, it was completed before and must not run again. A
    ``DreamVisionError`` in the block means that nothing of the request continues: the key may be reused. After any
    other error the next run resumes what this one may have left.

    Raises:
        RateLimitedError: the user has used up the rate limit of the route.
        IdempotencyKeyReusedError: the key was used with another body.
        RequestInProgressError: a request with this key is still running.
    """
    user_id = api.caller.user_id
    enforce_rate_limit(api, RateLimits.shared().count_user(scope, user_id))
    idempotency = Idempotency.shared()
    request = idempotency.claim(user_id, scope, key, body.model_dump_json(), is_done=is_done)
    try:
        yield request
    except DreamVisionError:
        idempotency.discard(request)
        raise
    except Exception:
        idempotency.release(request)
        raise
    idempotency.complete(request)
