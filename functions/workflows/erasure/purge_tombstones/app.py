"""State ``PurgeTombstones``: delete the tombstones of erased dreams and videos. The last step of a dream's erasure."""

from typing import Any

from dreamvision.core.metrics import Metric, count
from dreamvision.database.client import Database
from dreamvision.erasure.cleanup import purge_tombstones
from dreamvision.erasure.open_erasures import OpenErasures
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.erasure.workflow import Erasure, erasure_task


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    after = purge_tombstones(erasure, TombstoneRepository(Database.shared()))
    if after is None and erasure.dream_id is not None:  # an account ends with DeleteAccount
        OpenErasures.shared().end(erasure.user_id, erasure.dream_id)
        count(Metric.ERASURES_FINISHED)
    return {"after": after or ""}
