"""What the routes that cost money share: the rate limit's headers, and ``Idempotency-Key``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import BaseModel

from dreamvision.errors import DreamVisionError
from dreamvision.idempotency import Attempt, Idempotency
from dreamvision.limits import WINDOW_SECONDS, RateLimitedError, RateLimits, Scope, Window
from dreamvision_api.api import Api

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


def require_within(api: Api, window: Window) -> None:
    """Tell the client where it stands, and refuse a request that is one too many.

    Raises:
        RateLimitedError
    """
    api.add_answer_headers(rate_limit_headers(window))
    if not window.allowed:
        raise RateLimitedError(window.resets_in_seconds)


def rate_limit_headers(window: Window) -> dict[str, str]:
    """``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-10): q requests within w seconds,
    r of them left, t seconds until there are more."""
    return {
        "RateLimit-Policy": f'"{window.scope}";q={window.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{window.scope}";r={window.remaining};t={window.resets_in_seconds}',
    }


@contextmanager
def spending(
    api: Api,
    scope: Scope,
    key: str | None,
    body: BaseModel,
    *,
    is_done: Callable[[Attempt], bool] | None = None,
) -> Iterator[Attempt]:
    """One run of a valid request that costs money: counted against the rate limit, and done once per key.

    ``is_done``: see ``Idempotency.begin``.

    Where ``replayed`` is set, the request was answered before and nothing is to be done again. An error of ours means
    that nothing of the request goes on, and the key is free again; any other, that the next run has to look.

    Raises:
        RateLimitedError, IdempotencyKeyReusedError, RequestInProgressError
    """
    user_id = api.caller.user_id
    require_within(api, RateLimits.shared().count_user(scope, user_id))
    idempotency = Idempotency.shared()
    attempt = idempotency.begin(user_id, scope, key, body.model_dump_json(), is_done=is_done)
    try:
        yield attempt
    except DreamVisionError:
        idempotency.forget(attempt)
        raise
    except Exception:
        idempotency.let_go(attempt)
        raise
    idempotency.finish(attempt)
