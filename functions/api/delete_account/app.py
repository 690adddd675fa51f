"""``DELETE /api/v1/auth/me``: delete an account."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response

from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.responses import no_content
from dreamvision_api.route_docs import ResponseDoc, document

api = Api()


@api.routes.delete(
    "/api/v1/auth/me",
    summary="Delete the account",
    description="Ends every session immediately, including this one, and prevents further sign-ins. Renders are"
    " cancelled; dreams, videos, media and the account itself are deleted within a few minutes. This cannot be undone.",
    tags=["Authentication"],
)
@document(
    ResponseDoc(HTTPStatus.NO_CONTENT),
    errors=("ErasureUnavailableError", "UserPoolBusyError", "UserPoolUnreachableError"),
)
def delete_me() -> Response[None]:
    AccountErasure.shared().start(api.caller.user_id, ErasureWorkflow.shared())
    return no_content()


handler = lambda_handler(api)
