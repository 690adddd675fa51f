"""``make openapi``: write openapi.json, asyncapi.json, their copies for the docs function, and docs/API.md."""

import sys
from pathlib import Path

from local.openapi.document import build
from local.openapi.files import outputs
from local.openapi.functions import OpenApiError


def main() -> int:
    try:
        document = build()
        for path, text in outputs(document).items():
            _write(path, text)
    except OpenApiError as error:
        print(f"The OpenAPI document cannot be generated: {error}", file=sys.stderr)
        return 1
    return 0


def _write(path: Path, text: str) -> None:
    changed = not path.exists() or path.read_text() != text
    if changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"  {'wrote' if changed else 'unchanged'} {path}")


if __name__ == "__main__":
    sys.exit(main())
