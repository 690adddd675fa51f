"""Read the receipts of push notifications, and send again what Expo did not accept. Triggered by SQS."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.notifications.follow_up import FollowUp

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    failed = FollowUp.shared().process(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(failed)]}
