"""Lambda handlers of Step Functions tasks."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from pydantic import BaseModel

from dreamvision.core.error_reports import reports_errors
from dreamvision.core.errors import DreamVisionError, UnexpectedError
from dreamvision.core.logging import log_unexpected
from dreamvision.core.metrics import count_access_error

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


type TaskHandler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def task_of[Input: BaseModel](model: type[Input], work: Callable[[Input], dict[str, Any]], *logged: str) -> TaskHandler:
    """Return a Lambda handler that validates its input and calls ``work``; ``logged`` names the input's ids to log.

    A ``DreamVisionError`` propagates: the state machine's ``Retry`` and ``Catch`` refer to its class name. Any other
    error becomes an ``UnexpectedError`` with a fixed message.
    """

    @reports_errors
    @wraps(work)
    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        task_input = model.model_validate(event)
        logger.append_keys(**{name: getattr(task_input, name) for name in logged})
        try:
            result = work(task_input)
        except DreamVisionError as error:
            logger.warning("task failed", extra={"error": type(error).__name__})
            count_access_error(error)
            raise
        except Exception as error:
            log_unexpected(logger, error)
            raise UnexpectedError from None
        logger.info("task done", extra=result)
        return result

    return handler
