"""State ``CloseAccount``: end every session and prevent further sign-ins."""

from typing import Any

from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.workflow import Erasure, erasure_task


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    AccountErasure.shared().close(erasure.user_id)
    return {}
