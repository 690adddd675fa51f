"""Run a command of an operator. Invoked by IAM principals only: no route, no trigger, no resource policy."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.operations.service import Operations, answer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: object, context: "LambdaContext") -> dict[str, Any]:
    return answer(event, context, Operations.shared)
