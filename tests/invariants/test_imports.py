"""Imports of the functions: which ones load the Claude SDK, FFmpeg and other heavy packages."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws import template

FUNCTIONS = {
    name: each["Properties"]
    for name, each in template()["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}
CODE = {name: properties["CodeUri"].rstrip("/") for name, properties in FUNCTIONS.items()}
CALL_CLAUDE = {"ApiAnalyzeDreamFunction", "AnalyzeDreamFunction"}
CUT_THUMBNAILS = {"ArchiveVideoFunction"}
DECODE_IMAGES = {"ImageUploadedFunction"}
# Secrets Manager appends a hyphen and six characters to a name.
VIDEO_KEY = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${VideoKeySecret}-??????"
MAKE_LINKS = {"ApiDreamsFunction", "ApiVideosFunction", "RealtimeMessagesFunction", "RealtimePushFunction"}

# Forks one child per function after the imports that all of them share; none of those is checked.
_PROBE = """
import json, os, runpy, sys
import aws_lambda_powertools.event_handler.openapi.models, boto3, pydantic
checked = ("anthropic", "av", "PIL", "httpx", "jwt", "email_validator", "dreamvision.queries.presenters")
assert not any(name in sys.modules for name in checked)
for app in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        runpy.run_path(app, run_name="app")
        print(json.dumps([name for name in checked if name in sys.modules]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, app
"""


def statements(properties: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for policy in properties.get("Policies", []) for each in policy["Statement"]]


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    path = [REPOSITORY / "layers/dreamvision/python", REPOSITORY / "layers/api/python"]
    environment = {"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-c", _PROBE, *(str(REPOSITORY / folder / "app.py") for folder in CODE.values())]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found = [set(json.loads(line)) for line in answer.stdout.splitlines() if line.startswith("[")]
    return dict(zip(CODE, found, strict=True))


def test_only_the_functions_that_call_claude_import_its_sdk(imports: dict[str, set[str]]) -> None:
    assert {name for name, found in imports.items() if "anthropic" in found} == CALL_CLAUDE


def test_only_archive_video_imports_ffmpeg(imports: dict[str, set[str]]) -> None:
    assert {name for name, found in imports.items() if "av" in found} == CUT_THUMBNAILS


def test_only_the_upload_trigger_imports_pillow(imports: dict[str, set[str]]) -> None:
    assert {name for name, found in imports.items() if "PIL" in found} == DECODE_IMAGES


def test_only_auth_imports_the_email_validator(imports: dict[str, set[str]]) -> None:
    assert {name for name, found in imports.items() if "email_validator" in found} <= {"ApiAuthFunction"}


def test_no_function_imports_pyjwt_before_it_needs_it(imports: dict[str, set[str]]) -> None:
    assert not {name for name, found in imports.items() if "jwt" in found}


def test_functions_that_link_media_have_its_address_and_may_read_the_key(imports: dict[str, set[str]]) -> None:
    views = {name for name, found in imports.items() if "dreamvision.queries.presenters" in found}
    assert views - {"ApiAnalyzeDreamFunction"} == MAKE_LINKS  # an analysis has no media
    for name in MAKE_LINKS:
        variables = FUNCTIONS[name]["Environment"]["Variables"]
        assert {"MEDIA_BASE_URL", "VIDEO_KEY_SECRET", "VIDEO_EXPIRY_DAYS"} <= variables.keys(), name
        # Images are public, and the distribution reads videos: links need no permission on the bucket.
        assert "s3:" not in str(FUNCTIONS[name]["Policies"]), name
    statement = {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": {"Fn::Sub": VIDEO_KEY}}
    assert {name for name, each in FUNCTIONS.items() if statement in statements(each)} == MAKE_LINKS
    assert {name for name, each in FUNCTIONS.items() if "VideoKeySecret" in str(statements(each))} == MAKE_LINKS


def test_only_functions_that_need_their_own_packages_declare_them() -> None:
    declared = {name for name, folder in CODE.items() if (REPOSITORY / folder / "requirements.txt").exists()}
    assert declared == CALL_CLAUDE | CUT_THUMBNAILS | DECODE_IMAGES | {"ApiAuthFunction"}


def test_what_is_built_from_requirements_is_built_by_the_packager() -> None:
    """SAM's own builder would add sources, tests and stubs, and another package of the same name a second time."""
    for name, each in template()["Resources"].items():
        properties = each.get("Properties", {})
        code = properties.get("CodeUri") or properties.get("ContentUri")
        built = each.get("Metadata") == {
            "BuildMethod": "makefile",
            "ContextPath": {"Fn::Sub": "packager/${Architecture}"},
        }
        assert built is bool(code and (REPOSITORY / code / "requirements.txt").exists()), name
