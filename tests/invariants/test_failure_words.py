"""What a person reads when a video came to nothing: the words of the very error, in the function that records it."""

import json
import subprocess
import sys

from dreamvision import download, unplayable
from dreamvision.errors import DreamVisionError
from dreamvision.storage import MediaUploadError
from tests.conftest import REPOSITORY

# In a process of its own, with what RecordFailure imports and nothing else: the tests have loaded every module.
_PROBE = """
import json, runpy, sys
runpy.run_path(sys.argv[1], run_name="app")
from dreamvision.failing import message_for
print(json.dumps({name: message_for(name) for name in sys.argv[2:]}))
"""


def test_everything_that_archiving_can_meet_has_its_own_words() -> None:
    found = [each for module in (download, unplayable) for each in vars(module).values()]
    errors = {each for each in found if isinstance(each, type) and issubclass(each, DreamVisionError)}
    errors = (errors - {DreamVisionError}) | {MediaUploadError}
    assert len(errors) >= 10
    app = REPOSITORY / "functions/workflow/fail/app.py"
    path = [REPOSITORY / "layers/dreamvision/python", REPOSITORY / "layers/api/python"]
    answer = subprocess.run(
        [sys.executable, "-c", _PROBE, str(app), *(error.__name__ for error in errors)],
        env={"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = json.loads(answer.stdout.splitlines()[-1])
    assert words == {error.__name__: error.user_message for error in errors}
