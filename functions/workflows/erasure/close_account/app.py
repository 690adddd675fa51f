"""State ``CloseAccount``: end every session and prevent further sign-ins.

Whoever may start an execution chooses its input, but the function behind ``/api/v1/dreams`` cannot write the record
that is required here: its role covers those of dreams only.
"""

from typing import Any

from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.open_erasures import OpenErasures
from dreamvision.erasure.workflow import Erasure, ErasureNotRequestedError, erasure_task


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    account = AccountErasure.shared()
    if not OpenErasures.shared().has_account(erasure.user_id) and not account.is_closed(erasure.user_id):
        raise ErasureNotRequestedError
    account.close(erasure.user_id)
    return {}
