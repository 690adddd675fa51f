"""``python -m local.cost``: print docs/COST.md, and renew the file."""

import sys

from local.cost.page import render
from local.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "COST.md"


def main() -> int:
    text = render()
    PAGE.write_text(text)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
