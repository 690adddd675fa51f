"""What every operation of the in-memory user pool has in common."""

import threading
from collections.abc import Callable
from functools import cache, wraps

import botocore.session
from botocore.exceptions import ParamValidationError
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.permissions.running import check_call


class Pool:
    """What the operations use. ``failures`` has the errors that an operation raises, before or after its effect."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures: dict[str, tuple[Exception | None, Exception | None]] = {}
        self.lock = threading.RLock()

    def fail(self, operation: str, error: Exception, *, after: bool = False) -> None:
        """Let the next call of this operation fail, before or after its effect."""
        self.failures[operation] = (None, error) if after else (error, None)


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("cognito-idp")


def operation[**Parameters, Result](method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run one call at a time, validated against botocore's model and the role, or raise the failure that a test set."""
    name = "".join(part.capitalize() for part in method.__name__.split("_"))

    @wraps(method)
    def called(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        model = _model().operation_model(name)
        assert model.input_shape is not None
        report = ParamValidator().validate(kwargs, model.input_shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        # As botocore marks what is authorized by a token or a secret instead of IAM.
        if model.auth_type != "none":
            check_call("cognito-idp", name, kwargs)
        pool = args[0]
        assert isinstance(pool, Pool)
        with pool.lock:
            pool.calls.append(name)
            before, after = pool.failures.pop(name, (None, None))
            if before:
                raise before
            result = method(*args, **kwargs)
            if after:
                raise after
            return result

    return called
