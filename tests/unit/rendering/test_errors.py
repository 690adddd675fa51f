import subprocess
import sys
from typing import TypeGuard

import pytest

from dreamvision.core.errors import DreamVisionError
from dreamvision.rendering import errors
from dreamvision.rendering.errors import (
    RenderCancelledError,
    RenderEmptyOutputError,
    RenderFailedError,
    RenderModerationError,
)
from dreamvision.rendering.renderer import FailureKind, RenderFailure, RenderStatus
from dreamvision.rendering.runway import failure_from_code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SAFETY.INPUT.TEXT", FailureKind.MODERATION),
        ("SAFETY.OUTPUT.VIDEO", FailureKind.MODERATION),
        ("SAFETY", FailureKind.MODERATION),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", FailureKind.MODERATION),
        ("INPUT_PREPROCESSING.INTERNAL", FailureKind.PROVIDER),
        ("INTERNAL.BAD_OUTPUT.CODE01", FailureKind.BAD_OUTPUT),
        ("INTERNAL.BAD_OUTPUT.01", FailureKind.BAD_OUTPUT),
        ("INTERNAL", FailureKind.PROVIDER),
        ("ASSET.INVALID", FailureKind.INVALID_INPUT),
        ("THIRD_PARTY.UNAVAILABLE", FailureKind.PROVIDER),
        ("SOMETHING.NEW", FailureKind.PROVIDER),
        ("SAFETYNET.DOWN", FailureKind.PROVIDER),  # a prefix ends at a dot
    ],
)
def test_a_failure_code_is_read_by_its_prefix(code: str, kind: FailureKind) -> None:
    assert failure_from_code(code) == RenderFailure(kind, code)


@pytest.mark.parametrize(
    "code", [None, "", 17, ["SAFETY"], "safety text of a dream", "A" * 65, "SAFETY\nINPUT", "A..B"]
)
def test_a_malformed_failure_code_is_not_stored(code: object) -> None:
    assert failure_from_code(code) == RenderFailure(FailureKind.PROVIDER, None)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FailureKind.MODERATION, RenderModerationError),
        (FailureKind.CANCELLED, RenderCancelledError),
        (FailureKind.EMPTY_OUTPUT, RenderEmptyOutputError),
        (FailureKind.PROVIDER, RenderFailedError),
        (FailureKind.BAD_OUTPUT, RenderFailedError),
        (FailureKind.INVALID_INPUT, RenderFailedError),
    ],
)
def test_every_failure_has_its_exception(kind: FailureKind, error: type[RenderFailedError]) -> None:
    failure = RenderFailure(kind)
    assert type(failure.to_error()) is error


def test_final_and_queued_states_are_distinguished() -> None:
    assert {status for status in RenderStatus if status.is_final} == {RenderStatus.SUCCEEDED, RenderStatus.FAILED}
    assert {status for status in RenderStatus if status.is_waiting} == {RenderStatus.QUEUED, RenderStatus.THROTTLED}


def test_every_error_has_its_own_log_and_user_text() -> None:
    # GIVEN every exception of the module
    found = [value for value in vars(errors).values() if _is_own_error(value)]
    # THEN none uses the default messages, and no two have the same log message
    assert len(found) == 14
    assert len({error.default_message for error in found}) == len(found)
    assert all("default_message" in vars(error) and "user_message" in vars(error) for error in found)
    assert all(str(error()) == error.default_message for error in found)


def _is_own_error(value: object) -> TypeGuard[type[DreamVisionError]]:
    return isinstance(value, type) and issubclass(value, DreamVisionError) and value is not DreamVisionError


def test_the_renderer_port_imports_no_http_library() -> None:
    code = "import sys, dreamvision.rendering; print(sorted({'httpx', 'httpcore', 'av', 'boto3'} & set(sys.modules)))"
    path = [entry for entry in sys.path if entry.endswith("layers/dreamvision/python")]
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == "[]"
