"""The resolver and entry point of every API function: authentication first, then the body, then the route."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from dreamvision.core.error_reports import report, reports_errors
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.logging import log_unexpected
from dreamvision.core.metrics import count_access_error
from dreamvision.schemas.invalid_values import ValueCode
from dreamvision_api import etags, problems
from dreamvision_api.edge import require_cloudfront
from dreamvision_api.invalid_values import invalid_value
from dreamvision_api.problem_responses import MAX_ERRORS, error_response, problem_response
from dreamvision_api.request_body import RequestBodyError, json_object, require_json_object
from dreamvision_api.response_headers import with_defaults

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from dreamvision_api.authentication import Caller

type Event = dict[str, Any]

logger = Logger()


class InvalidInputError(DreamVisionError):
    """A value that only the route itself can validate.

    ``location`` is where it stands in the request, for example ``["query", "cursor"]``.
    """

    default_message = "The request has an invalid value."
    user_message = "See `errors` for the values to correct."

    def __init__(self, location: Sequence[str], code: ValueCode, sentence: str) -> None:
        super().__init__()
        self.problem_errors = [{"loc": list(location), "msg": sentence, "code": code.value}]


class Api:
    """The routes of one Lambda function.

    ``public`` lists the route keys that need no token, in API Gateway's notation (``POST /api/v1/auth/login``). Every
    other route requires a token: without a valid one the response is 401, before anything else is checked.

    ``count_public`` counts a request to a public route, or refuses it by an error. It is called before the body is
    validated, so that invalid requests count, too.
    """

    def __init__(
        self, *, public: frozenset[str] = frozenset(), count_public: "Callable[[Api], None] | None" = None
    ) -> None:
        self.routes = APIGatewayHttpResolver(
            enable_validation=True, response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR
        )
        self.public = public
        self._count_public = count_public
        self._response_headers: dict[str, str] = {}
        self._register_error_handlers()

    @property
    def caller(self) -> "Caller":
        """The authenticated user of the current request."""
        caller: Caller = self.routes.context["caller"]
        return caller

    @property
    def request_id(self) -> str:
        """API Gateway's id of the current request. Error responses and all log lines include it."""
        return str(self.routes.current_event.request_context.request_id)

    @property
    def route_key(self) -> str:
        """The route of the current request in API Gateway's notation (``POST /api/v1/auth/login``)."""
        return str(self.routes.current_event["routeKey"])

    @property
    def source_address(self) -> str:
        """The IP address that API Gateway saw, see ``client_address``. Personal data: never log it."""
        return str(self.routes.current_event.request_context.http.source_ip)

    def header(self, name: str) -> str:
        """Return a header of the current request, or an empty string."""
        return str(self.routes.current_event.headers.get(name, ""))

    def json_object(self) -> dict[str, Any] | None:
        """Return the body of the current request, not validated; ``None`` if it has none.

        Raises:
            RequestBodyError: the body is too large, or not a JSON object.
        """
        return json_object(self.routes.current_event.raw_event)

    def add_problem_fields(self, **fields: str) -> None:
        """Add ids to the problem response of the current request, should it fail."""
        self.routes.append_context(problem_fields=fields)

    def add_response_headers(self, headers: Mapping[str, str]) -> None:
        """Add headers to the response of the current request, whether it succeeds or fails."""
        self._response_headers |= headers

    def handle(self, event: Event, context: "LambdaContext") -> dict[str, Any]:
        """Handle one HTTP API event (payload format 2.0)."""
        request_id = str(event["requestContext"]["requestId"])
        logger.append_keys(request_id=request_id, route=str(event["routeKey"]))
        response = self._respond(event, context, request_id)
        logger.info("answered", extra={"status": response["statusCode"]})
        return response

    def _respond(self, event: Event, context: "LambdaContext", request_id: str) -> dict[str, Any]:
        self._response_headers = {}
        self.routes.current_event = APIGatewayProxyEventV2(event)
        response: dict[str, Any] = self._refusal(event, request_id) or self.routes.resolve(event, context)
        headers = with_defaults({**response.get("headers", {}), **self._response_headers})
        # The body of a 204 or 304 is an empty string: not every gateway accepts null.
        return etags.not_modified(event, {**response, "headers": headers, "body": response.get("body") or ""})

    def _refusal(self, event: Event, request_id: str) -> dict[str, Any] | None:
        """Return the response to a request that is refused before its route runs."""
        try:
            require_cloudfront(event)
            if event["routeKey"] not in self.public:
                self.routes.append_context(caller=_authenticate(event))
            elif self._count_public is not None:
                self._count_public(self)
            require_json_object(event)
        except DreamVisionError as error:
            return _serialize(_expected_error(error, request_id))
        except RequestBodyError as error:
            return _serialize(problem_response(error.problem, detail=error.detail, request_id=request_id))
        except Exception as error:
            return _serialize(_internal_error(error, request_id))
        return None

    def _register_error_handlers(self) -> None:
        routes = self.routes

        @routes.exception_handler(RequestValidationError)
        def invalid_request(error: RequestValidationError) -> Response[str]:
            return _validation_problem(error.errors(), self.request_id)

        @routes.exception_handler(NotFoundError)
        def route_not_found(_: NotFoundError) -> Response[str]:
            return problem_response(
                problems.ROUTE_NOT_FOUND, detail="No route has this path and method.", request_id=self.request_id
            )

        @routes.exception_handler(DreamVisionError)
        def expected_error(error: DreamVisionError) -> Response[str]:
            return _expected_error(error, self.request_id, self.routes.context.get("problem_fields"))

        @routes.exception_handler([ResponseValidationError, Exception])
        def unexpected_error(error: Exception) -> Response[str]:
            return _internal_error(error, self.request_id)


def _validation_problem(errors: Sequence[Mapping[str, Any]], request_id: str) -> Response[str]:
    invalid_values = [invalid_value(error) for error in errors[:MAX_ERRORS]]
    return problem_response(
        problems.VALIDATION, detail=InvalidInputError.user_message, request_id=request_id, errors=invalid_values
    )


type Handler = Callable[[Event, LambdaContext], dict[str, Any]]


def lambda_handler(api: Api) -> Handler:
    """Return the function's Lambda handler. It logs the invocation's ids, never the event."""

    @reports_errors
    @logger.inject_lambda_context(clear_state=True)
    def handler(event: Event, context: "LambdaContext") -> dict[str, Any]:
        return api.handle(event, context)

    return handler


def _authenticate(event: Event) -> "Caller":
    # Imported lazily, as it loads the database client, which a function with public routes alone does not need.
    from dreamvision_api.authentication import authenticate

    return authenticate(event)


def _expected_error(error: DreamVisionError, request_id: str, fields: Mapping[str, str] | None = None) -> Response[str]:
    count_access_error(error)
    report(error)
    problem = problems.problem_for(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", extra={"error": type(error).__name__, "status": int(problem.status)})
    return error_response(error, request_id, fields)


def _internal_error(error: Exception, request_id: str) -> Response[str]:
    log_unexpected(logger, error)
    return problem_response(
        problems.INTERNAL, detail="The error has been logged. Please try again later.", request_id=request_id
    )


def _serialize(response: Response[str]) -> dict[str, Any]:
    headers = {name: str(value) for name, value in response.headers.items()}
    return {"statusCode": response.status_code, "headers": headers, "body": response.body, "isBase64Encoded": False}
