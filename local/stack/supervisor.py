"""The local stack's main process: starts the servers, deploys the template, and stops everything on SIGTERM.

The emulator saves its state only on a clean shutdown. To stop the stack, send SIGTERM to this process and wait for it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from functools import partial

from local.cloudformation_yaml import TemplateSyntaxError
from local.emulator import ministack as emulator
from local.emulator.build import BuildError, build, mark_code_as_built
from local.emulator.deploy import deploy, parameters_of
from local.progress import step
from local.settings import REGION, REPOSITORY, Settings, SettingsError, load
from local.stack import processes
from local.stack.lock import StackLock
from local.stack.sources import Sources, changes_libraries, copy_to_build, needs_build, needs_deploy
from local.workers.requests import retire_workers

FAILED_PREFIX = "error: "
READY_LINE = "ready"


class _StoppedError(Exception):
    """The stack is stopped while it starts."""


class Supervisor:
    """The local stack's child processes, from their start to their stop in reverse order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._asked = threading.Event()
        # Before anything is built: what changes from now on has to be reloaded.
        self._sources = Sources()

    def run(self) -> int:
        """Run the stack until SIGTERM or SIGINT, or until its owner or a server exits. Return the exit code.

        SIGHUP reloads changed sources. A stack without an owner also watches for them.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGHUP, lambda *_: self._asked.set())
        with self._clean_shutdown():
            self._start()
            print(READY_LINE, flush=True)
            return self._watch()
        return 0 if self._stopping.is_set() else 1

    def _stop(self) -> None:
        if not self._stopping.is_set():
            self._stopping.set()
            # `sam` and `pip` run in this process's group; the servers have groups of their own.
            os.killpg(0, signal.SIGTERM)

    @contextlib.contextmanager
    def _clean_shutdown(self) -> Iterator[None]:
        """Print an expected error, and stop the child processes in any case."""
        try:
            yield
        except _StoppedError:
            pass
        except (
            BuildError,
            processes.NotReadyError,
            processes.PortTakenError,
            SettingsError,
            TemplateSyntaxError,
        ) as error:
            print(f"{FAILED_PREFIX}{error}", flush=True)
        finally:
            self._settings.outputs_file.unlink(missing_ok=True)
            for process in reversed(self._children.values()):
                processes.stop(process)

    def _start(self) -> None:
        settings = self._settings
        processes.require_free(settings.ports, settings.host)
        template = build(settings, parameters_of(settings))
        with step("Starting the AWS emulator and the provider sandboxes"):
            self._start_workers()
            self._start_emulator()
            self._start_sandbox()
        outputs = deploy(settings, template)
        self._require_running()
        with step("Starting the API gateway"):
            self._start_gateway(outputs)
            self._write_outputs(outputs)
        with step("Starting the web page"):
            self._start_page()

    def _watch(self) -> int:
        while not self._stopping.wait(0.5):
            owner = self._settings.owner_pid
            if owner is not None and not processes.is_alive(owner):
                print(f"The owner of this stack, process {owner}, has exited.", flush=True)
                return 0
            for name, process in self._children.items():
                if process.poll() is not None:
                    print(f"{FAILED_PREFIX}{name} exited with code {process.returncode}. Log: {self._log(name)}")
                    return 1
            self._reload_if_changed()
        return 0

    def _reload_if_changed(self) -> None:
        asked = self._asked.is_set()
        self._asked.clear()
        changed = self._sources.changed() if asked or self._settings.owner_pid is None else set()
        if not changed and not asked:
            return
        try:
            self._reload(changed)
        except Exception as error:
            # Whatever it is: the stack goes on with what it has, and the next change is another try.
            if not self._stopping.is_set():
                print(f"{FAILED_PREFIX}{error}", flush=True)
        else:
            print(READY_LINE, flush=True)

    def _reload(self, changed: set[str]) -> None:
        """Serve the changed sources: by new workers, or by a build and a deploy."""
        settings = self._settings
        copy_to_build(changed, settings.build_folder)
        if not any(map(needs_build, changed)):
            mark_code_as_built(settings)
        if any(map(needs_deploy, changed)):
            self._write_outputs(deploy(settings, build(settings, parameters_of(settings))))
        if any(map(changes_libraries, changed)):
            with step("Importing the libraries again"):
                processes.stop(self._children["workers"])
                self._start_workers()
        else:
            with step(f"Reloading the functions ({_names(changed)})"):
                # A worker that ends may take a request with it, so only for a reason.
                if changed:
                    retire_workers(settings.worker_socket)

    def _wait_until(self, ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: str) -> None:
        """Wait up to 60 s until a server is ready, unless the stack is being stopped."""
        processes.wait_until(
            lambda: self._stopping.is_set() or ready(), process, what, self._settings.log_folder / f"{log}.log", 60
        )
        self._require_running()

    def _require_running(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError

    def _log(self, name: str) -> str:
        return str(self._settings.log_folder / f"{name}.log")

    def _launch(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        process = processes.start(command, environment, self._settings.log_folder / f"{name}.log", REPOSITORY)
        self._children[name] = process
        return process

    def _start_workers(self) -> None:
        settings = self._settings
        built = settings.build_folder / "sam"
        # -S hides the packages of this environment, as they do not exist on Lambda.
        command = [sys.executable, "-S", "-m", "local.workers.server", str(settings.worker_socket)]
        command += ["--shared", str(built / "DependenciesLayer" / "python"), str(settings.build_folder / "runtime")]
        command += ["--functions", *map(str, sorted(built.glob("*Function")))]
        settings.worker_socket.unlink(missing_ok=True)
        process = self._launch("workers", command, settings.clean_environment())
        self._wait_until(settings.worker_socket.is_socket, process, "The fork server", "workers")

    def _start_emulator(self) -> None:
        settings = self._settings
        process = self._launch("emulator", emulator.command(), emulator.environment(settings))
        self._wait_until(lambda: emulator.is_ready(settings), process, "The AWS emulator", "emulator")

    def _start_sandbox(self) -> None:
        settings, ports = self._settings, self._settings.ports
        command = [sys.executable, "-m", "local.sandbox"]
        command += ["--claude-port", str(ports.claude), "--runway-port", str(ports.runway)]
        command += ["--expo-port", str(ports.expo)]
        command += ["--render-seconds", str(settings.render_seconds), "--claude-seconds", str(settings.claude_seconds)]
        command += ["--state-dir", str(settings.folder / "sandbox")]
        command += ["--reuse-films"] if settings.reuse_videos else []
        process = self._launch("sandbox", command, settings.clean_environment())
        for port in (ports.claude, ports.runway, ports.expo):
            url = f"http://127.0.0.1:{port}/_sandbox/health"
            self._wait_until(partial(processes.answers, url), process, "The sandbox", "sandbox")

    def _start_gateway(self, outputs: dict[str, str]) -> None:
        settings = self._settings
        stages = f"{settings.ports.emulator}/_aws/execute-api"
        command = [sys.executable, "-m", "local.emulator.gateway", self._addresses(settings.ports.api)]
        command += [f"http://127.0.0.1:{stages}/{outputs['ApiId']}/$default"]
        command += [f"ws://127.0.0.1:{stages}/{outputs['RealtimeApiId']}/v1"]
        command += [settings.endpoint_url, outputs["MediaDomainName"], outputs["MediaBucketName"], settings.media_url]
        process = self._launch("gateway", command, settings.clean_environment())
        url = f"{settings.api_url}/api/v1/health"
        self._wait_until(partial(processes.answers, url), process, "The API", "gateway")

    def _addresses(self, port: int) -> str:
        return ",".join(f"{host}:{port}" for host in self._settings.hosts)

    def _start_page(self) -> None:
        settings = self._settings
        addresses = self._addresses(settings.ports.page)
        command = [sys.executable, "-m", "local.emulator.page", addresses, str(settings.outputs_file)]
        process = self._launch("page", command, settings.clean_environment())
        self._wait_until(partial(processes.answers, settings.page_url), process, "The page", "page")

    def _write_outputs(self, outputs: dict[str, str]) -> None:
        settings = self._settings
        written = {
            "api_url": settings.api_url,
            "page_url": settings.page_url,
            "docs_url": f"{settings.api_url}/api/v1/docs",
            "websocket_url": settings.websocket_url,
            "endpoint_url": settings.endpoint_url,
            "region": REGION,
            "user_pool_id": outputs["UserPoolId"],
            "user_pool_client_id": outputs["UserPoolClientId"],
            "state_machine_arn": outputs["StateMachineArn"],
            "operations_function": outputs["OperationsFunctionArn"],
            "tables": {
                "user_profiles": outputs["ProfilesTableName"],
                "dreams": outputs["DreamsTableName"],
                "videos": outputs["VideosTableName"],
                "guards": outputs["GuardsTableName"],
                "connections": outputs["ConnectionsTableName"],
            },
            "media_bucket": outputs["MediaBucketName"],
            "media_url": settings.media_url,
            "mailbox_url": settings.mailbox_url,
            "claude_url": f"http://127.0.0.1:{settings.ports.claude}",
            "runway_url": f"http://127.0.0.1:{settings.ports.runway}",
            "expo_url": f"http://127.0.0.1:{settings.ports.expo}",
            "logs": str(settings.log_folder),
            "settings": settings.in_force,
        }
        temporary = settings.outputs_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(written, indent=2) + "\n")
        temporary.replace(settings.outputs_file)


def _names(changed: Collection[str]) -> str:
    first = sorted(changed)[:3]
    return ", ".join([*first, f"{len(changed) - 3} more"] if len(changed) > 3 else first) or "nothing has changed"


def main() -> int:
    # Blocked by the process that starts this one.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    settings = load()
    settings.folder.mkdir(parents=True, exist_ok=True)
    with StackLock(settings.folder).held():
        return Supervisor(settings).run()


if __name__ == "__main__":
    sys.exit(main())
