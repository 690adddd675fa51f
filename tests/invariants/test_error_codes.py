"""Error codes of videos: every error that an execution can end with has one on purpose."""

import json
import re
import subprocess
import sys

from dreamvision.schemas.error_codes import EXPLANATIONS, ErrorCode
from dreamvision.videos.outcomes import CODES
from tests.conftest import REPOSITORY

WORKFLOW = REPOSITORY / "functions/workflows/dream_to_video"
# A process of its own imports only what the states' functions import; the test process has loaded every module.
_PROBE = """
import json, runpy, sys
for app in sys.argv[1:]:
    runpy.run_path(app, run_name="app")
from dreamvision.core.errors import DreamVisionError
def subclasses(parent):
    for each in parent.__subclasses__():
        yield each
        yield from subclasses(each)
print(json.dumps({each.__name__: each.__module__ for each in subclasses(DreamVisionError)}))
"""
# Loaded with other classes, but no state raises them: quotas are reserved before an execution starts, images are
# uploaded, and executions are started, stopped and described from outside.
NOT_OF_STATES = {
    "ExecutionStopError",
    "ImageDimensionsError",
    "ImageMalformedError",
    "ImageRejectedError",
    "ImageTooLargeError",
    "MediaReadError",
    "PolyglotImageError",
    "StateMachineError",
}
# From videos/failures.py, and from the sweep.
OTHERS = {"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut", "WorkflowUnavailableError"}


def errors_of_states() -> set[str]:
    """Return the names of our errors that the functions of the state machine know."""
    path = [REPOSITORY / "layers/dreamvision/python", REPOSITORY / "layers/api/python"]
    answer = subprocess.run(
        [sys.executable, "-c", _PROBE, *(str(app) for app in sorted(WORKFLOW.glob("*/app.py")))],
        env={"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(answer.stdout.splitlines()[-1])
    return {name for name, module in found.items() if module != "dreamvision.limits.quotas"} - NOT_OF_STATES


def test_every_error_of_a_state_has_a_code() -> None:
    found = errors_of_states()
    assert len(found) >= 45
    assert found | OTHERS == CODES.keys()


def test_every_error_that_the_definition_names_is_known() -> None:
    definition = (WORKFLOW / "dream_to_video.asl.yaml").read_text()
    named = set(re.findall(r"\b(?<!\.)[A-Z]\w+Error\b", definition))
    assert len(named) >= 20
    assert named <= CODES.keys()


def test_every_code_is_explained_and_used() -> None:
    assert EXPLANATIONS.keys() == set(ErrorCode)
    assert {*CODES.values(), ErrorCode.CANCELLED} == set(ErrorCode)
    assert all(each.title and each.advice.endswith(".") for each in EXPLANATIONS.values())
