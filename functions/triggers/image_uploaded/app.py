"""Check an image that was uploaded to S3, then attach it to its dream or reject it. Triggered by EventBridge."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.dreams.uploads import Uploads
from dreamvision.media.images import reencode_image

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    uploaded = event["detail"]["object"]
    status = Uploads.shared().receive(str(uploaded["key"]), reencode_image, str(uploaded["sequencer"]))
    logger.info("upload checked", extra={"upload_status": status or "unexpected"})
    return {"status": status}
