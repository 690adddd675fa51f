"""``make operate``: the request that its variables make."""

import pytest

from local.operate import OperateError, request_from


def test_the_fields_are_joined_with_command_and_operator() -> None:
    assert request_from({"COMMAND": "spend.today"}) == {"command": "spend.today", "operator": "local"}
    given = {"COMMAND": "user.find", "ARGS": '{"username": "Luna"}', "OPERATOR": "anna"}
    assert request_from(given) == {"command": "user.find", "operator": "anna", "username": "Luna"}
    assert request_from(given | {"ARGS": '{"operator": "bert"}'})["operator"] == "bert"


@pytest.mark.parametrize(
    "environment", [{}, {"COMMAND": ""}, {"COMMAND": "x", "ARGS": "{"}, {"COMMAND": "x", "ARGS": "[]"}]
)
def test_a_missing_command_and_invalid_fields_are_explained(environment: dict[str, str]) -> None:
    with pytest.raises(OperateError, match=r"COMMAND is missing|ARGS must be"):
        request_from(environment)
