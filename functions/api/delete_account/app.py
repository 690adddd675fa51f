"""``DELETE /api/v1/auth/me``: the end of an account."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response

from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.route_docs import ResponseDoc, documented

api = Api()


@api.routes.delete(
    "/api/v1/auth/me",
    summary="Delete the account and everything in it",
    description="Ends every session at once, this one too; nobody can sign in any more. Renderings are stopped, and"
    " dreams, videos, media and the account itself are gone a few minutes later. There is no way back.",
    tags=["Authentication"],
)
@documented(
    ResponseDoc(HTTPStatus.NO_CONTENT),
    errors=("ErasureUnavailableError", "UserPoolBusyError", "UserPoolUnreachableError"),
)
def delete_me() -> Response[None]:
    AccountErasure.shared().start(api.caller.user_id, ErasureWorkflow.shared())
    return Response(status_code=int(HTTPStatus.NO_CONTENT), body=None)


handler = lambda_handler(api)
