"""Look every locked package up in the databases of known vulnerabilities (``make audit``). Needs the internet."""

import subprocess
import sys

from local.lock_requirements import LOCKED
from local.settings import REPOSITORY


def commands(pip_audit: str) -> list[list[str]]:
    """Return the command for each lock file. They install nothing.

    One command for all of them would refuse packages that two files have in different versions. A package that could
    not be looked up is an error.
    """
    options = ["--strict", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    return [[pip_audit, *options, "--requirement", f"{name}.txt"] for name in LOCKED]


def main() -> int:
    """Audit every lock file, and return 1 if one has a vulnerable package, else 0."""
    failed = False
    for command in commands(sys.argv[1]):
        print(command[-1], flush=True)
        failed |= subprocess.run(command, cwd=REPOSITORY, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
