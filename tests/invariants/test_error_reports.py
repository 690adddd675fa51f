"""Reports to Sentry: which functions send them, and what is loaded and deployed without and with an address."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from local.transformed import Evaluation, transformed
from tests.conftest import REPOSITORY
from tests.fakes.aws import template
from tests.fakes.sentry import sentry_server

FUNCTIONS = {
    name: each["Properties"]["CodeUri"].rstrip("/")
    for name, each in template()["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_LAYERS = 5
DSN = {"SentryDsn": "https://0123456789abcdef0123456789abcdef@o1.ingest.de.sentry.io/2"}

# Forks one child per function after the imports that take longest. The child imports the function and lets it fail
# twice: without an address, then with one. The event is empty, and the context has no attributes.
_PROBE = """
import json, os, runpy, sys
import anthropic, boto3, dreamvision_api.api, dreamvision.videos.lifecycle
dsn = os.environ["DSN_OF_THE_TEST"]
for name, app in zip(sys.argv[1::2], sys.argv[2::2]):
    child = os.fork()
    if child == 0:
        os.environ["AWS_LAMBDA_FUNCTION_NAME"] = name
        function = runpy.run_path(app, run_name="app")
        for address in ("", dsn):
            imported = "sentry_sdk" in sys.modules
            os.environ["SENTRY_DSN"] = address
            try:
                function["handler"]({}, object())
            except Exception:
                print(json.dumps([name, address, imported, "sentry_sdk" in sys.modules]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, app
"""


def test_every_function_reports_and_imports_the_sdk_with_its_first_report() -> None:
    # The tests' own path: the packages of the layers.
    path = [REPOSITORY / "layers/dreamvision/python", REPOSITORY / "layers/api/python", *filter(None, sys.path)]
    arguments = [text for name, folder in FUNCTIONS.items() for text in (name, str(REPOSITORY / folder / "app.py"))]
    with sentry_server() as server:
        environment = {
            "PYTHONPATH": ":".join(map(str, path)),
            "AWS_DEFAULT_REGION": "us-east-1",
            "DSN_OF_THE_TEST": server.dsn,
        }
        command = [sys.executable, "-c", _PROBE, *arguments]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        reports = sorted(event["transaction"] for event in server.events())
    assert answer.returncode == 0, answer.stderr
    lines = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("[")]
    without = {name: tuple(imported) for name, address, *imported in lines if not address}
    with_address = {name: tuple(imported) for name, address, *imported in lines if address}
    assert without == dict.fromkeys(FUNCTIONS, (False, False))
    assert with_address == dict.fromkeys(FUNCTIONS, (False, True))
    assert reports == sorted(FUNCTIONS)


def layers_of(**overrides: str) -> dict[str, list[str]]:
    resources = Evaluation(transformed(overrides), overrides).resources()
    return {
        name: each["Properties"]["Layers"]
        for name, each in resources.items()
        if each["Type"] == "AWS::Lambda::Function"
    }


def test_the_layer_is_deployed_and_attached_only_with_an_address() -> None:
    assert not any("Sentry" in layer for layers in layers_of().values() for layer in layers)
    assert not any(name.startswith("SentryLayer") for name in Evaluation(transformed()).resources())
    for name, layers in layers_of(**DSN).items():
        assert [layer for layer in layers if layer.startswith("<SentryLayer")], name
        assert len(layers) <= MAX_LAYERS, name
    assert any(name.startswith("SentryLayer") for name in Evaluation(transformed(DSN), DSN).resources())


@pytest.mark.parametrize("overrides", [{}, DSN], ids=["without", "with"])
def test_functions_get_the_address(overrides: dict[str, str]) -> None:
    for name, each in Evaluation(transformed(overrides), overrides).resources().items():
        if each["Type"] == "AWS::Lambda::Function":
            variables: dict[str, Any] = each["Properties"]["Environment"]["Variables"]
            assert variables["SENTRY_DSN"] == overrides.get("SentryDsn", ""), name


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        ("", True),
        (DSN["SentryDsn"], True),
        ("https://0123456789abcdef@sentry.example.com:9000/relay/17", True),
        ("http://0123456789abcdef@127.0.0.1:8000/1", True),
        ("http://0123456789abcdef@sentry.example.com/1", False),
        ("https://sentry.example.com/1", False),
        ("https://0123456789abcdef@sentry.example.com/", False),
    ],
)
def test_an_address_is_encrypted_and_complete(address: str, accepted: bool) -> None:
    pattern = template()["Parameters"]["SentryDsn"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, address)) is accepted
