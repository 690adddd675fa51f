"""State ``Forget``: deletes the notes of what was erased."""

from typing import Any

from dreamvision.erasing import forget
from dreamvision.erasure_workflow import Erasure, erasure_task
from dreamvision.tables.database import Database
from dreamvision.tables.trash import Trash


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    return {"after": forget(erasure, Trash(Database.shared())) or ""}
