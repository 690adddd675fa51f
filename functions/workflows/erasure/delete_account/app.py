"""State ``DeleteAccount``: delete the connections, the profile, the username and the Cognito user."""

from typing import Any

from dreamvision.core.metrics import Metric, count
from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.workflow import Erasure, erasure_task
from dreamvision.realtime.repository import ConnectionRepository


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    ConnectionRepository.shared().remove_all(erasure.user_id)
    AccountErasure.shared().delete(erasure.user_id)
    count(Metric.ERASURES_FINISHED)
    return {}
