"""The resolver that every API function uses, and the way in: identity first, then the body, then the route."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.logging import log_unexpected
from dreamvision_api import etags, problems

if TYPE_CHECKING:
    from dreamvision_api.authentication import Caller

type Event = dict[str, Any]

logger = Logger()

_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_JSON_TYPES = frozenset({"", "application/json"})
_NO_STORE = {"Cache-Control": "no-store"}


class Api:
    """A set of routes behind one Lambda function.

    ``public`` names the routes that need no token, as API Gateway writes them (``POST /api/v1/auth/login``). Every
    other route is refused with 401 before anything else of the request is looked at.
    """

    def __init__(self, *, public: frozenset[str] = frozenset()) -> None:
        self.routes = APIGatewayHttpResolver(
            enable_validation=True, response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR
        )
        self.public = public
        self._answer_headers: dict[str, str] = {}
        self._register_error_handlers()

    @property
    def caller(self) -> "Caller":
        """Who sends the request at hand."""
        caller: Caller = self.routes.context["caller"]
        return caller

    @property
    def request_id(self) -> str:
        """The gateway's id of the request at hand; it is in the answer of an error and in every log line."""
        return str(self.routes.current_event.request_context.request_id)

    @property
    def source_address(self) -> str:
        """The address that the request at hand came from, as API Gateway saw it. Personal: for no log line."""
        return str(self.routes.current_event.request_context.http.source_ip)

    def header(self, name: str) -> str:
        """A header of the request at hand, or an empty text."""
        return str(self.routes.current_event.headers.get(name, ""))

    def add_problem_fields(self, **fields: str) -> None:
        """Ids that the client should learn even when the request ends in an error."""
        self.routes.append_context(problem_fields=fields)

    def add_response_headers(self, headers: Mapping[str, str]) -> None:
        """Headers that the answer to the request at hand gets in any case, also when it is an error."""
        self._answer_headers |= headers

    def handle(self, event: Event, context: LambdaContext) -> dict[str, Any]:
        """Answer one HTTP API event (payload 2.0)."""
        request_id = str(event["requestContext"]["requestId"])
        logger.append_keys(request_id=request_id, route=str(event["routeKey"]))
        answer = self._answer(event, context, request_id)
        logger.info("answered", extra={"status": answer["statusCode"]})
        return answer

    def _answer(self, event: Event, context: LambdaContext, request_id: str) -> dict[str, Any]:
        try:
            caller = None if event["routeKey"] in self.public else _authenticated(event)
            _require_json_object(event)
        except DreamVisionError as error:
            return _render(problems.response_for(error, request_id))
        except _BodyError as error:
            return _render(problems.response(error.problem, detail=error.detail, request_id=request_id))
        except Exception as error:
            return _render(_internal(error, request_id))
        self.routes.append_context(caller=caller)
        self._answer_headers = {}
        answer: dict[str, Any] = self.routes.resolve(event, context)
        headers = {**answer.get("headers", {}), **self._answer_headers}
        # An answer without a body (204, 304) is an empty text: not every gateway takes a null.
        return etags.not_modified(event, {**answer, "headers": headers, "body": answer.get("body") or ""})

    def _register_error_handlers(self) -> None:
        routes = self.routes

        @routes.exception_handler(RequestValidationError)
        def invalid(error: RequestValidationError) -> Response[str]:
            return validation_problem(error.errors(), self.request_id)

        @routes.exception_handler(NotFoundError)
        def unknown_route(_: NotFoundError) -> Response[str]:
            return problems.response(
                problems.ROUTE_NOT_FOUND, detail="No route has this path and method.", request_id=self.request_id
            )

        @routes.exception_handler(DreamVisionError)
        def foreseen(error: DreamVisionError) -> Response[str]:
            problem = problems.problem_for(error)
            if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.error("request failed", extra={"error": type(error).__name__, "status": int(problem.status)})
            return problems.response_for(error, self.request_id, self.routes.context.get("problem_fields"))

        @routes.exception_handler([ResponseValidationError, Exception])
        def unforeseen(error: Exception) -> Response[str]:
            return _internal(error, self.request_id)


def validation_problem(errors: Sequence[Mapping[str, Any]], request_id: str) -> Response[str]:
    """422 with the place and the message of every invalid value, never the value itself."""
    rows = [{"loc": list(problem["loc"]), "msg": problem["msg"]} for problem in errors]
    return problems.response(
        problems.VALIDATION,
        detail="See `errors` for what has to change.",
        request_id=request_id,
        errors=rows,
    )


class InvalidInputError(DreamVisionError):
    """A value that only the route itself can judge."""

    default_message = "The request has an invalid value."
    user_message = "See `errors` for the values to correct."

    def __init__(self, location: Sequence[str], message: str) -> None:
        super().__init__()
        self.problem_errors = [{"loc": list(location), "msg": message}]


def _authenticated(event: Event) -> "Caller":
    # Brings in the database's client: a function without protected routes does without.
    from dreamvision_api.authentication import authenticate

    return authenticate(event)


class _BodyError(Exception):
    def __init__(self, problem: problems.Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail


def _internal(error: Exception, request_id: str) -> Response[str]:
    log_unexpected(logger, error)
    return problems.response(
        problems.INTERNAL, detail="We have been told. Please try again later.", request_id=request_id
    )


def _render(answer: Response[str]) -> dict[str, Any]:
    headers = {name: str(value) for name, value in answer.headers.items()}
    return {"statusCode": answer.status_code, "headers": headers, "body": answer.body, "isBase64Encoded": False}


def _require_json_object(event: Event) -> None:
    """The resolver takes forms, and the first element of a list, for a JSON object: refuse them before it does.

    Raises:
        _BodyError: 415 for another content type, 400 for a body that is not a JSON object.
    """
    method = event["requestContext"]["http"]["method"]
    if method not in _METHODS_WITH_BODY or not event.get("body"):
        return
    if _content_type(event) not in _JSON_TYPES:
        raise _BodyError(problems.UNSUPPORTED_TYPE, "Send the body as application/json.")
    try:
        body = json.loads(_body_text(event), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _BodyError(problems.MALFORMED, "The body could not be read as JSON.") from None
    if not isinstance(body, dict):
        raise _BodyError(problems.MALFORMED, "The body must be a JSON object.")
    # What arrives as base64 goes on as text: the routes see one form only.
    event["body"], event["isBase64Encoded"] = json.dumps(body), False


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _content_type(event: Event) -> str:
    headers: Mapping[str, str] = event.get("headers") or {}
    found = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return found.split(";")[0].strip().lower()


def _body_text(event: Event) -> str:
    body = str(event["body"])
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except binascii.Error as error:
        raise ValueError("not base64") from error


type Handler = Callable[[Event, LambdaContext], dict[str, Any]]


def lambda_handler(api: Api) -> Handler:
    """The function's entry point, with the invocation's ids in every log line and no event in any."""

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        return api.handle(event, context)

    return handler
