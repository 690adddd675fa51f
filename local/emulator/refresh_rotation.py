"""The rotation of refresh tokens, which the emulator's CloudFormation leaves out of an app client.

``local/emulator/strict/refresh_tokens.py`` keeps the setting and acts on it.
"""

from typing import Any


def switch_on_rotation(cognito: Any, cloudformation: Any, stack: str, outputs: dict[str, str]) -> None:  # noqa: ANN401
    """Give the app client the setting of the template. Idempotent."""
    template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    declared = template["Resources"]["UserPoolClient"]["Properties"]["RefreshTokenRotation"]
    cognito.update_user_pool_client(
        UserPoolId=outputs["UserPoolId"],
        ClientId=outputs["UserPoolClientId"],
        RefreshTokenRotation={
            "Feature": declared["Feature"],
            "RetryGracePeriodSeconds": int(declared["RetryGracePeriodSeconds"]),
        },
    )
