"""What all tests share: how workers divide a run, the clock, no sockets in unit tests, handlers by folder, events from
files.

How ``pytest -n 5`` divides a run:
1. A file is the unit of work: a worker runs all its tests in order, then takes the next file from the queue.
2. The first file starts the stack; meanwhile the other workers run long integration files. Then e2e files, which mostly
   wait, are spread among integration files, which mostly compute. All others follow.
3. All workers share one stack, started by the first test that needs it. E2E tests use users of their own, so that any
   files can run at the same time.
4. After the last test the first process checks the stack's logs for everything secret that the tests sent and received,
   and the permissions of the functions against the AWS calls that they made (``tests/permissions/``).
5. Then it stops the stack.
"""

import gc
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import time_machine
from pytest_socket import disable_socket, enable_socket
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from tests.e2e.shared_stack import Run, StackCommand
from tests.permissions.collected import Collected
from tests.permissions.running import with_role_of

REPOSITORY = Path(__file__).resolve().parent.parent

type Event = dict[str, Any]

_RUN = pytest.StashKey[Run]()
_SECRETS = pytest.StashKey[dict[str, str]]()
_COLLECTED = pytest.StashKey[Collected]()
_FIRST = (
    # Starts the stack, which takes one worker half a minute, and more without compiled packages. Meanwhile:
    "e2e/test_schemathesis.py",
    "integration/erasure/test_restart.py",
    "integration/erasure/test_concurrent.py",
    "integration/erasure/test_dreams.py",
)
_LONG_E2E = (
    # From 90 to 15 seconds. The order of the other files does not affect the total time.
    "e2e/test_page.py",
    "e2e/test_page_journeys.py",
    "e2e/test_provider_failures.py",
    "e2e/test_realtime.py",
    "e2e/test_history.py",
    "e2e/test_workflow.py",
    "e2e/test_typescript_client.py",
    "e2e/test_limits.py",
    "e2e/test_two_users.py",
    "e2e/test_docs_pages.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--clock",
        metavar="TIME",
        help="start every test at this moment, for example 2026-12-31T23:59:59.9Z; the clock goes on from there",
    )


def pytest_configure(config: pytest.Config) -> None:
    # In new objects. Python's own thresholds (2000, 10, 10) cost a sixth of the tests' processor time. At the end of a
    # run pytest collects everything, and reports what destructors raise.
    gc.set_threshold(50_000, 20, 50)
    given = getattr(config, "workerinput", None)
    config.stash[_RUN] = Run(**given["run"]) if given else Run.new()
    config.stash[_SECRETS] = {}
    config.stash[_COLLECTED] = Collected()


def run_of(config: pytest.Config) -> Run:
    return config.stash[_RUN]


def secrets_of(config: pytest.Config) -> dict[str, str]:
    """Return what the tests of this process have sent and received that no log may hold, with the kind of each."""
    return config.stash[_SECRETS]


def pytest_configure_node(node: WorkerController) -> None:
    """Let a worker that xdist starts belong to the same run."""
    node.workerinput["run"] = asdict(run_of(node.config))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        names = {path: path.relative_to(REPOSITORY / "tests").as_posix() for path in {item.path for item in items}}
        places = {name: place for place, name in enumerate(_queue(set(names.values())))}
        items.sort(key=lambda item: places[names[item.path]])


def _queue(paths: set[str]) -> list[str]:
    """Return the order in which the workers take the files."""
    first = [path for path in _FIRST if path in paths]
    e2e = [path for path in _LONG_E2E if path in paths]
    e2e += sorted(path for path in paths.difference(first, e2e) if path.startswith("e2e/"))
    integration = sorted(path for path in paths.difference(first) if path.startswith("integration/"))
    spread = [(place / len(files), path) for files in (e2e, integration) for place, path in enumerate(files)]
    return [*first, *(path for _, path in sorted(spread)), *sorted(paths.difference(first, e2e, integration))]


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[_COLLECTED].deselect(item)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude what has been imported and collected from the search for cycles: it lives as long as the run."""
    session.config.stash[_COLLECTED].collect(session)
    gc.collect()
    gc.freeze()


def pytest_testnodedown(node: WorkerController) -> None:
    """Collect the secrets and the AWS calls of a worker that is done."""
    output = getattr(node, "workeroutput", {})
    secrets_of(node.config).update(json.loads(output.get("secrets", "{}")))
    node.config.stash[_COLLECTED].merge(output.get("collected"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        # As JSON, which is ASCII: a text with half of a surrogate pair cannot be sent in any other way.
        config.workeroutput["secrets"] = json.dumps(secrets_of(config))
        config.workeroutput["collected"] = config.stash[_COLLECTED].to_worker_output()
        return
    all_ran = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if all_ran and not _final_checks_pass(config, exitstatus):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _final_checks_pass(config: pytest.Config, exitstatus: int) -> bool:
    """Run the checks that need all workers to be done. Failed tests may not have made all their calls."""
    collected = config.stash[_COLLECTED]
    complete = collected.complete() if exitstatus == pytest.ExitCode.OK else set()
    results = []
    if recorded := collected.recorded():
        from tests.permissions.checks import report_integration_checks

        results.append(report_integration_checks(config, *recorded, "integration" in complete))
    stack = StackCommand(run_of(config))
    if stack.is_started():
        from tests.e2e.log_check import report_log_checks
        from tests.permissions.checks import report_e2e_checks

        outputs = stack.outputs()
        results.append(report_log_checks(config, outputs, secrets_of(config)))
        results.append(report_e2e_checks(config, outputs, stack.recorded_calls, "e2e" in complete))
    return all(results)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUN in config.stash and not hasattr(config, "workerinput"):
        StackCommand(run_of(config)).stop()


@pytest.fixture(autouse=True)
def _clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """Start the test at the moment of ``--clock``, if there is one."""
    moment: str | None = request.config.getoption("clock")
    with time_machine.travel(moment, tick=True) if moment else nullcontext():
        yield


def at_noon() -> time_machine.travel:
    """Set the clock to noon (UTC) of one day, from where it goes on."""
    return time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC), tick=True)


@pytest.fixture
def noon() -> Iterator[None]:
    """Start the test at noon: its result depends on the hour, the day or the month, none of which then ends."""
    with at_noon():
        yield


@pytest.fixture(autouse=True)
def _sockets_only_where_they_belong(request: pytest.FixtureRequest) -> None:
    if "unit" in request.path.relative_to(REPOSITORY / "tests").parts:
        disable_socket(allow_unix_socket=True)
    else:
        enable_socket()


def load_function(folder: str) -> ModuleType:
    """Load ``functions/<folder>/app.py`` under a name of its own: every function's module is called ``app``."""
    name = f"functions_{folder.replace('/', '_')}_app"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "functions" / folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    module.handler = with_role_of(folder, module.handler)  # type: ignore[attr-defined]
    return module


@pytest.fixture(scope="session")
def function() -> Callable[[str], ModuleType]:
    return load_function


def load_event(name: str) -> Event:
    """Load ``events/<name>.json``."""
    event: Event = json.loads((REPOSITORY / "events" / f"{name}.json").read_text())
    return event


@pytest.fixture(scope="session")
def event() -> Callable[[str], Event]:
    return load_event
