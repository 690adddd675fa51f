"""After everything else: what each lane's tests have left in the logs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from dreamvision.database.compression import decompress
from tests.conftest import Lane
from tests.e2e.client import PASSWORD, ControlPlane, User
from tests.e2e.secrets_recorder import SecretsRecorder

_MARK = "a lighthouse of green glass in the middle of the desert"


@pytest.mark.parametrize("lane", get_args(Lane.__value__))
def test_no_log_holds_anything_personal_or_secret(
    lane: Lane, user: User, http: httpx.Client, control: ControlPlane, stack: dict[str, Any], recorder: SecretsRecorder
) -> None:
    # GIVEN a whole run of tests, or this one user alone
    analysis = user.post("/dreams/analyze", {"dream_text": f"I dreamt of {_MARK}"})
    assert analysis.status_code == 200
    user.wait_for_video(user.film(f"I filmed {_MARK}")["video_generation"]["job_id"])
    assert (
        http.post("/api/v1/auth/login", json={"email": user.email, "password": "Wrong-Password-1"}).status_code == 401
    )
    for key in _keys(control):
        recorder.add("key", key)
    for kind, text in _kept(control):
        recorder.add(kind, text)
    kinds = {"dream", "prompt", "e-mail address", "password", "token", "key"}
    assert set(recorder.secrets.values()) == kinds
    assert {PASSWORD, user.email} <= set(recorder.secrets)

    # WHEN all logs are read: of the functions, the front door, the sandboxes, the supervisor and the emulator
    functions = control.log_lines()
    files = {file.name: file.read_text(errors="replace").splitlines() for file in Path(stack["logs"]).glob("*.log")}

    # THEN they are there
    assert any('"message":"answered"' in line and "POST /api/v1/dreams/analyze" in line for line in functions)
    assert {"emulator.log", "gateway.log", "sandbox.log", "stack.log"} <= set(files)
    assert files["gateway.log"]
    # AND nothing of it is in any line
    leaks = [
        (name, *leak) for name, lines in {"functions": functions, **files}.items() for leak in recorder.leaks(lines)
    ]
    assert leaks[:5] == []


def _kept(control: ControlPlane) -> Iterator[tuple[str, str]]:
    """What is in the tables: browsers and generated clients have told dreams as well."""
    tables = control.outputs["tables"]
    for role, names in {"dreams": ("dream_text", "t", "video_prompt"), "user_profiles": ("email",)}.items():
        for item in control.tables.Table(tables[role]).scan()["Items"]:
            for name in names:
                if text := decompress(item.get(name)):
                    yield {"email": "e-mail address", "video_prompt": "prompt"}.get(name, "dream"), text


def _keys(control: ControlPlane) -> list[str]:
    """The stack's secrets: the providers' keys, and the one that signs cursors."""
    secrets = control.client("secretsmanager")
    names = [found["Name"] for found in secrets.list_secrets()["SecretList"]]
    return [str(secrets.get_secret_value(SecretId=name)["SecretString"]) for name in names]
