"""State ``ForgetAccount``: profile, user name and the user themselves."""

from typing import Any

from dreamvision.account_erasure import AccountErasure
from dreamvision.erasure_workflow import Erasure, erasure_task


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    AccountErasure.shared().forget(erasure.user_id)
    return {}
