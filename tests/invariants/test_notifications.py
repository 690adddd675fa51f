"""Notifications: which changes reach the function, and who may read Expo's access token."""

import json
from typing import Any

import pytest

from dreamvision.notifications.messages import _TEXTS
from dreamvision.schemas.videos import VideoStatus
from local.transformed import Evaluation, transformed
from tests.fakes.aws import template

SENDERS = {"NotifyDevicesFunction", "FollowUpNotificationsFunction"}
TOKEN = {"ExpoAccessToken": "dreamvision/expo"}


def resources(**overrides: str) -> dict[str, dict[str, Any]]:
    return Evaluation(transformed(overrides), overrides).resources()


def test_the_stream_is_filtered_by_the_statuses_that_have_a_text() -> None:
    (each,) = template()["Resources"]["NotifyDevicesSource"]["Properties"]["FilterCriteria"]["Filters"]
    pattern = json.loads(each["Pattern"])
    assert pattern["eventName"] == ["MODIFY"]
    before, after = (pattern["dynamodb"][image]["status"]["S"] for image in ("OldImage", "NewImage"))
    assert set(before) == {status for status in VideoStatus if not status.is_final}
    assert all(set(after) == set(texts) for texts in _TEXTS.values())


def test_the_access_token_is_optional_and_for_the_senders_only() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dreamvision/expo-??????"
    assert "ExpoAccessTokenPolicy" not in resources()
    policy = resources(**TOKEN)["ExpoAccessTokenPolicy"]["Properties"]
    assert {role.strip("<>") for role in policy["Roles"]} == {f"{name}Role" for name in SENDERS}
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["secretsmanager:GetSecretValue"], arn)


@pytest.mark.parametrize(("overrides", "name"), [({}, ""), (TOKEN, "dreamvision/expo")])
def test_the_senders_know_the_service_and_the_secrets_name(overrides: dict[str, str], name: str) -> None:
    found = resources(**overrides)
    for function in SENDERS:
        variables = found[function]["Properties"]["Environment"]["Variables"]
        assert (variables["EXPO_BASE_URL"], variables["EXPO_SECRET"]) == ("https://exp.host", name)


def test_a_batch_fits_into_the_functions_time() -> None:
    # Ten devices per user, a hundred messages per request, 13 seconds at most for each (notifications/expo.py).
    declared = template()["Resources"]
    timeout = declared["NotifyDevicesFunction"]["Properties"]["Timeout"]
    assert declared["NotifyDevicesSource"]["Properties"]["BatchSize"] * 10 / 100 * 13 < timeout
    assert declared["NotificationTasksSource"]["Properties"]["BatchSize"] * 13 < timeout
