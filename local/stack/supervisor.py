"""The local stack's main process: starts the servers, deploys the template, and stops everything on SIGTERM.

The emulator saves its state only on a clean shutdown. To stop the stack, send SIGTERM to this process and wait for it.
"""

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

from local.emulator import ministack as emulator
from local.emulator.build import BuildError, build
from local.emulator.deploy import deploy
from local.progress import step
from local.settings import REGION, REPOSITORY, Settings, SettingsError, load
from local.stack import processes
from local.stack.lock import StackLock
from local.stack.warm_up import warm_up

FAILED_PREFIX = "error: "
READY_LINE = "ready"


class Supervisor:
    """The local stack's child processes, from their start to their stop in reverse order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()

    def run(self) -> int:
        """Run the stack until SIGTERM or SIGINT, or until its owner or a server exits. Return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        with self._clean_shutdown():
            self._start()
            if self._stopping.is_set():
                return 0
            print(READY_LINE, flush=True)
            threading.Thread(target=warm_up, args=(self._settings,), daemon=True).start()
            return self._watch()
        return 1

    @contextlib.contextmanager
    def _clean_shutdown(self) -> Iterator[None]:
        """Print an expected error, and stop the child processes in any case."""
        try:
            yield
        except (BuildError, processes.NotReadyError, processes.PortTakenError, SettingsError) as error:
            print(f"{FAILED_PREFIX}{error}", flush=True)
        finally:
            self._settings.outputs_file.unlink(missing_ok=True)
            for process in reversed(self._children.values()):
                processes.stop(process)

    def _start(self) -> None:
        settings = self._settings
        processes.require_free(settings.ports)
        template = build(settings)
        with step("Starting the AWS emulator and the provider sandboxes"):
            self._start_workers()
            self._start_emulator()
            self._start_sandbox()
        outputs = deploy(settings, template)
        with step("Starting the API gateway"):
            self._start_gateway(outputs["ApiId"], outputs["RealtimeApiId"], outputs["MediaDomainName"])
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
        return 0

    def _log(self, name: str) -> str:
        return str(self._settings.log_folder / f"{name}.log")

    def _launch(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        process = processes.start(command, environment, self._settings.log_folder / f"{name}.log", REPOSITORY)
        self._children[name] = process
        return process

    def _start_workers(self) -> None:
        settings = self._settings
        layer = settings.build_folder / "sam" / "DependenciesLayer" / "python"
        # -S hides the packages of this environment, as they do not exist on Lambda.
        command = [sys.executable, "-S", "-m", "local.workers.server", str(settings.worker_socket)]
        command += [str(layer), str(settings.build_folder / "runtime")]
        settings.worker_socket.unlink(missing_ok=True)
        process = self._launch("workers", command, settings.clean_environment())
        log = settings.log_folder / "workers.log"
        processes.wait_until(settings.worker_socket.is_socket, process, "The fork server", log, 60)

    def _start_emulator(self) -> None:
        settings = self._settings
        process = self._launch("emulator", emulator.command(), emulator.environment(settings))
        log = settings.log_folder / "emulator.log"
        processes.wait_until(lambda: emulator.is_ready(settings), process, "The AWS emulator", log, 60)

    def _start_sandbox(self) -> None:
        settings, ports = self._settings, self._settings.ports
        command = [sys.executable, "-m", "local.sandbox"]
        command += ["--claude-port", str(ports.claude), "--runway-port", str(ports.runway)]
        command += ["--expo-port", str(ports.expo)]
        command += ["--render-seconds", str(settings.render_seconds), "--claude-seconds", str(settings.claude_seconds)]
        command += ["--state-dir", str(settings.folder / "sandbox")]
        command += ["--reuse-films"] if settings.reuse_videos else []
        process = self._launch("sandbox", command, settings.clean_environment())
        log = settings.log_folder / "sandbox.log"
        for port in (ports.claude, ports.runway, ports.expo):
            url = f"http://127.0.0.1:{port}/_sandbox/health"
            processes.wait_until(lambda url=url: processes.answers(url), process, "The sandbox", log, 30)  # type: ignore[misc]

    def _start_gateway(self, api_id: str, realtime_api_id: str, media_host: str) -> None:
        settings = self._settings
        target = f"{settings.endpoint_url}/_aws/execute-api/{api_id}/$default"
        websockets = f"ws://127.0.0.1:{settings.ports.emulator}/_aws/execute-api/{realtime_api_id}/v1"
        command = [sys.executable, "-m", "local.emulator.gateway", str(settings.ports.api), target, websockets]
        command += [settings.endpoint_url, media_host]
        process = self._launch("gateway", command, settings.clean_environment())
        log = settings.log_folder / "gateway.log"
        url = f"{settings.api_url}/api/v1/health"
        processes.wait_until(lambda: processes.answers(url), process, "The API", log, 60)

    def _start_page(self) -> None:
        settings = self._settings
        command = [sys.executable, "-m", "local.emulator.page", str(settings.ports.page), str(settings.outputs_file)]
        process = self._launch("page", command, settings.clean_environment())
        log = settings.log_folder / "page.log"
        processes.wait_until(lambda: processes.answers(settings.page_url), process, "The page", log, 30)

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
        }
        temporary = settings.outputs_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(written, indent=2) + "\n")
        temporary.replace(settings.outputs_file)


def main() -> int:
    settings = load()
    settings.folder.mkdir(parents=True, exist_ok=True)
    with StackLock(settings.folder).held():
        return Supervisor(settings).run()


if __name__ == "__main__":
    sys.exit(main())
