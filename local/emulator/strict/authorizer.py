"""JWT authorizers of HTTP APIs that refuse tokens without an expiry, as API Gateway does.

"``exp`` - Must be after the current time in UTC." (docs.aws.amazon.com/apigateway/latest/developerguide/
http-api-jwt-authorizer.html) The emulator accepts a token without the claim, and fails if it is not a number.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from local.emulator.strict.replacing import Function, Response, Service, replace

# claims, scopes, refusal
type Verdict = tuple[Mapping[str, Any] | None, list[str] | None, Response | None]

_UNAUTHORIZED: Response = (401, {"Content-Type": "application/json"}, json.dumps({"message": "Unauthorized"}).encode())


class JwtAuthorizer:
    """The authorizers of the emulator's API Gateway."""

    def __init__(self, apigateway: Service) -> None:
        self._apigateway = apigateway

    def install(self) -> None:
        replace(self._apigateway, "_validate_jwt_authorizer", self.requiring_expiry)

    def requiring_expiry(self, validate: Function) -> Function:
        """Wrap what judges the token of a request: refuse a token without an expiry."""

        async def validated(
            route: Mapping[str, Any],
            authorizer: Mapping[str, Any],
            headers: Mapping[str, str],
            query: Mapping[str, Any],
        ) -> Verdict:
            source = authorizer.get("identitySource", [])
            token = self._apigateway._extract_token_from_identity_source(source, headers, query)
            if token and not _expires(token):
                return None, None, _UNAUTHORIZED
            verdict: Verdict = await validate(route, authorizer, headers, query)
            return verdict

        return validated


def _expires(token: str) -> bool:
    """Return whether the claims of an unverified token have a time as their expiry."""
    try:
        expiry = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["exp"]
        return isinstance(expiry, int | float) and not isinstance(expiry, bool) and math.isfinite(expiry)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError):
        return False
