"""``python -m local up | down | reset | reload | demo | operate | invoke``: the commands behind the Makefile."""

import argparse
import sys
from collections.abc import Callable

from local import demo, invoke, operate, settings
from local.cloudformation_yaml import TemplateSyntaxError
from local.progress import console, error_console
from local.stack import commands, processes

_SHOWN_ERRORS = (
    TemplateSyntaxError,
    settings.SettingsError,
    commands.StackError,
    processes.PortTakenError,
    demo.DemoError,
    operate.OperateError,
    invoke.InvokeError,
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description="DreamVision's local stack.")
    parser.add_argument("command", choices=tuple(_COMMANDS))
    command = parser.parse_args().command
    try:
        settings.require_python()
        loaded = settings.load()
        return _COMMANDS[command](loaded)
    except _SHOWN_ERRORS as error:
        error_console.print("\n[red bold]Error:[/red bold]", end=" ")
        error_console.print(str(error), markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped. Your data is kept for the next start.")
        return 130


def _up(loaded: settings.Settings) -> int:
    outputs, started = commands.up(loaded)
    console.print("\nDreamVision is running." if started else "DreamVision is already running.")
    demo.print_addresses(loaded, outputs)
    return 0


def _reload(loaded: settings.Settings) -> int:
    commands.reload(loaded)
    console.print("The running stack serves the sources as they are now.")
    return 0


def _down(loaded: settings.Settings) -> int:
    console.print("Stopped. The data is kept." if commands.down(loaded) else "The local stack is not running.")
    return 0


def _reset(loaded: settings.Settings) -> int:
    commands.reset(loaded)
    console.print("Stopped. The data is deleted.")
    return 0


_COMMANDS: dict[str, Callable[[settings.Settings], int]] = {
    "up": _up,
    "down": _down,
    "reset": _reset,
    "reload": _reload,
    "demo": demo.run,
    "operate": operate.run,
    "invoke": invoke.run,
}

if __name__ == "__main__":
    sys.exit(main())
