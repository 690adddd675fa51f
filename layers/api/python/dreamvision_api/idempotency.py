"""``Idempotency-Key`` on the routes that spend money."""

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
        description="A text of your own, a fresh UUID for example: 1 to 255 visible ASCII characters. The same request"
        " sent again with the same key within 24 hours is done once and answered twice.",
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
    """One run of a valid request that costs money: counted against the rate limit, and done once per key.

    ``is_done``: see ``Idempotency.claim``.

    Where ``replayed`` is set, the request was answered before and nothing is to be done again. An error of ours means
    that nothing of the request goes on, and the key is free again; any other, that the next run has to look.

    Raises:
        RateLimitedError, IdempotencyKeyReusedError, RequestInProgressError
    """
    user_id = api.caller.user_id
    enforce_rate_limit(api, RateLimits.shared().count_user(scope, user_id))
    idempotency = Idempotency.shared()
    attempt = idempotency.claim(user_id, scope, key, body.model_dump_json(), is_done=is_done)
    try:
        yield attempt
    except DreamVisionError:
        idempotency.discard(attempt)
        raise
    except Exception:
        idempotency.release(attempt)
        raise
    idempotency.complete(attempt)
