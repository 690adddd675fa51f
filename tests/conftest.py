"""What all layers of tests share: how workers share them, no sockets in unit tests, handlers loaded by their folder,
events from files.
"""

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

import pytest
from pytest_socket import disable_socket, enable_socket
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.e2e.shared_stack import Run, StackCommand

REPOSITORY = Path(__file__).resolve().parent.parent

type Event = dict[str, Any]
type Lane = Literal["first", "second", "third"]

_RUN = pytest.StashKey[Run]()
# About the same time each. What is not here is in the first.
_LANES: dict[str, Lane] = {
    "test_docs_pages.py": "second",
    "test_history.py": "second",
    "test_media.py": "second",
    "test_page.py": "second",
    "test_typescript_client.py": "second",
    "test_accounts.py": "third",
    "test_bad_input.py": "third",
    "test_concurrency.py": "third",
    "test_cors.py": "third",
    "test_realtime.py": "third",
    "test_roadmap_checklists.py": "third",
    "test_schemathesis.py": "third",
    "test_tokens.py": "third",
}


class _ByFile(LoadScopeScheduling):  # type: ignore[misc] # it comes without types
    """What goes to one worker together: a file's tests, and the e2e tests in lanes."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return f"e2e, {lane_of(nodeid)} lane" if path.startswith("tests/e2e/") else path


def lane_of(nodeid: str) -> Lane:
    """The e2e tests that run one after another with this one. Those of other lanes run beside them."""
    path, _, test = nodeid.partition("::")
    named: Lane | None = next((lane for lane in get_args(Lane.__value__) if f"[{lane}]" in test), None)
    return named or _LANES.get(path.rpartition("/")[2], "first")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: the stack is this test's alone, no other test uses it meanwhile")
    given = getattr(config, "workerinput", None)
    config.stash[_RUN] = Run(**given["run"]) if given else Run.new()


def pytest_configure_node(node: WorkerController) -> None:
    """xdist starts a worker: it belongs to the same run."""
    node.workerinput["run"] = asdict(run_of(node.config))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The run's stack ends with the run; that is, where there are workers, once all of them are done."""
    if not hasattr(session.config, "workerinput"):
        StackCommand(run_of(session.config)).stop()


def run_of(config: pytest.Config) -> Run:
    return config.stash[_RUN]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lanes take longest: with workers they come first, and whoever is done with one takes of the rest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e/"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return _ByFile(config, log)


@pytest.fixture(autouse=True)
def _sockets_only_where_they_belong(request: pytest.FixtureRequest) -> None:
    if "unit" in request.path.relative_to(REPOSITORY / "tests").parts:
        disable_socket(allow_unix_socket=True)
    else:
        enable_socket()


def load_function(folder: str) -> ModuleType:
    """``functions/<folder>/app.py`` as a module of its own: every function's module is called ``app``."""
    name = f"functions_{folder.replace('/', '_')}_app"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "functions" / folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def function() -> Callable[[str], ModuleType]:
    return load_function


def load_event(name: str) -> Event:
    """``events/<name>.json``."""
    event: Event = json.loads((REPOSITORY / "events" / f"{name}.json").read_text())
    return event


@pytest.fixture(scope="session")
def event() -> Callable[[str], Event]:
    return load_event
