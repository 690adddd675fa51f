"""What a function costs to start: who imports the Claude SDK, FFmpeg and other heavy packages, and who must not."""

import json
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws import template

CODE = {
    name: each["Properties"]["CodeUri"].rstrip("/")
    for name, each in template()["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}
CALL_CLAUDE = {"AnalyzeFunction", "AnalyzeDreamFunction"}
CUT_PICTURES = {"ArchiveVideoFunction"}
DECODE_PICTURES = {"UploadFunction"}

_PROBE = """
import json, runpy, sys
runpy.run_path(sys.argv[1], run_name="app")
heavy = ("anthropic", "av", "PIL", "httpx", "jwt", "email_validator")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


@pytest.fixture(scope="module")
def heavy_imports() -> dict[str, set[str]]:
    path = [REPOSITORY / "layers/dreamvision/python", REPOSITORY / "layers/api/python"]
    environment = {"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "us-east-1"}
    found = {}
    for name, folder in CODE.items():
        command = [sys.executable, "-c", _PROBE, str(REPOSITORY / folder / "app.py")]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found[name] = set(json.loads(answer.stdout.splitlines()[-1]))
    return found


def test_only_the_functions_that_call_claude_import_its_sdk(heavy_imports: dict[str, set[str]]) -> None:
    assert {name for name, found in heavy_imports.items() if "anthropic" in found} == CALL_CLAUDE


def test_only_archive_video_imports_ffmpeg(heavy_imports: dict[str, set[str]]) -> None:
    assert {name for name, found in heavy_imports.items() if "av" in found} == CUT_PICTURES


def test_only_the_upload_trigger_imports_pillow(heavy_imports: dict[str, set[str]]) -> None:
    assert {name for name, found in heavy_imports.items() if "PIL" in found} == DECODE_PICTURES


def test_only_auth_imports_the_check_of_email_addresses(heavy_imports: dict[str, set[str]]) -> None:
    assert {name for name, found in heavy_imports.items() if "email_validator" in found} <= {"AuthFunction"}


def test_no_function_imports_pyjwt_before_it_needs_it(heavy_imports: dict[str, set[str]]) -> None:
    assert not {name for name, found in heavy_imports.items() if "jwt" in found}


def test_a_package_of_its_own_is_named_only_where_it_is_needed() -> None:
    declared = {name for name, folder in CODE.items() if (REPOSITORY / folder / "requirements.txt").exists()}
    assert declared == CALL_CLAUDE | CUT_PICTURES | DECODE_PICTURES | {"AuthFunction"}
