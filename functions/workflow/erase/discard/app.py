"""State ``Discard``: dreams and videos leave their user."""

from typing import Any

from dreamvision.discarding import Discarding
from dreamvision.erasure_workflow import Erasure, erasure_task

# Each takes a handful of writes.
_DREAMS_PER_RUN = 50


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    discarding = Discarding.shared()
    if erasure.dream_id is None:
        return {"more": discarding.discard_some(erasure.user_id, _DREAMS_PER_RUN)}
    discarding.discard_dream(erasure.user_id, erasure.dream_id)
    return {"more": False}
