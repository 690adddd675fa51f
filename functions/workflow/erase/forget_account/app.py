"""State ``ForgetAccount``: connections, profile, user name and the user themselves."""

from typing import Any

from dreamvision.account_erasure import AccountErasure
from dreamvision.erasure_workflow import Erasure, erasure_task
from dreamvision.tables.connections import Connections


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    Connections.shared().remove_all(erasure.user_id)
    AccountErasure.shared().forget(erasure.user_id)
    return {}
