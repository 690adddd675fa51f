"""The least length of passwords, as a number: the emulator keeps the text that a template parameter is."""

from typing import Any


def make_length_a_number(cognito: Any, pool_id: str) -> None:  # noqa: ANN401 - a boto3 client
    """Set the length in the pool's policy again, with its type. Idempotent."""
    policies = cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]["Policies"]
    password = policies["PasswordPolicy"]
    if not isinstance(password["MinimumLength"], int):
        length = int(password["MinimumLength"])
        cognito.update_user_pool(
            UserPoolId=pool_id, Policies={**policies, "PasswordPolicy": {**password, "MinimumLength": length}}
        )
