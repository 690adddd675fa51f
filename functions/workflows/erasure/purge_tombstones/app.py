"""State ``PurgeTombstones``: delete the tombstones of erased dreams and videos."""

from typing import Any

from dreamvision.core.metrics import Metric, count
from dreamvision.database.client import Database
from dreamvision.erasure.cleanup import purge_tombstones
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.erasure.workflow import Erasure, erasure_task


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    after = purge_tombstones(erasure, TombstoneRepository(Database.shared()))
    if after is None and not erasure.whole_account:  # that of an account ends with DeleteAccount
        count(Metric.ERASURES_FINISHED)
    return {"after": after or ""}
