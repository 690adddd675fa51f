"""The check that ends every run with e2e tests: no log of the shared stack holds a secret or anything personal.

It runs in the first process once all workers are done, and its results are test results: a leak fails the run.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dreamvision.database.compression import decompress
from tests.e2e.client import PASSWORD, ControlPlane, User, register
from tests.e2e.secrets_recorder import SecretsRecorder
from tests.final_checks import Check, report_checks

_MARK = "a lighthouse of green glass in the middle of the desert"
_KINDS = {"dream", "prompt", "e-mail address", "password", "token", "push token", "key"}
_FILES = {"emulator.log", "gateway.log", "sandbox.log", "stack.log"}
_LEAKS_SHOWN = 5
# Characters: a key in PEM has lines of 64, the name of a key pair 14.
_SHORTEST_SECRET = 40


def report_log_checks(config: pytest.Config, outputs: dict[str, Any], secrets: dict[str, str]) -> bool:
    """Check all logs of a running stack and report each check as a test. Return whether all passed."""
    return report_checks(config, "tests/e2e/log_check.py", _checks(outputs, SecretsRecorder(secrets)))


def _checks(outputs: dict[str, Any], recorder: SecretsRecorder) -> Iterator[Check]:
    control = ControlPlane(outputs)
    yield "every_kind_of_secret_is_recorded", lambda: _record(control, recorder)
    logs = {file.name: file.read_text(errors="replace").splitlines() for file in Path(outputs["logs"]).glob("*.log")}
    logs["functions"] = control.log_lines()
    yield "every_log_is_there", lambda: _require_complete(logs)
    for name, lines in sorted(logs.items()):
        yield f"no_secret_is_in[{name}]", lambda lines=lines: _require_clean(lines, recorder)  # type: ignore[misc]


def _record(control: ControlPlane, recorder: SecretsRecorder) -> None:
    """Record a secret of every kind: of one more user, and what the tables and Secrets Manager hold."""
    with recorder.client(base_url=control.outputs["api_url"], timeout=45, trust_env=False) as http:
        user = register(http)
        _use_the_api(http, user)
    for key in _keys(control):
        recorder.add("key", key)
    for kind, text in _stored_texts(control):
        recorder.add(kind, text)
    assert set(recorder.secrets.values()) == _KINDS
    assert {PASSWORD, user.email} <= set(recorder.secrets)


def _use_the_api(http: httpx.Client, user: User) -> None:
    assert user.post("/dreams/analyze", {"dream_text": f"I dreamt of {_MARK}"}).status_code == 200
    user.wait_for_video(user.create_video(f"I was inside {_MARK}")["video_generation"]["job_id"])
    device = {"push_token": "ExponentPushToken[of-the-check-of-all-logs]", "platform": "ios"}
    assert user.request("PUT", "/devices/of-the-check", json=device).status_code == 200
    wrong = {"email": user.email, "password": "Wrong-Password-1"}
    assert http.post("/api/v1/auth/login", json=wrong).status_code == 401


def _require_complete(logs: dict[str, list[str]]) -> None:
    answered = [line for line in logs["functions"] if '"message":"answered"' in line]
    assert any("POST /api/v1/dreams/analyze" in line for line in answered)
    assert set(logs) >= _FILES
    assert logs["gateway.log"]


def _require_clean(lines: list[str], recorder: SecretsRecorder) -> None:
    leaks = list(recorder.leaks(lines))
    assert not leaks, f"{len(leaks)} leaks, such as:\n" + "\n".join(map(str, leaks[:_LEAKS_SHOWN]))


def _stored_texts(control: ControlPlane) -> Iterator[tuple[str, str]]:
    """The texts in the tables: browsers and generated clients have created dreams without the recorder."""
    tables = control.outputs["tables"]
    texts = {"dreams": ("dream_text", "t", "title", "video_prompt"), "videos": ("video_prompt",)}
    for role, names in {**texts, "user_profiles": ("email",)}.items():
        for item in control.tables.Table(tables[role]).scan()["Items"]:
            for name in names:
                if text := decompress(item.get(name)):
                    yield {"email": "e-mail address", "video_prompt": "prompt"}.get(name, "dream"), text


def _keys(control: ControlPlane) -> list[str]:
    """The stack's secrets: the providers' keys, and those that sign cursors and links."""
    secrets = control.client("secretsmanager")
    names = [found["Name"] for found in secrets.list_secrets()["SecretList"]]
    texts = [str(secrets.get_secret_value(SecretId=name)["SecretString"]) for name in names]
    return [part for text in texts for part in (_lines(text) if text.startswith("{") else [text])]


def _lines(text: str) -> list[str]:
    """Return the secret lines of a JSON object: those of a key in PEM, not its name or its header."""
    lines = "\n".join(json.loads(text).values()).splitlines()
    return [line for line in lines if len(line) >= _SHORTEST_SECRET and not line.startswith("-----")]
