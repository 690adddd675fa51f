"""Send push notifications about completed and failed videos. Triggered by the stream of the videos table."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.notifications.sender import NotificationSender
from dreamvision.notifications.stream import notify
from dreamvision.notifications.tasks import NotificationTasks

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    failed = notify(event["Records"], NotificationSender.shared(), NotificationTasks.shared())
    return {"batchItemFailures": [{"itemIdentifier": sequence_number} for sequence_number in sorted(failed)]}
