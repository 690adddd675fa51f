"""User messages of failed videos: RecordFailure knows the message of every error of an execution."""

import json
import subprocess
import sys

from dreamvision.analysis import errors as analysis_errors
from dreamvision.core.errors import DreamVisionError
from dreamvision.media import errors as media_errors
from dreamvision.media.errors import ImageRejectedError, MediaReadError
from dreamvision.rendering import errors as rendering_errors
from tests.conftest import REPOSITORY

# A process of its own imports only what RecordFailure imports; the test process has loaded every module.
_PROBE = """
import json, runpy, sys
runpy.run_path(sys.argv[1], run_name="app")
from dreamvision.videos.failures import message_for
print(json.dumps({name: message_for(name) for name in sys.argv[2:]}))
"""


def test_every_error_of_an_execution_has_its_own_message() -> None:
    modules = (analysis_errors, rendering_errors, media_errors)
    found = [each for module in modules for each in vars(module).values()]
    errors = {each for each in found if isinstance(each, type) and issubclass(each, DreamVisionError)}
    # Uploads are not part of an execution; their errors reach the user in another way.
    errors -= {DreamVisionError, MediaReadError, *(each for each in errors if issubclass(each, ImageRejectedError))}
    assert len(errors) >= 35
    app = REPOSITORY / "functions/workflows/dream_to_video/record_failure/app.py"
    path = [REPOSITORY / "layers/dreamvision/python", REPOSITORY / "layers/api/python"]
    answer = subprocess.run(
        [sys.executable, "-c", _PROBE, str(app), *(error.__name__ for error in errors)],
        env={"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = json.loads(answer.stdout.splitlines()[-1])
    assert words == {error.__name__: error.user_message for error in errors}
