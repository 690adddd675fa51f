"""``DELETE /api/v1/auth/me``: delete an account."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from dreamvision.auth.errors import WrongPasswordError
from dreamvision.auth.passwords import PasswordCheck
from dreamvision.core.config import Config
from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.schemas.passwords import AccountDeletion
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.responses import no_content
from dreamvision_api.route_docs import ResponseDoc, document

api = Api()


class DeletionSettings(Config):
    """Whether a deletion without the password is refused."""

    confirm_deletion: bool = False


@api.routes.delete(
    "/api/v1/auth/me",
    summary="Delete the account",
    description="Ends every session immediately, including this one, and prevents further sign-ins. Renders are"
    " cancelled; dreams, videos, media and the account itself are deleted within a few minutes. This cannot be undone."
    " The service can be configured to require the password in the body. One that is sent is always checked, at most"
    " ten times an hour.",
    tags=["Authentication"],
)
@document(
    ResponseDoc(HTTPStatus.NO_CONTENT),
    errors=(
        "WrongPasswordError",
        "TooManyAttemptsError",
        "PasswordResetRequiredError",
        "ErasureUnavailableError",
        "UserPoolBusyError",
        "UserPoolUnreachableError",
    ),
)
def delete_me(body: Annotated[AccountDeletion | None, Body()] = None) -> Response[None]:
    if body is not None:
        PasswordCheck.shared().require(api.caller.user_id, body.password)
    elif DeletionSettings.from_environment().confirm_deletion:
        raise WrongPasswordError
    AccountErasure.shared().start(api.caller.user_id, ErasureWorkflow.shared())
    return no_content()


handler = lambda_handler(api)
