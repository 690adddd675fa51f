"""``python -m local.sandbox --claude-port P1 --runway-port P2``: run the servers until SIGTERM or Ctrl-C."""

import argparse
import signal
import sys
import threading

from local.sandbox.http_server import PortTakenError
from local.sandbox.server import SandboxServers


def main() -> int:
    options = _parser().parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        servers = SandboxServers(**vars(options))
    except PortTakenError as error:
        print(error, file=sys.stderr)
        return 1
    with servers:
        print(f"Claude sandbox listening on {servers.claude_url}", flush=True)
        print(f"Runway sandbox listening on {servers.runway_url}", flush=True)
        print(f"Expo sandbox listening on {servers.expo_url}", flush=True)
        done.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.sandbox", description="Simulated Claude, Runway and Expo APIs."
    )
    parser.add_argument("--claude-port", type=int, required=True)
    parser.add_argument("--runway-port", type=int, required=True)
    parser.add_argument("--expo-port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--render-seconds", type=float, default=10.0, help="seconds from a Runway task's creation to its end"
    )
    parser.add_argument("--claude-seconds", type=float, default=1.0, help="seconds before Claude responds")
    parser.add_argument(
        "--state-dir", default=None, help="folder that keeps tasks and videos across restarts (default: none)"
    )
    parser.add_argument("--concurrency", type=int, default=20, help="running tasks before further ones are THROTTLED")
    parser.add_argument("--link-seconds", type=float, default=86_400.0, help="seconds until an output URL expires")
    parser.add_argument(
        "--reuse-films",
        dest="reuse_videos",
        action="store_true",
        help="render one video per size and length, with few frames",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
