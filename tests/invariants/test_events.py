"""Sample events in ``events/``: one per route, none unused."""

import json
import re

from local.sample_events import event_of, file_of, routes
from tests.conftest import REPOSITORY

COMMANDS = REPOSITORY / "layers/dreamvision/python/dreamvision/operations/commands.py"


def test_every_route_has_its_sample_event() -> None:
    for route, public in routes().items():
        assert json.loads(file_of(route).read_text()) == event_of(route, public=public), (
            f"{file_of(route).name} is out of date: python -m local.sample_events"
        )


def test_no_sample_event_is_left_over() -> None:
    expected = {file_of(route) for route in routes()}
    assert set((REPOSITORY / "events" / "api").iterdir()) == expected


def test_every_trigger_has_a_sample_event() -> None:
    triggers = {path.stem for path in (REPOSITORY / "events" / "triggers").iterdir()}
    assert triggers >= {
        "execution-stopped",
        "pre-sign-up",
        "pre-token-generation",
        "sweep",
        "image-uploaded",
        "restart-erasures",
        "reconcile-users",
    }


def test_every_command_of_operators_has_a_sample_event() -> None:
    names = {path.stem for path in (REPOSITORY / "events" / "operations").iterdir()}
    commands = re.findall(r'command: Literal\["([a-z_.]+)"\]', COMMANDS.read_text())
    assert names == {name.replace(".", "-").replace("_", "-") for name in commands}


def test_every_websocket_function_has_a_sample_event() -> None:
    samples = {path.stem for path in (REPOSITORY / "events" / "realtime").iterdir()}
    assert samples == {"authorize", "connect", "disconnect", "ping", "sync", "push", "close-ended-sessions"}
