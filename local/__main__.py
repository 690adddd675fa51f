"""``python -m local up | down | reset | demo``: what the Makefile calls."""

import argparse
import sys

from local import demo, settings
from local.progress import console, error_console
from local.stack import commands as stack
from local.stack import processes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description="The whole of DreamVision on this machine.")
    parser.add_argument("command", choices=("up", "down", "reset", "demo"))
    command = parser.parse_args().command
    try:
        settings.require_python()
        chosen = settings.load()
        return {"up": _up, "down": _down, "reset": _reset, "demo": demo.run}[command](chosen)
    except (settings.SettingsError, stack.StackError, processes.PortTakenError, demo.DemoError) as error:
        error_console.print("\n[red bold]It did not work:[/red bold]", end=" ")
        error_console.print(str(error), markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped. Your data is kept; the next start finds it.")
        return 130


def _up(chosen: settings.Settings) -> int:
    outputs, started = stack.up(chosen)
    console.print("\nDreamVision is running." if started else "DreamVision is running already.")
    demo.print_addresses(chosen, outputs)
    return 0


def _down(chosen: settings.Settings) -> int:
    console.print("Stopped; the data is kept." if stack.down(chosen) else "Nothing was running.")
    return 0


def _reset(chosen: settings.Settings) -> int:
    stack.reset(chosen)
    console.print("Stopped, and the data is forgotten.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
