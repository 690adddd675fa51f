"""``/api/v1/auth``: accounts and sessions."""

from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from dreamvision.auth.errors import InvalidRefreshTokenError
from dreamvision.auth.service import AccountService
from dreamvision.limits.rate_limits import Scope
from dreamvision.schemas.users import (
    Accepted,
    ConfirmationRequest,
    ConfirmationRequired,
    EmailRequest,
    PasswordChangeRequest,
    PasswordResetRequest,
    ProfileUpdate,
    SignOutRequest,
    TokenRefreshRequest,
    TokenResponse,
    UserLogin,
    UserProfile,
    UserRegister,
)
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.client_address import client_address
from dreamvision_api.rate_limiting import enforce_rate_limit
from dreamvision_api.request_body import RequestBodyError
from dreamvision_api.responses import json_response, no_content
from dreamvision_api.route_docs import ResponseDoc, document

_PREFIX = "/api/v1/auth"
_REFRESH = f"POST {_PREFIX}/refresh"
_TAGS = ["Authentication"]
_POOL_ERRORS = ("UserPoolBusyError", "UserPoolUnreachableError", "UserPoolTriggerError")
# Errors of the public routes.
_PUBLIC_ERRORS = ("RateLimitedError", *_POOL_ERRORS)
_SIGN_IN_ERRORS = ("InvalidCredentialsError", "EmailNotConfirmedError", "PasswordResetRequiredError", *_PUBLIC_ERRORS)
_CODE_ERRORS = ("InvalidOrExpiredCodeError", "TooManyAttemptsError", *_PUBLIC_ERRORS)
_CODE_REQUEST_ERRORS = ("TooManyAttemptsError", "CodeDeliveryError", *_PUBLIC_ERRORS)
_NO_CONTENT = ResponseDoc(HTTPStatus.NO_CONTENT)
_ACCEPTED = ResponseDoc(HTTPStatus.ACCEPTED, Accepted)
_CODE_SENT = Accepted(message="If the address belongs to an eligible account, a code has been sent to it.")


def _count_request(api: Api) -> None:
    """Count a request to a public route: a refresh by its session, any other by the client's address.

    A refresh token that is not ours counts by the address: its session could be made up.
    """
    limits, session_id = accounts().limits, _refreshed_session(api)
    if session_id is None:
        state = limits.count_address(Scope.AUTH, client_address(api))
    else:
        state = limits.count_session(Scope.REFRESH, session_id)
    enforce_rate_limit(api, state)


def _refreshed_session(api: Api) -> str | None:
    if api.route_key != _REFRESH:
        return None
    try:
        token = (api.json_object() or {}).get("refresh_token")
        return accounts().session_of(token) if isinstance(token, str) and token.isascii() else None
    except (RequestBodyError, InvalidRefreshTokenError):
        return None


api = Api(
    count_public=_count_request,
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
    ),
)


def accounts() -> AccountService:
    """Return the account service."""
    return AccountService.shared()


@api.routes.post(
    f"{_PREFIX}/register",
    summary="Create an account",
    description="Signs the new user in (200). If the service requires confirmed e-mail addresses, the response is 202"
    " and a code is sent to the address: continue with `/auth/confirm`, then `/auth/login`. Registering again before"
    " the confirmation replaces the account and its code.",
    tags=_TAGS,
)
@document(
    ResponseDoc(HTTPStatus.OK, TokenResponse),
    ResponseDoc(HTTPStatus.ACCEPTED, ConfirmationRequired),
    errors=(
        "UsernameTakenError",
        "UserAlreadyExistsError",
        "WeakPasswordError",
        "BreachedPasswordError",
        "AccountInputError",
        "SignUpRefusedError",
        "CodeDeliveryError",
        "ContentionError",
        "TooManyRegistrationsError",
        *_PUBLIC_ERRORS,
    ),
)
def register(body: UserRegister) -> Response[TokenResponse | ConfirmationRequired]:
    result = accounts().register(body.email, body.password, body.username, client_address(api))
    status = HTTPStatus.OK if isinstance(result, TokenResponse) else HTTPStatus.ACCEPTED
    return json_response(status, result)


@api.routes.post(
    f"{_PREFIX}/login",
    summary="Sign in",
    description="Starts a session. The response is the same for a wrong password and an unknown address.",
    tags=_TAGS,
)
@document(errors=_SIGN_IN_ERRORS)
def login(body: UserLogin) -> TokenResponse:
    return accounts().sign_in(body.email, body.password)


@api.routes.post(
    f"{_PREFIX}/refresh",
    summary="Refresh the session",
    description="Exchanges the refresh token for new tokens. A refresh token is valid once: store the new one. A"
    " session ends after seven days without a refresh. If the response was lost, the request can be repeated"
    " with the same token for a minute. Reusing an old one later ends every session of the user. Limited per session,"
    " not per client address.",
    tags=_TAGS,
)
@document(errors=("InvalidRefreshTokenError", *_PUBLIC_ERRORS))
def refresh(body: TokenRefreshRequest) -> TokenResponse:
    return accounts().refresh(body.refresh_token)


@api.routes.post(
    f"{_PREFIX}/logout",
    summary="Sign out",
    description="Ends this session (`scope=session`) or every session of the user (`scope=global`). The access and"
    " refresh tokens of an ended session are rejected from the next request on. With the refresh token in the body, it"
    " is revoked at Cognito as well.",
    tags=_TAGS,
)
@document(_NO_CONTENT, errors=_POOL_ERRORS)
def logout(
    scope: Annotated[
        Literal["session", "global"], Query(description="`session`: this session. `global`: every session of the user.")
    ] = "session",
    body: Annotated[SignOutRequest | None, Body()] = None,
) -> Response[None]:
    if scope == "global":
        accounts().sign_out_everywhere(api.caller.user_id)
    else:
        refresh_token = body.refresh_token if body else None
        accounts().sign_out(api.caller.user_id, api.caller.session_id, refresh_token)
    return no_content()


@api.routes.post(
    f"{_PREFIX}/confirm",
    summary="Confirm an e-mail address",
    description="Takes the code that was sent at registration, and the password that was chosen there. The account has"
    " this password from now on, even if somebody else has registered the address meanwhile; without it, the account"
    " keeps the password of the last registration. Sign in afterwards. Limited to five attempts an hour per e-mail"
    " address and client network.",
    tags=_TAGS,
)
@document(_NO_CONTENT, errors=("WeakPasswordError", "BreachedPasswordError", "ContentionError", *_CODE_ERRORS))
def confirm(body: ConfirmationRequest) -> Response[None]:
    accounts().confirm(body.email, body.code, client_address(api), body.password)
    return no_content()


@api.routes.post(
    f"{_PREFIX}/resend-confirmation",
    summary="Resend the confirmation code",
    description="The response does not reveal whether the account exists. Limited to five an hour per address.",
    tags=_TAGS,
)
@document(_ACCEPTED, errors=_CODE_REQUEST_ERRORS)
def resend_confirmation(body: EmailRequest) -> Response[Accepted]:
    accounts().resend_confirmation(body.email)
    return json_response(HTTPStatus.ACCEPTED, _CODE_SENT)


@api.routes.post(
    f"{_PREFIX}/forgot-password",
    summary="Request a password reset code",
    description="The response does not reveal whether the account exists. Limited to five an hour per address.",
    tags=_TAGS,
)
@document(_ACCEPTED, errors=_CODE_REQUEST_ERRORS)
def forgot_password(body: EmailRequest) -> Response[Accepted]:
    accounts().forgot_password(body.email)
    return json_response(HTTPStatus.ACCEPTED, _CODE_SENT)


@api.routes.post(
    f"{_PREFIX}/reset-password",
    summary="Reset the password",
    description="Sets a new password with the code from the e-mail. Ends every session of the user; sign in with the"
    " new password afterwards. Limited to five attempts an hour per e-mail address and client network.",
    tags=_TAGS,
)
@document(_NO_CONTENT, errors=("WeakPasswordError", "BreachedPasswordError", *_CODE_ERRORS))
def reset_password(body: PasswordResetRequest) -> Response[None]:
    accounts().reset_password(body.email, body.code, body.new_password, client_address(api))
    return no_content()


@api.routes.post(
    f"{_PREFIX}/change-password",
    summary="Change the password",
    description="Ends every session of the user, including this one, and starts a new one. Limited to ten attempts an"
    " hour per user.",
    tags=_TAGS,
)
@document(
    errors=(
        "WrongPasswordError",
        "WeakPasswordError",
        "BreachedPasswordError",
        "PasswordResetRequiredError",
        "AccountInputError",
        "TooManyAttemptsError",
        *_POOL_ERRORS,
    )
)
def change_password(body: PasswordChangeRequest) -> TokenResponse:
    return accounts().change_password(api.caller.user_id, body.current_password, body.new_password)


@api.routes.get(
    f"{_PREFIX}/me",
    summary="Get the profile",
    description="Returns the signed-in user with the number of their dreams and completed videos.",
    tags=_TAGS,
)
@document(errors=_POOL_ERRORS)
def get_me() -> UserProfile:
    return accounts().profile(api.caller.user_id)


@api.routes.patch(
    f"{_PREFIX}/me",
    summary="Change the username",
    description="Usernames are unique regardless of case. The old username becomes available to others.",
    tags=_TAGS,
)
@document(errors=("UsernameTakenError", "ContentionError", *_POOL_ERRORS))
def update_me(body: ProfileUpdate) -> UserProfile:
    return accounts().rename(api.caller.user_id, body.username)


handler = lambda_handler(api)
