"""Lambda handlers of Step Functions tasks."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.logging import log_unexpected

logger = Logger()


class UnexpectedError(DreamVisionError):
    """What a task raises instead of an error of a library, whose message could quote what it was given."""

    default_message = "A task failed unexpectedly; see the log for the location."


type TaskHandler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def task_of[Input: BaseModel](model: type[Input], work: Callable[[Input], dict[str, Any]], *logged: str) -> TaskHandler:
    """Make a Lambda handler out of the work that it does for an input; ``logged`` are the input's ids for the log.

    Errors of ours pass by their name, which the state machine's ``Retry`` and ``Catch`` know. Any other becomes an
    ``UnexpectedError`` without a message of its own.
    """

    @wraps(work)
    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        given = model.model_validate(event)
        logger.append_keys(**{name: getattr(given, name) for name in logged})
        try:
            result = work(given)
        except DreamVisionError as error:
            logger.warning("task failed", extra={"error": type(error).__name__})
            raise
        except Exception as error:
            log_unexpected(logger, error)
            raise UnexpectedError from None
        logger.info("task done", extra=result)
        return result

    return handler
