"""Refresh tokens that are rotated, expire and require the client's secret, as Cognito's do.

* "This operation issues a new refresh token and invalidates the original refresh token after an optional grace period"
  (``GetTokensFromRefreshToken``). An invalidated token is refused with ``RefreshTokenReuseException``.
* A new refresh token "is valid for the remaining duration of the original refresh token", and the flow
  ``REFRESH_TOKEN_AUTH`` is not available.
  (docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html)
* ``ClientSecret`` is required "if the client has a secret" (``GetTokensFromRefreshToken``, ``RevokeToken``).

The emulator does none of this. Its refresh tokens are JWTs. A new one has the claims of the one it replaces, among them
the session's id and the expiry, and a token id of its own. The pool's record keeps when each was first used.
"""

import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json

from local.emulator.strict.replacing import Function, Request, Response, Service, replace

_ROTATION = "RefreshTokenRotation"
# In the pool's record, which the emulator saves with its state: token id -> time of the first use in Unix seconds.
_USES = "_refresh_token_uses"


class RefreshTokens:
    """The refresh tokens of the emulator's Cognito."""

    def __init__(self, cognito: Service, clock: Callable[[], float] = time.time) -> None:
        self._cognito = cognito
        self._clock = clock

    def install(self) -> None:
        replace(self._cognito, "_update_user_pool_client", self.keeping_rotation)
        replace(self._cognito, "_auth_flow_error", self.refusing_refresh_flow)
        replace(self._cognito, "_get_tokens_from_refresh_token", self.rotating)
        replace(self._cognito, "_get_tokens_from_refresh_token", self._requiring_secret("NotAuthorizedException"))
        replace(self._cognito, "_revoke_token", self._requiring_secret("UnauthorizedException"))

    def keeping_rotation(self, update: Function) -> Function:
        """Wrap the update of an app client: keep the setting of rotation."""

        def updated(request: Request) -> Response:
            response: Response = update(request)
            client = self._client(request)
            if client is not None and _ROTATION in request:
                client[_ROTATION] = dict(request[_ROTATION])
            return response

        return updated

    def refusing_refresh_flow(self, check: Function) -> Function:
        """Wrap what returns the error of a disabled sign-in flow: with rotation, ``REFRESH_TOKEN_AUTH`` is disabled."""

        def checked(action: str, request: Request) -> Response | None:
            if request.get("AuthFlow") in ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN") and self._grace(request) is not None:
                return _error("InvalidParameterException", "Auth flow not enabled for this client")
            error: Response | None = check(action, request)
            return error

        return checked

    def rotating(self, refresh: Function) -> Function:
        """Wrap what issues access and ID tokens: issue a refresh token, too, if the client has rotation enabled."""

        def refreshed(request: Request) -> Response:
            claims, now = self._valid_claims(request), self._clock()
            if claims and claims["exp"] <= now:
                return _error("NotAuthorizedException", "Refresh Token has expired")
            grace = self._grace(request)
            if claims is None or grace is None:
                refused: Response = refresh(request)
                return refused
            pool, pool_id = self._cognito._pool_for_client(request["ClientId"])
            uses: dict[str, float] = pool.setdefault(_USES, {})
            if uses.get(claims["jti"], now) + grace < now:
                return _error("RefreshTokenReuseException", "The refresh token was invalidated by rotation.")
            status, headers, body = refresh(request)
            if status == 200:
                uses.setdefault(claims["jti"], now)
                new = self._cognito._signed_jwt({**claims, "jti": str(uuid.uuid4())}, pool_id, "access")
                body = _with_refresh_token(body, new)
            return status, headers, body

        return refreshed

    def _requiring_secret(self, refusal: str) -> Callable[[Function], Function]:
        """Return a wrapper of an operation that refuses requests without the client's secret."""

        def wrapper(operation: Function) -> Function:
            def called(request: Request) -> Response:
                secret = (self._client(request) or {}).get("ClientSecret")
                if secret and not hmac.compare_digest(str(request.get("ClientSecret")).encode(), secret.encode()):
                    return _error(refusal, "Unable to verify the secret of the client.")
                response: Response = operation(request)
                return response

            return called

        return wrapper

    def _client(self, request: Request) -> dict[str, Any] | None:
        pool = self._cognito._pool_for_client(request.get("ClientId"))[0]
        client: dict[str, Any] | None = pool["_clients"][request["ClientId"]] if pool else None
        return client

    def _grace(self, request: Request) -> int | None:
        """Return the seconds for which a used token stays valid, or ``None`` if the client has no rotation."""
        rotation = (self._client(request) or {}).get(_ROTATION) or {}
        return int(rotation.get("RetryGracePeriodSeconds", 0)) if rotation.get("Feature") == "ENABLED" else None

    def _valid_claims(self, request: Request) -> Mapping[str, Any] | None:
        """Return the refresh token's claims, or ``None`` if the emulator refuses it."""
        pool, pool_id = self._cognito._pool_for_client(request.get("ClientId"))
        token = request.get("RefreshToken", "")
        if not pool or self._cognito._refresh_auth_user(pool, pool_id, request["ClientId"], token)[1]:
            return None
        claims: Mapping[str, Any] = self._cognito._token_claims(token)
        return claims


def _with_refresh_token(body: bytes, token: str) -> bytes:
    answer = json.loads(body)
    answer["AuthenticationResult"]["RefreshToken"] = token
    return json.dumps(answer).encode()


def _error(code: str, message: str) -> Response:
    response: Response = error_response_json(code, message, 400)
    return response
