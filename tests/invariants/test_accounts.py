"""The user pool, its client and the rules of the accounts' parameters, as CloudFormation receives them."""

from typing import Any

from tests.fakes.aws import template
from tests.fakes.cognito_state import GRACE_SECONDS

RESOURCES: dict[str, dict[str, Any]] = template()["Resources"]
CLIENT = RESOURCES["UserPoolClient"]["Properties"]


def test_a_refresh_can_be_repeated_for_as_long_as_cognito_allows() -> None:
    # 60 is the maximum (RefreshTokenRotationType in the Cognito API reference).
    assert CLIENT["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
    assert GRACE_SECONDS == 60


def test_rotation_excludes_the_flow_that_does_not_rotate() -> None:
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in CLIENT["ExplicitAuthFlows"]
