"""``python -m local.sandbox.film OUT.mp4 < job.json``: render one video in a separate process."""

import json
import sys
from pathlib import Path

from local.sandbox.film.render import render


def main() -> int:
    render(Path(sys.argv[1]), **json.load(sys.stdin))
    return 0


if __name__ == "__main__":
    sys.exit(main())
