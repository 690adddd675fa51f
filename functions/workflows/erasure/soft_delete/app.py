"""State ``SoftDelete``: move dreams and videos from their user to tombstones."""

from typing import Any

from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.erasure.workflow import Erasure, erasure_task

# Each dream takes a handful of writes.
_DREAMS_PER_RUN = 50


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    deletion = DreamDeletion.shared()
    if erasure.dream_id is None:
        return {"more": deletion.soft_delete_batch(erasure.user_id, _DREAMS_PER_RUN)}
    deletion.soft_delete_dream(erasure.user_id, erasure.dream_id)
    return {"more": False}
