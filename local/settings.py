"""Where the local stack lives: its ports, folders and the environment variables that move them."""

import difflib
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.cloudformation_yaml import load_template

REPOSITORY = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
STACK_NAME = "dreamvision-local"
DEFAULT_PORT = 4566


class SettingsError(Exception):
    """An environment variable has a value that cannot be; the message says which and what it may be."""


@dataclass(frozen=True)
class Ports:
    """Five loopback ports in a row. ``LOCAL_PORT`` moves the first, and the others follow."""

    emulator: int

    @property
    def api(self) -> int:
        return self.emulator + 1

    @property
    def claude(self) -> int:
        return self.emulator + 2

    @property
    def runway(self) -> int:
        return self.emulator + 3

    @property
    def page(self) -> int:
        return self.emulator + 4

    def by_use(self) -> dict[str, int]:
        return {
            "the AWS emulator": self.emulator,
            "the API": self.api,
            "the Claude sandbox": self.claude,
            "the Runway sandbox": self.runway,
            "the page": self.page,
        }


@dataclass(frozen=True)
class Providers:
    """Where the functions find Claude and Runway, and with which keys; ``None`` means the sandbox."""

    claude_url: str | None
    claude_key: str | None
    runway_url: str | None
    runway_key: str | None


@dataclass(frozen=True)
class Settings:
    """Everything that the environment can say about the local stack.

    ``owner`` is the process that the stack stops with, for whoever starts one and might be killed; ``None`` means that
    it runs until it is told to stop.
    """

    ports: Ports
    folder: Path
    providers: Providers
    parameters: Mapping[str, str]
    render_seconds: float
    claude_seconds: float
    reuse_films: bool
    owner: int | None

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.emulator}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.api}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.ports.api}/v1"

    @property
    def page_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.page}"

    @property
    def media_url(self) -> str:
        """Where the front door serves what CloudFront would."""
        return f"{self.api_url}/media"

    @property
    def cache_folder(self) -> Path:
        """Built packages, by their content: shared by all stacks of this checkout."""
        return REPOSITORY / ".local" / "cache"

    @property
    def build_folder(self) -> Path:
        """What the stack's functions run from."""
        return self.folder / "build"

    @property
    def log_folder(self) -> Path:
        return self.folder / "logs"

    @property
    def outputs_file(self) -> Path:
        return self.folder / "outputs.json"

    @property
    def architecture(self) -> str:
        return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"

    def aws_environment(self) -> dict[str, str]:
        """What a client of the emulator needs: its address, and credentials that never were real."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def clean_environment(self) -> dict[str, str]:
        """The environment of our child processes. Nothing of the caller's that could steer an SDK gets in."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, **self.aws_environment(), "PYTHONUNBUFFERED": "1"}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment asks for.

    Raises:
        SettingsError: a value cannot be.
    """
    source = os.environ if environment is None else environment
    folder = Path(source.get("LOCAL_DIR") or REPOSITORY / ".local").resolve()
    return Settings(
        ports=Ports(_port(source.get("LOCAL_PORT", ""))),
        folder=folder,
        providers=Providers(
            claude_url=source.get("ANTHROPIC_BASE_URL") or None,
            claude_key=source.get("ANTHROPIC_API_KEY") or None,
            runway_url=source.get("RUNWAYML_BASE_URL") or None,
            runway_key=source.get("RUNWAYML_API_SECRET") or None,
        ),
        parameters=_parameters(source.get("PARAMETERS", "")),
        render_seconds=_seconds(source, "SANDBOX_RENDER_SECONDS", 10.0),
        claude_seconds=_seconds(source, "SANDBOX_CLAUDE_SECONDS", 1.0),
        reuse_films=bool(source.get("SANDBOX_REUSE_FILMS")),
        owner=_process(source.get("LOCAL_OWNER", "")),
    )


def _port(text: str) -> int:
    if not text:
        return DEFAULT_PORT
    if not text.isdigit() or not 1024 <= int(text) <= 65_000:
        raise SettingsError("LOCAL_PORT must be a number from 1024 to 65000.")
    return int(text)


def _process(text: str) -> int | None:
    if not text:
        return None
    if not text.isdigit():
        raise SettingsError("LOCAL_OWNER must be the number of a process.")
    return int(text)


def _seconds(source: Mapping[str, str], name: str, default: float) -> float:
    try:
        seconds = float(source.get(name) or default)
    except ValueError:
        raise SettingsError(f"{name} must be a number of seconds.") from None
    if not 0 <= seconds <= 3600:
        raise SettingsError(f"{name} must be from 0 to 3600 seconds.")
    return seconds


def _parameters(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in text.split()]
    if any(not name or not equals for name, equals, _ in pairs):
        raise SettingsError('PARAMETERS must look like "PollInterval=1 FreeVideosPerDay=50".')
    found = {name: value for name, _, value in pairs}
    if found:
        _require_known(found)
    return found


def _require_known(names: Iterable[str]) -> None:
    # The emulator would take a mistyped name in silence, and the override would do nothing.
    known = load_template((REPOSITORY / "template.yaml").read_text())["Parameters"]
    for name in names:
        if name not in known:
            alike = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {alike[0]}?" if alike else ""
            raise SettingsError(f"PARAMETERS names {name}, and template.yaml has no such parameter.{hint}")


def require_python() -> None:
    """Raises ``SettingsError`` on another Python than the project's."""
    if sys.version_info[:2] != (3, 13):
        raise SettingsError(f"Python 3.13 is needed; this is {platform.python_version()}.")
