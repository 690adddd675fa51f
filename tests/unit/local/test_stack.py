"""Settings, lock, supervisor and route parsing of the local stack."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.cloudformation_yaml import load_template, render_template
from local.emulator import ministack
from local.emulator.build import code_version
from local.emulator.http_api import Names, Route, routes_of
from local.settings import SettingsError, load
from local.stack import processes
from local.stack.commands import StackError, require_same
from local.stack.lock import AlreadyRunningError, StackLock
from local.stack.supervisor import Supervisor


def test_ports_are_consecutive() -> None:
    ports = load({"LOCAL_PORT": "7000"}).ports
    assert sorted(ports.by_purpose().values()) == [7000, 7001, 7002, 7003, 7004, 7005]
    assert load({}).ports.emulator == 4566


@pytest.mark.parametrize("port", ["0", "80", "65001", "-1", "4566.5", "x"])
def test_invalid_port_is_rejected(port: str) -> None:
    with pytest.raises(SettingsError, match="LOCAL_PORT"):
        load({"LOCAL_PORT": port})


def test_parameters_are_parsed_as_pairs() -> None:
    settings = load({"PARAMETERS": "PollInterval=1 AllowedVideoHosts=a,b=c"})
    assert settings.parameters == {"PollInterval": "1", "AllowedVideoHosts": "a,b=c"}
    for bad in ("PollInterval", "=1", "PollInterval 1"):
        with pytest.raises(SettingsError, match="PARAMETERS"):
            load({"PARAMETERS": bad})


def test_unknown_parameter_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(SettingsError, match=r"PollIntervl, .* Did you mean PollInterval\?"):
        load({"PARAMETERS": "PollFirstWait=1 PollIntervl=1"})
    with pytest.raises(SettingsError, match=r"Nonsense, .* no such parameter\.$"):
        load({"PARAMETERS": "Nonsense=1"})


def test_functions_are_published_again_for_other_parameters() -> None:
    settings = load({})
    versions = {code_version(settings, parameters) for parameters in ({}, {"PollInterval": "1"}, {"PollInterval": "2"})}
    assert len(versions) == 3


def test_a_running_stack_with_other_settings_is_not_used() -> None:
    running = load({"LOCAL_PORT": "7000", "PARAMETERS": "PollInterval=1 EraseGrace=3"}).in_force
    require_same(load({}), running)
    require_same(load({"LOCAL_PORT": "7000", "PARAMETERS": "EraseGrace=3 PollInterval=1"}), running)
    for name, value in (
        ("LOCAL_PORT", "7001"),
        ("PARAMETERS", "PollInterval=1"),
        ("SANDBOX_RENDER_SECONDS", "2"),
        ("ANTHROPIC_API_KEY", "key"),
    ):
        with pytest.raises(StackError, match=f"with {name}="):
            require_same(load({name: value}), running)


@pytest.mark.parametrize("host", ["8.8.8.8", "0.0.0.0", "224.0.0.1", "localhost", "::1", "1"])
def test_a_host_that_is_no_private_address_is_rejected(host: str) -> None:
    with pytest.raises(SettingsError, match="LOCAL_HOST"):
        load({"LOCAL_HOST": host})


def test_stack_stops_when_its_owner_exits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert processes.is_alive(owner.pid)
    supervisor = Supervisor(load({"LOCAL_DIR": str(tmp_path), "LOCAL_OWNER": str(owner.pid)}))
    monkeypatch.setattr("signal.signal", lambda *_: None)  # pytest's own handlers stay
    monkeypatch.setattr(Supervisor, "_start", lambda _: owner.communicate())

    assert supervisor.run() == 0


def test_owner_that_is_no_process_id_is_rejected() -> None:
    with pytest.raises(SettingsError, match="LOCAL_OWNER"):
        load({"LOCAL_OWNER": "me"})


def test_functions_start_through_a_wrapper_only_if_one_is_given() -> None:
    assert "AWS_LAMBDA_EXEC_WRAPPER" not in ministack.environment(load({}))
    wrapped = ministack.environment(load({"LOCAL_FUNCTION_WRAPPER": "/tmp/wrapper"}))
    assert wrapped["AWS_LAMBDA_EXEC_WRAPPER"] == "/tmp/wrapper"


def test_clean_environment_has_no_credentials_or_aws_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("AWS_PROFILE", "production")
    environment = load({}).clean_environment()
    assert "secret" not in environment.values()
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


def test_template_keeps_its_intrinsic_functions() -> None:
    template = load_template("A: !Ref X\nB: !GetAtt Y.Arn\nC: !Sub '${Z}/a'\nD: !If [C, 1, !Ref W]\n")
    assert template == {
        "A": {"Ref": "X"},
        "B": {"Fn::GetAtt": ["Y", "Arn"]},
        "C": {"Fn::Sub": "${Z}/a"},
        "D": {"Fn::If": ["C", 1, {"Ref": "W"}]},
    }
    assert load_template(render_template(template)) == template


def test_routes_are_read_from_sams_openapi_document() -> None:
    uri = {"Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/functions/${FAliaslive}/invocations"}
    operation = {"x-amazon-apigateway-integration": {"uri": uri}}
    body = {
        "paths": {
            "/open": {"get": {**operation, "security": [{"NONE": []}]}},
            "/closed": {"post": {**operation, "security": [{"AccessToken": ["scope"]}]}, "parameters": []},
        }
    }
    assert list(routes_of(body)) == [
        Route("GET /open", "FAliaslive", None, ()),
        Route("POST /closed", "FAliaslive", "AccessToken", ("scope",)),
    ]


def test_references_are_resolved_and_unknown_ones_raise() -> None:
    names = Names({"Pool": "pool-1"}, {"Stage": "local"})
    value = {"issuer": {"Fn::Sub": "https://${AWS::Region}/${Pool}"}, "audience": [{"Ref": "Stage"}]}
    assert names.resolve(value) == {"issuer": "https://us-east-1/pool-1", "audience": ["local"]}
    with pytest.raises(KeyError):
        names.resolve({"Ref": "Unknown"})


def test_lock_is_exclusive_and_returns_its_holder(tmp_path: Path) -> None:
    lock = StackLock(tmp_path)
    assert lock.holder() is None
    with lock.held():
        assert StackLock(tmp_path).holder() is not None
        with pytest.raises(AlreadyRunningError), StackLock(tmp_path).held():
            pass
    assert lock.holder() is None
