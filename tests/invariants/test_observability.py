"""Alarms, the dashboard and the access logs, as CloudFormation receives them."""

import json
import re
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws import template
from tests.fakes.emf import Use, alarm_uses, dashboard

RESOURCES: dict[str, dict[str, Any]] = template()["Resources"]
ALARMS = {name: each for name, each in RESOURCES.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
# "Alarms based on metric math expressions can reference a maximum of 10 metrics."
MAX_ALARM_METRICS = 10
# US dollars per month: CloudWatch's price of an alarm metric in standard resolution.
ALARM_METRIC_PRICE = 0.10
# Functions whose errors no other alarm shows; those of tasks are failed videos and erasures.
OWN_ERRORS = ("functions/api/", "functions/triggers/", "functions/realtime/")
ACCESS_LOGS = {"Api": "ApiAccessLogs", "WebSocketApi": "RealtimeAccessLogs"}
# From "Customize HTTP API access logs" and "Configure logging for WebSocket APIs": the variables without personal data.
LOGGABLE = {
    "Api": {
        "requestTime", "requestTimeEpoch", "requestId", "extendedRequestId", "routeKey", "status", "responseLatency",
        "responseLength", "protocol", "httpMethod", "stage", "apiId", "integration.status", "integration.latency",
        "integration.integrationStatus", "error.responseType",
    },
    "WebSocketApi": {
        "requestTime", "requestTimeEpoch", "requestId", "extendedRequestId", "routeKey", "eventType", "status", "stage",
        "apiId", "authorizer.status", "authorizer.latency", "integration.status", "integration.latency",
        "integration.integrationStatus", "error.responseType",
    },
}  # fmt: skip


def used_by(alarm: str) -> list[Use]:
    return [use for use in alarm_uses() if use.reader == alarm]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_sent_and_says_what_it_means(name: str) -> None:
    properties = ALARMS[name]["Properties"]
    assert ALARMS[name]["Condition"] == "RunsOnAws"  # the emulator has no metric math
    assert properties["AlarmActions"] == [{"Ref": "AlarmsTopic"}]
    assert properties["AlarmDescription"].endswith(".")
    assert properties["TreatMissingData"] in ("notBreaching", "breaching")
    assert 1 <= len(used_by(name)) <= MAX_ALARM_METRICS


@pytest.mark.parametrize("name", [name for name, each in ALARMS.items() if "Metrics" in each["Properties"]])
def test_an_expression_uses_every_metric_and_alone_returns_data(name: str) -> None:
    queries = ALARMS[name]["Properties"]["Metrics"]
    (expression,) = [each for each in queries if each.get("ReturnData", True)]
    ids = {each["Id"] for each in queries if "MetricStat" in each}
    assert len(ids) == len(queries) - 1
    text = expression["Expression"]
    text = re.sub(r"\$\{\w+\}", "0", text["Fn::Sub"] if isinstance(text, dict) else text)
    assert set(re.findall(r"[a-z][a-z_]+", text)) == ids
    assert all(re.fullmatch(r"[a-z]\w*", each["Id"]) for each in queries)
    assert len({each["MetricStat"]["Period"] for each in queries if "MetricStat" in each}) == 1


def test_every_queue_of_failures_has_one_alarm() -> None:
    # What another queue receives the failures of is a queue of work.
    queues = {
        name
        for name, each in RESOURCES.items()
        if each["Type"] == "AWS::SQS::Queue" and "RedrivePolicy" not in each["Properties"]
    }
    watched = [use for use in alarm_uses() if use.namespace == "AWS/SQS"]
    assert sorted(use.dimensions["QueueName"] for use in watched) == sorted(f"<{name}.QueueName>" for name in queues)
    assert {use.name for use in watched} == {"ApproximateNumberOfMessagesVisible"}
    for use in watched:
        assert len(used_by(use.reader)) == 1, use.reader


def test_no_functions_errors_are_unwatched() -> None:
    own = {
        f"<{name}>"
        for name, each in RESOURCES.items()
        if each["Type"] == "AWS::Serverless::Function" and each["Properties"]["CodeUri"].startswith(OWN_ERRORS)
    }
    watched = [use.dimensions["FunctionName"] for use in alarm_uses() if use.name == "Errors"]
    assert sorted(watched) == sorted(own)


def test_alarms_are_mailed_only_with_an_address() -> None:
    assert RESOURCES["AlarmsSubscription"]["Condition"] == "SendsAlarms"
    assert template()["Parameters"]["AlarmEmail"]["Default"] == ""


def test_the_dashboard_shows_every_alarm() -> None:
    (widget,) = [each for each in dashboard()["widgets"] if each["type"] == "alarm"]
    assert sorted(widget["properties"]["alarms"]) == sorted(f"<{name}.Arn>" for name in ALARMS)


def test_the_dashboard_answers_three_questions_without_overlaps() -> None:
    widgets = dashboard()["widgets"]
    titles = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]
    assert titles == ["## Does it work?", "## How long do people wait?", "## What does today cost?"]
    taken = [
        (x, y)
        for each in widgets
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))


def test_the_runbook_has_every_alarm_and_the_names_of_its_resources() -> None:
    text = (REPOSITORY / "docs/RUNBOOK.md").read_text()
    alarms = text.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^### (\w+Alarm)$", alarms, re.MULTILINE)) == sorted(ALARMS)
    for section in re.split(r"^### ", alarms, flags=re.MULTILINE)[1:]:
        assert all(mark in section for mark in ("**Means**", "**Look**", "**Do**")), section.splitlines()[0]


def test_the_cost_page_has_the_price_of_the_alarms() -> None:
    text = (REPOSITORY / "docs/COST.md").read_text().partition("\n## Observability\n")[2].partition("\n## ")[0]
    metrics = len(alarm_uses())
    assert f"{len(ALARMS)} alarms read {metrics} metrics" in text
    assert f"${metrics * ALARM_METRIC_PRICE:.2f}" in text


@pytest.mark.parametrize(("api", "group"), ACCESS_LOGS.items())
def test_access_logs_contain_no_address_token_or_query_string(api: str, group: str) -> None:
    settings = RESOURCES[api]["Properties"]["AccessLogSettings"]
    # The ARN of a log group in its documented form, without the ":*" that Fn::GetAtt returns.
    arn = f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{{group}}}"
    assert settings["DestinationArn"] == {"Fn::Sub": arn}
    fields = json.loads(settings["Format"])
    variables = {value.removeprefix("$context.") for value in fields.values()}
    assert all(value.startswith("$context.") for value in fields.values())
    assert variables <= LOGGABLE[api]
    assert {"requestId", "routeKey", "status"} <= variables
    assert RESOURCES[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_websocket_api_may_log() -> None:
    """Its stage requires the role of the account's settings; CloudFormation must set that first."""
    role = RESOURCES["ApiGatewayLogRole"]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "apigateway.amazonaws.com"}, "sts:AssumeRole")
    (policy,) = role["ManagedPolicyArns"]
    assert policy["Fn::Sub"].endswith(":policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs")
    account = RESOURCES["ApiGatewayAccount"]
    assert account["Properties"]["CloudWatchRoleArn"] == {"Fn::GetAtt": ["ApiGatewayLogRole", "Arn"]}
    description = RESOURCES["WebSocketApi"]["Properties"]["Description"]["Fn::If"]
    assert description[:2] == ["SetsApiGatewayLogRole", {"Fn::Sub": "Logs by ${ApiGatewayAccount}"}]
    # Deleting one stack must not take the logs of another.
    for resource in (RESOURCES["ApiGatewayLogRole"], account):
        assert (resource["Condition"], resource["DeletionPolicy"]) == ("SetsApiGatewayLogRole", "RetainExceptOnCreate")
