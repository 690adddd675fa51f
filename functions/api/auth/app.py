"""``/api/v1/auth``: accounts."""

from functools import cache
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from dreamvision.auth.service import AccountService
from dreamvision.limits.rate_limits import RateLimits, Scope
from dreamvision.schemas.users import (
    Accepted,
    ConfirmationRequest,
    ConfirmationRequired,
    EmailRequest,
    PasswordChangeRequest,
    PasswordResetRequest,
    ProfileUpdate,
    TokenRefreshRequest,
    TokenResponse,
    UserLogin,
    UserProfile,
    UserRegister,
)
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.rate_limiting import enforce_rate_limit
from dreamvision_api.responses import json_response
from dreamvision_api.route_docs import ResponseDoc, documented

_PREFIX = "/api/v1/auth"
_TAGS = ["Authentication"]
_POOL_ERRORS = ("UserPoolBusyError", "UserPoolUnreachableError", "UserPoolTriggerError")
# Of the routes that anybody may call.
_OPEN_ERRORS = ("RateLimitedError", *_POOL_ERRORS)
_SIGN_IN_ERRORS = ("InvalidCredentialsError", "EmailNotConfirmedError", "PasswordResetRequiredError", *_OPEN_ERRORS)
_CODE_ERRORS = ("InvalidOrExpiredCodeError", "TooManyAttemptsError", *_OPEN_ERRORS)
_SENDING_ERRORS = ("TooManyAttemptsError", "CodeDeliveryError", *_OPEN_ERRORS)
_NO_CONTENT = ResponseDoc(HTTPStatus.NO_CONTENT)
_ACCEPTED = ResponseDoc(HTTPStatus.ACCEPTED, Accepted)
_CODE_SENT = Accepted(message="If the address belongs to such an account, a code is on its way to it.")

api = Api(
    public=frozenset(
        f"POST {_PREFIX}/{name}"
        for name in (
            "register",
            "login",
            "refresh",
            "confirm",
            "resend-confirmation",
            "forgot-password",
            "reset-password",
        )
    )
)


@cache
def accounts() -> AccountService:
    """Made when it is first needed."""
    return AccountService.shared()


@api.routes.post(
    f"{_PREFIX}/register",
    summary="Create an account",
    description="Signs the new user in at once (200). Where the service asks for confirmed e-mail addresses, the answer"
    " is 202 and a code is sent to the address: go on with `/auth/confirm`, then `/auth/login`.",
    tags=_TAGS,
)
@documented(
    ResponseDoc(HTTPStatus.OK, TokenResponse),
    ResponseDoc(HTTPStatus.ACCEPTED, ConfirmationRequired),
    errors=(
        "UsernameTakenError",
        "UserAlreadyExistsError",
        "WeakPasswordError",
        "AccountInputError",
        "SignUpRefusedError",
        "CodeDeliveryError",
        "ContentionError",
        *_OPEN_ERRORS,
    ),
)
def register(body: UserRegister) -> Response[TokenResponse | ConfirmationRequired]:
    _count_attempt()
    answer = accounts().register(body.email, body.password, body.username)
    status = HTTPStatus.OK if isinstance(answer, TokenResponse) else HTTPStatus.ACCEPTED
    return json_response(status, answer, {})


@api.routes.post(
    f"{_PREFIX}/login",
    summary="Sign in",
    description="Begins a session. The answer is the same for a wrong password and for an unknown address.",
    tags=_TAGS,
)
@documented(errors=_SIGN_IN_ERRORS)
def login(body: UserLogin) -> TokenResponse:
    _count_attempt()
    return accounts().sign_in(body.email, body.password)


@api.routes.post(
    f"{_PREFIX}/refresh",
    summary="Go on with a session",
    description="Gives new tokens for the refresh token, which is used up by that: keep the new one. A session can be"
    " refreshed for seven days after the sign-in. Using an old token again ends every session of the user.",
    tags=_TAGS,
)
@documented(errors=("InvalidRefreshTokenError", *_OPEN_ERRORS))
def refresh(body: TokenRefreshRequest) -> TokenResponse:
    _count_attempt()
    return accounts().refresh(body.refresh_token)


@api.routes.post(
    f"{_PREFIX}/logout",
    summary="Sign out",
    description="Ends this session (`scope=session`) or every session of the user (`scope=global`). Access tokens and"
    " refresh tokens of an ended session are refused from the next request on.",
    tags=_TAGS,
)
@documented(_NO_CONTENT, errors=_POOL_ERRORS)
def logout(scope: Annotated[Literal["session", "global"], Query()] = "session") -> Response[None]:
    if scope == "global":
        accounts().sign_out_everywhere(api.caller.user_id)
    else:
        accounts().sign_out(api.caller.user_id, api.caller.session_id)
    return _no_content()


@api.routes.post(
    f"{_PREFIX}/confirm",
    summary="Confirm an e-mail address",
    description="Takes the code that was sent at the registration. Sign in afterwards.",
    tags=_TAGS,
)
@documented(_NO_CONTENT, errors=_CODE_ERRORS)
def confirm(body: ConfirmationRequest) -> Response[None]:
    _count_attempt()
    accounts().confirm(body.email, body.code)
    return _no_content()


@api.routes.post(
    f"{_PREFIX}/resend-confirmation",
    summary="Send the confirmation code again",
    description="The answer never tells whether there is such an account. At most five times an hour.",
    tags=_TAGS,
)
@documented(_ACCEPTED, errors=_SENDING_ERRORS)
def resend_confirmation(body: EmailRequest) -> Response[Accepted]:
    _count_attempt()
    accounts().resend_confirmation(body.email)
    return json_response(HTTPStatus.ACCEPTED, _CODE_SENT, {})


@api.routes.post(
    f"{_PREFIX}/forgot-password",
    summary="Ask for a code to set a new password",
    description="The answer never tells whether there is such an account. At most five times an hour.",
    tags=_TAGS,
)
@documented(_ACCEPTED, errors=_SENDING_ERRORS)
def forgot_password(body: EmailRequest) -> Response[Accepted]:
    _count_attempt()
    accounts().forgot_password(body.email)
    return json_response(HTTPStatus.ACCEPTED, _CODE_SENT, {})


@api.routes.post(
    f"{_PREFIX}/reset-password",
    summary="Set a new password by a code",
    description="Ends every session of the user. Sign in with the new password afterwards.",
    tags=_TAGS,
)
@documented(_NO_CONTENT, errors=("WeakPasswordError", *_CODE_ERRORS))
def reset_password(body: PasswordResetRequest) -> Response[None]:
    _count_attempt()
    accounts().reset_password(body.email, body.code, body.new_password)
    return _no_content()


@api.routes.post(
    f"{_PREFIX}/change-password",
    summary="Change the password",
    description="Ends every session of the user, this one too, and answers with a new one.",
    tags=_TAGS,
)
@documented(
    errors=("WrongPasswordError", "WeakPasswordError", "AccountInputError", "TooManyAttemptsError", *_POOL_ERRORS)
)
def change_password(body: PasswordChangeRequest) -> TokenResponse:
    _, _, access_token = api.header("authorization").partition(" ")
    return accounts().change_password(
        api.caller.user_id, access_token.strip(), body.current_password, body.new_password
    )


@api.routes.get(
    f"{_PREFIX}/me",
    summary="The signed-in user",
    description="The profile, with how many dreams and completed videos there are.",
    tags=_TAGS,
)
@documented(errors=_POOL_ERRORS)
def get_me() -> UserProfile:
    return accounts().profile(api.caller.user_id)


@api.routes.patch(
    f"{_PREFIX}/me",
    summary="Change the user name",
    description="Names are unique without regard to case; the old one becomes free.",
    tags=_TAGS,
)
@documented(errors=("UsernameTakenError", "ContentionError", *_POOL_ERRORS))
def update_me(body: ProfileUpdate) -> UserProfile:
    return accounts().rename(api.caller.user_id, body.username)


def _count_attempt() -> None:
    """All public routes together, from one address: every request that gets as far as the user pool."""
    enforce_rate_limit(api, RateLimits.shared().count_address(Scope.AUTH, api.source_address))


def _no_content() -> Response[None]:
    return Response(status_code=int(HTTPStatus.NO_CONTENT), body=None)


handler = lambda_handler(api)
