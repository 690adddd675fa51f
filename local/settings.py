"""Settings of the local stack: ports, folders, providers and the environment variables that override them."""

import difflib
import hashlib
import ipaddress
import os
import platform
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from local.cloudformation_yaml import load_template

REPOSITORY = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
STACK_NAME = "dreamvision-local"
DEFAULT_PORT = 4566
LOOPBACK = "127.0.0.1"


class SettingsError(Exception):
    """An environment variable has an invalid value. The message names it and describes the valid values."""


@dataclass(frozen=True)
class Ports:
    """Six consecutive loopback ports. ``LOCAL_PORT`` sets the first."""

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

    @property
    def expo(self) -> int:
        return self.emulator + 5

    def by_purpose(self) -> dict[str, int]:
        return {
            "the AWS emulator": self.emulator,
            "the API": self.api,
            "the Claude sandbox": self.claude,
            "the Runway sandbox": self.runway,
            "the page": self.page,
            "the Expo sandbox": self.expo,
        }


@dataclass(frozen=True)
class Providers:
    """Base URLs and keys of Claude and Runway, Expo's base URL. A sandbox simulates a provider that has none."""

    claude_url: str | None
    claude_key: str | None
    runway_url: str | None
    runway_key: str | None
    expo_url: str | None = None


@dataclass(frozen=True)
class Settings:
    """Settings of the local stack, as given by the environment.

    The stack stops when the process ``owner_pid`` ends, so that a killed test run leaves no stack behind. Without an
    owner it runs until it is stopped. ``function_wrapper`` is a program that starts the functions: it gets the command
    that starts the runtime client as its arguments, like Lambda's ``AWS_LAMBDA_EXEC_WRAPPER``.
    ``given`` are the settings that a running stack cannot change, as far as the environment gives them, in a form that
    can be compared; ``in_force`` are all of them. ``host`` is the address at which clients reach the API, the page and
    the media; everything else listens on loopback alone.
    """

    ports: Ports
    host: str
    folder: Path
    providers: Providers
    parameters: Mapping[str, str]
    render_seconds: float
    claude_seconds: float
    reuse_videos: bool
    owner_pid: int | None
    function_wrapper: str | None
    given: Mapping[str, str]

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.emulator}"

    @property
    def api_url(self) -> str:
        return f"http://{self.host}:{self.ports.api}"

    @property
    def websocket_url(self) -> str:
        return f"ws://{self.host}:{self.ports.api}/v1"

    @property
    def page_url(self) -> str:
        return f"http://{self.host}:{self.ports.page}"

    @property
    def storage_url(self) -> str:
        """Base URL of the S3 forms that clients get: the emulator's own, if they are on this machine."""
        return self.endpoint_url if self.host == LOOPBACK else self.api_url

    @property
    def hosts(self) -> list[str]:
        """The addresses on which the API and the page listen."""
        return list(dict.fromkeys((LOOPBACK, self.host)))

    @property
    def media_url(self) -> str:
        """Base URL of the media that CloudFront serves on AWS."""
        return f"{self.api_url}/media"

    @property
    def mailbox_url(self) -> str:
        """URL of the e-mails that Cognito would have sent, with their codes, as JSON."""
        return f"{self.endpoint_url}/_ministack/ses/messages"

    @property
    def cache_folder(self) -> Path:
        """Build cache, keyed by content and shared by all stacks of this checkout."""
        return REPOSITORY / ".local" / "cache"

    @property
    def build_folder(self) -> Path:
        """The built code that the stack's functions run."""
        return self.folder / "build"

    @property
    def copy_folder(self) -> Path:
        """The copy of the built template that the emulator can run, with the functions' packages."""
        return self.folder / "stack"

    @property
    def log_folder(self) -> Path:
        return self.folder / "logs"

    @property
    def worker_socket(self) -> Path:
        """The socket at which the fork server starts the functions' workers."""
        return self.folder / "workers.sock"

    @property
    def outputs_file(self) -> Path:
        return self.folder / "outputs.json"

    @property
    def architecture(self) -> str:
        return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"

    @property
    def in_force(self) -> dict[str, str]:
        return {
            "LOCAL_PORT": str(self.ports.emulator),
            "LOCAL_HOST": self.host,
            "PARAMETERS": _words(self.parameters),
            "SANDBOX_RENDER_SECONDS": str(self.render_seconds),
            "SANDBOX_CLAUDE_SECONDS": str(self.claude_seconds),
            "ANTHROPIC_BASE_URL": self.providers.claude_url or "",
            "ANTHROPIC_API_KEY": _hidden(self.providers.claude_key),
            "RUNWAYML_BASE_URL": self.providers.runway_url or "",
            "RUNWAYML_API_SECRET": _hidden(self.providers.runway_key),
        }

    def aws_environment(self) -> dict[str, str]:
        """Return the variables for an AWS client of the emulator: its address and dummy credentials."""
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
        """Return the environment for child processes, without variables of the caller that would affect an SDK."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, **self.aws_environment(), "PYTHONUNBUFFERED": "1"}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environment``, by default that of the process.

    Raises:
        SettingsError: a variable has an invalid value.
    """
    source = os.environ if environment is None else environment
    folder = Path(source.get("LOCAL_DIR") or REPOSITORY / ".local").resolve()
    settings = Settings(
        ports=Ports(_port(source.get("LOCAL_PORT", ""))),
        host=_host(source.get("LOCAL_HOST", "")),
        folder=folder,
        providers=Providers(
            claude_url=source.get("ANTHROPIC_BASE_URL") or None,
            claude_key=source.get("ANTHROPIC_API_KEY") or None,
            runway_url=source.get("RUNWAYML_BASE_URL") or None,
            runway_key=source.get("RUNWAYML_API_SECRET") or None,
            expo_url=source.get("EXPO_BASE_URL") or None,
        ),
        parameters=_parameters(source.get("PARAMETERS", "")),
        render_seconds=_seconds(source, "SANDBOX_RENDER_SECONDS", 10.0),
        claude_seconds=_seconds(source, "SANDBOX_CLAUDE_SECONDS", 1.0),
        reuse_videos=bool(source.get("SANDBOX_REUSE_FILMS")),
        owner_pid=_pid(source.get("LOCAL_OWNER", "")),
        function_wrapper=source.get("LOCAL_FUNCTION_WRAPPER") or None,
        given={},
    )
    given = {name: value for name, value in settings.in_force.items() if source.get(name)}
    return replace(settings, given=given)


def _words(parameters: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(parameters.items()))


def _hidden(key: str | None) -> str:
    """Return what tells whether a key is the same, without the key."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()[:8]}" if key else ""


def _port(text: str) -> int:
    if not text:
        return DEFAULT_PORT
    if not text.isdigit() or not 1024 <= int(text) <= 65_000:
        raise SettingsError("LOCAL_PORT must be a number from 1024 to 65000.")
    return int(text)


def _host(text: str) -> str:
    if not text:
        return LOOPBACK
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise SettingsError(f"LOCAL_HOST must be an IPv4 address of this machine, not {text!r}.") from None
    # Whoever reaches the stack can use it: its keys and its test user are known.
    if address.is_global or address.is_unspecified or address.is_multicast:
        raise SettingsError(f"LOCAL_HOST must be an address of a private network, not {text}.")
    with socket.socket() as probe:
        try:
            probe.bind((text, 0))
        except OSError:
            raise SettingsError(f"This machine does not have the address {text} (LOCAL_HOST).") from None
    return text


def _pid(text: str) -> int | None:
    if not text:
        return None
    if not text.isdigit():
        raise SettingsError("LOCAL_OWNER must be a process id.")
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
    # The emulator ignores an unknown parameter without an error, so a typo would go unnoticed.
    known = load_template((REPOSITORY / "template.yaml").read_text())["Parameters"]
    for name in names:
        if name not in known:
            alike = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {alike[0]}?" if alike else ""
            raise SettingsError(f"PARAMETERS sets {name}, but template.yaml has no such parameter.{hint}")


def require_python() -> None:
    """Check the Python version.

    Raises:
        SettingsError: it is not the project's version.
    """
    if sys.version_info[:2] != (3, 13):
        raise SettingsError(f"Python 3.13 is required; this is {platform.python_version()}.")
