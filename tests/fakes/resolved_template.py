"""The transformed template with its parameters filled in, for the linter and for limits on lengths."""

import json
import re
from collections.abc import Mapping
from typing import Any

from local.transformed import Evaluation, transformed

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-using-console-create-stack-parameters.html
LONGEST_STACK_NAME = "d" * 128
# The longest ARN: this prefix, and the name that CloudFormation makes of the stack's name and the logical id.
_PREFIX = len("arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:")
_SUFFIX = len("-ABCDEFGHIJKLM")
# The longest name of any kind: of a DynamoDB table.
_MAX_NAME = 255

EVERYTHING: Mapping[str, str] = {
    "Stage": "prod",
    "ProtectData": "true",
    "HostPage": "true",
    "ConfirmEmail": "true",
    "AlarmEmail": "operator@example.com",
    "EmailFrom": "DreamVision <no-reply@example.com>",
    "EmailIdentityArn": "arn:aws:ses:us-east-1:123456789012:identity/example.com",
    "SentryDsn": "https://0123456789abcdef0123456789abcdef@o123456.ingest.de.sentry.io/1234567890123456",
    "OriginSecret": "dreamvision/origin",
    "VideoKeyGroup": "b70a97b0-0bd5-4c1b-8a2c-5d9f0e6f2a11",
    "AllowedOrigins": "https://dreamvision.example.com,https://www.dreamvision.example.com",
    "AllowedVideoHosts": "*.cloudfront.net,videos.example.com",
}
HIGHEST: Mapping[str, str] = {
    **EVERYTHING,
    "PollFirstWait": "600",
    "PollInterval": "60",
    "PollDeadline": "3600",
    "EraseGrace": "3600",
    "VideoExpiryDays": "3650",
    "LogRetentionDays": "3653",
    "RateLimitPerMinute": "9999999",
    "AuthRateLimitPerMinute": "9999999",
    "RefreshRateLimitPerMinute": "9999999",
    "ServiceVideosPerDay": "9999999",
    "SessionDays": "3650",
    "PasswordLength": "64",
}
LOWEST: Mapping[str, str] = {
    **EVERYTHING,
    "PollFirstWait": "0",
    "PollInterval": "5",
    "PollDeadline": "1",
    "EraseGrace": "1",
    "VideoExpiryDays": "1",
    "LogRetentionDays": "1",
    "RateLimitPerMinute": "1",
    "ServiceVideosPerDay": "0",
    "SessionDays": "8",
    "PasswordLength": "8",
}


class Resolved(Evaluation):
    """An evaluation that keeps references to resources as they are, as the linter checks their types."""

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Ref" and argument != "AWS::NoValue" and argument not in self._parameters:
            return {name: argument}
        if name == "Fn::GetAtt":
            return {name: argument}
        if name in ("Fn::Join", "Fn::Split"):
            values = self.value(argument)
            if any(isinstance(each, dict) for each in values[1]):
                return {name: values}
        return super()._call(name, argument)

    def _substituted(self, argument: Any) -> Any:
        text, names = argument if isinstance(argument, list) else (argument, {})
        given = {name: self.value(each) for name, each in names.items()}
        known = {**self._parameters, **{name: each for name, each in given.items() if isinstance(each, str)}}
        text = re.sub(r"\$\{([\w:.]+)\}", lambda found: str(known.get(found[1], found[0])), text)
        rest = {name: each for name, each in given.items() if name not in known}
        if "${" not in text:
            return text
        return {"Fn::Sub": [text, rest] if rest else text}


def resolved_template(overrides: Mapping[str, str]) -> dict[str, Any]:
    """Return the template with the longest stack name and these parameters, without parameters and conditions."""
    pseudo = {"AWS::StackName": LONGEST_STACK_NAME}
    resources = Resolved(transformed(overrides), overrides, pseudo).resources()
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def evaluated(overrides: Mapping[str, str], pseudo: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the resources with everything evaluated; with the longest stack name by default."""
    pseudo = pseudo or {"AWS::StackName": LONGEST_STACK_NAME}
    return Evaluation(transformed(overrides), overrides, pseudo).resources()


def longest(value: Any) -> str:
    """Return a value as compact JSON, with every reference to a resource replaced by the longest possible ARN."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return re.sub(r"<(\w+)(\.\w+)*>", lambda found: "x" * (_PREFIX + _name_length(found[1])), text)


def _name_length(logical_id: str) -> int:
    return min(_MAX_NAME, len(LONGEST_STACK_NAME) + 1 + len(logical_id) + _SUFFIX)
