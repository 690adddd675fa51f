"""Look every locked package up in the databases of known vulnerabilities (``make audit``). Needs the internet."""

import subprocess
import sys
from itertools import chain

from local.lock_requirements import LOCKED
from local.settings import REPOSITORY


def command(pip_audit: str) -> list[str]:
    """Return the command that audits every lock file without installing anything."""
    files = chain.from_iterable(("--requirement", f"{name}.txt") for name in LOCKED)
    return [pip_audit, "--disable-pip", "--require-hashes", "--progress-spinner", "off", *files]


def main() -> int:
    return subprocess.run(command(sys.argv[1]), cwd=REPOSITORY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
