"""The state of the in-memory user pool, and its errors."""

import uuid
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

POOL_ID = "eu-central-1_Fake12345"
PRETENDED_DELIVERY = {"CodeDeliveryDetails": {"Destination": "d***@e***", "DeliveryMedium": "EMAIL"}}
GRACE_SECONDS = 60
"""``RetryGracePeriodSeconds`` of template.yaml, from the first use of a refresh token: an invariant compares them."""


@dataclass
class Code:
    """A code that was sent."""

    text: str
    sent_at: float
    failures: int = 0


@dataclass
class User:
    """A user of the pool."""

    email: str
    password: str
    created_at: float
    sub: str = field(default_factory=lambda: str(uuid.uuid4()))
    confirmed: bool = False
    verified: bool = False
    enabled: bool = True
    must_reset: bool = False
    failures: int = 0
    locked_until: float = 0
    codes_sent: int = 0
    confirmation: Code | None = None
    reset: Code | None = None


@dataclass
class Session:
    """A session, started by a sign-in. ``tokens`` maps each refresh token to the time of its rotation."""

    user: User
    signed_in_at: float
    origin_jti: str = field(default_factory=lambda: str(uuid.uuid4()))
    tokens: dict[str, float | None] = field(default_factory=dict)
    revoked: bool = False


def refused(code: str, message: str = "as Cognito words it") -> ClientError:
    """Return an error of Cognito, as botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")
