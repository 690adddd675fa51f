"""State ``SoftDelete``: dreams and videos leave their user."""

from typing import Any

from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.erasure.workflow import Erasure, erasure_task

# Each takes a handful of writes.
_DREAMS_PER_RUN = 50


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    discarding = DreamDeletion.shared()
    if erasure.dream_id is None:
        return {"more": discarding.soft_delete_batch(erasure.user_id, _DREAMS_PER_RUN)}
    discarding.soft_delete_dream(erasure.user_id, erasure.dream_id)
    return {"more": False}
