"""The fork server of the functions' workers: what a worker gets, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.settings import REPOSITORY
from local.stack import processes
from local.workers.requests import retire_workers
from local.workers.server import SHARED_LIBRARIES

START = REPOSITORY / "local" / "workers" / "start.py"
SECONDS = 20

# Says what it was started with, on both outputs, and then does what its function's `act` says.
RUNTIME = """
import json, os, sys
import shared
shared.count += 1
sys.path.insert(0, "")
found = {"pid": os.getpid(), "ppid": os.getppid(), "argv": sys.argv, "folder": os.getcwd(), "count": shared.count}
found |= {"environment": dict(os.environ), "path": sys.path, "own": "packaged" in sys.modules}
found |= {"local": "local" in sys.modules, "imported_by": shared.imported_by}
print(json.dumps(found), flush=True)
print("an error", file=sys.stderr, flush=True)
import app
app.act()
"""

# The part of AWS's runtime client that waits for a request: here, for a file.
CLIENT = """
import os, time
class BaseLambdaRuntimeClient:
    def wait_next_invocation(self):
        requests = os.environ["NEXT"]
        while not os.path.exists(requests):
            time.sleep(0.01)
        os.remove(requests)
"""
WAIT = "from awslambdaric.lambda_runtime_client import BaseLambdaRuntimeClient as C; C().wait_next_invocation(); "

type Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shared library, a runtime, and two functions, one of which has a package of its own."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("layer", "plain", "packed/packaged"):
        (folder / name).mkdir(parents=True)
    (folder / "layer" / "shared.py").write_text("import os\ncount = 0\nimported_by = os.getpid()\n")
    (folder / "layer" / "runtime.py").write_text(RUNTIME)
    (folder / "layer" / "awslambdaric").mkdir()
    (folder / "layer" / "awslambdaric" / "__init__.py").write_text("")
    (folder / "layer" / "awslambdaric" / "lambda_runtime_client.py").write_text(CLIENT)
    for name in SHARED_LIBRARIES:
        # Stands for the libraries, whose import takes long: the first of them imports `shared`.
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            package = folder / "layer" / Path(*parts[:count])
            package.mkdir(exist_ok=True)
            (package / "__init__.py").write_text("import shared\n")
    (folder / "packed" / "packaged" / "__init__.py").write_text("")
    for name in ("plain", "packed"):
        (folder / name / "app.py").write_text("import os, sys, time\ndef act():\n    exec(os.environ['ACT'])\n")
    return folder


@pytest.fixture(scope="module")
def address(build: Path) -> Iterator[Path]:
    """The socket of a running server."""
    socket = build / ("long" * 30) / "workers.sock"
    socket.parent.mkdir()
    log = build / "server.log"
    command = [sys.executable, "-S", "-m", "local.workers.server", str(socket), "--shared", str(build / "layer")]
    server = processes.start(command, {"PATH": os.environ["PATH"]}, log, REPOSITORY)
    try:
        processes.wait_until(socket.is_socket, server, "The server", log, SECONDS)
        yield socket
    finally:
        processes.stop(server)


@pytest.fixture
def start(build: Path, address: Path) -> Iterator[Start]:
    """Start a worker of a function, whose ``app.act`` does what ``act`` says."""
    with ExitStack() as started:

        def run(function: str, act: str = "", **environment: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(START), str(address), "runtime", "app.handler"],
                cwd=build / function,
                # Without a locale, Python would set one.
                env={"PYTHONPATH": str(build / "layer"), "LANG": "C.UTF-8", "ACT": act, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield run


def said(process: subprocess.Popen[str]) -> dict[str, object]:
    """Return what a worker has said of itself at its start."""
    assert process.stdout is not None
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


@pytest.mark.parametrize("function", ["plain", "packed"])
def test_a_worker_has_the_environment_folder_and_output_of_the_process_it_replaces(
    start: Start, build: Path, function: str
) -> None:
    process = start(function, "print('the end')", ONLY="here")
    output, errors = process.communicate(timeout=SECONDS)
    found = json.loads(output.splitlines()[0])
    folder = str(build / function)
    path = str(build / "layer")
    given = {"PYTHONPATH": path, "LANG": "C.UTF-8", "ACT": "print('the end')", "ONLY": "here"}
    assert found["environment"] == given
    assert found["argv"] == [str(build / "layer" / "runtime.py"), "app.handler"]
    assert found["folder"] == folder
    assert found["path"][1:3] == [folder, path]
    assert not any("site-packages" in each or each == str(REPOSITORY) for each in found["path"])
    assert found["local"] is False
    assert output.splitlines()[1:] == ["the end"]
    assert errors == "an error\n"
    assert process.returncode == 0


@pytest.mark.parametrize("function", ["plain", "packed"])
def test_libraries_are_imported_once_and_their_state_is_each_workers_own(start: Start, function: str) -> None:
    first, second = said(start(function)), said(start(function))
    assert first["imported_by"] == second["imported_by"] not in (first["pid"], second["pid"])
    assert (first["count"], second["count"]) == (1, 1)
    assert first["own"] == second["own"] == (function == "packed")
    assert first["ppid"] == second["ppid"]


@pytest.mark.parametrize("function", ["plain", "packed"])
@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit('why')", 1),
        ("raise ValueError('why')", 1),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("os.kill(os.getpid(), 11)", -signal.SIGSEGV),
    ],
)
def test_the_process_ends_as_its_worker_does(start: Start, function: str, act: str, code: int) -> None:
    process = start(function, act)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == code
    assert ("why" in errors) == ("why" in act)


@pytest.mark.parametrize("function", ["plain", "packed"])
def test_a_worker_ends_with_the_process_that_stands_in_for_it(start: Start, function: str) -> None:
    process, other = start(function, "time.sleep(600)"), start(function, "time.sleep(600)")
    said(process)
    survivor = said(other)["pid"]
    assert isinstance(survivor, int)
    process.terminate()
    # The worker holds the output open as long as it lives.
    process.communicate(timeout=SECONDS)
    assert processes.is_alive(survivor)


def test_a_request_that_is_broken_off_disturbs_nobody(start: Start, address: Path) -> None:
    import socket

    folder = Path.cwd()
    os.chdir(address.parent)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address.name)
            connection.sendall(b"\0\0")
    finally:
        os.chdir(folder)
    assert said(start("plain"))["count"] == 1


@pytest.mark.parametrize("function", ["plain", "packed"])
def test_workers_are_replaced_between_two_requests(
    start: Start, address: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    # GIVEN a worker between two requests, one that has a request, and one that is still to get its first
    works = f"print('works', flush=True)\nwhile not os.path.exists({str(tmp_path / 'end')!r}): time.sleep(0.01)\n"
    idle, busy, new = (
        start(function, act, NEXT=str(tmp_path / name))
        for name, act in (("idle", WAIT + WAIT), ("busy", f"{WAIT}\n{works}{WAIT}"), ("new", WAIT + WAIT))
    )
    for each in (idle, busy, new):
        said(each)
    (tmp_path / "idle").touch()
    (tmp_path / "busy").touch()
    assert busy.stdout is not None
    assert busy.stdout.readline() == "works\n"

    # WHEN workers are replaced
    monkeypatch.chdir(address.parent)
    retire_workers(Path(address.name))

    # THEN the idle one ends at once, and the others when they have answered
    assert idle.wait(SECONDS) == -signal.SIGKILL
    assert (busy.poll(), new.poll()) == (None, None)
    (tmp_path / "end").touch()
    (tmp_path / "new").touch()
    assert busy.wait(SECONDS) == -signal.SIGKILL
    assert new.wait(SECONDS) == -signal.SIGKILL
    # AND others start
    assert said(start(function, WAIT, NEXT=str(tmp_path / "never")))["count"] == 1


def test_everything_ends_with_the_server(build: Path, start: Start) -> None:
    socket = build / "other.sock"
    command = [sys.executable, "-S", "-m", "local.workers.server", str(socket), "--shared", str(build / "layer")]
    log = build / "other.log"
    server = processes.start(command, {"PATH": os.environ["PATH"]}, log, REPOSITORY)
    processes.wait_until(socket.is_socket, server, "The server", log, SECONDS)
    outputs = []
    for function in ("plain", "packed"):
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(START), str(socket), "runtime", "app.handler"],
            cwd=build / function,
            env={"PYTHONPATH": str(build / "layer"), "ACT": "time.sleep(600)"},
            stdout=subprocess.PIPE,
            text=True,
        )
        said(process)
        outputs.append(process)
    processes.stop(server)
    for process in outputs:
        process.communicate(timeout=SECONDS)
        assert process.returncode == 1
