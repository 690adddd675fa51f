"""Lock every ``requirements.in`` to exact versions with hashes, without the address of the package index."""

import subprocess
import sys
from pathlib import Path

from local.settings import REPOSITORY

_FLAGS = ("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--universal")
# The first file's versions constrain the later ones.
LOCKED = (
    "layers/dependencies/requirements",
    "layers/sentry/requirements",
    "functions/api/analyze_dream/requirements",
    "functions/workflows/dream_to_video/analyze_dream/requirements",
    "functions/workflows/dream_to_video/archive_video/requirements",
    "functions/api/auth/requirements",
    "functions/triggers/image_uploaded/requirements",
    "local/runtime",
    "local/requirements",
    "tests/requirements",
    "local/scan/requirements",
)
# In a virtual environment of their own.
_UNCONSTRAINED = ("local/scan/requirements",)


def main() -> int:
    uv = Path(sys.executable).parent / "uv"
    shared = f"{LOCKED[0]}.txt"
    for name in LOCKED:
        constraint = ["-c", shared] if name not in (LOCKED[0], *_UNCONSTRAINED) else []
        command = [str(uv), "pip", "compile", "--quiet", "--python-version", "3.13", *_FLAGS, *constraint]
        subprocess.run([*command, f"{name}.in", "-o", f"{name}.txt"], cwd=REPOSITORY, check=True)
        print(f"locked {name}.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
