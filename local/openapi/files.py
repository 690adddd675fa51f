"""The files that are made from the document; a test holds what is committed against them."""

import json
from collections.abc import Mapping
from pathlib import Path

from local.openapi.components import Schema
from local.openapi.markdown import api_markdown
from local.settings import REPOSITORY


def outputs(document: Schema) -> Mapping[Path, str]:
    """Every file with its text. The docs function serves a copy: a function has only what is in its own folder."""
    return {
        REPOSITORY / "docs" / "openapi.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        REPOSITORY / "docs" / "API.md": api_markdown(document),
        REPOSITORY / "functions" / "api" / "docs" / "assets" / "openapi.json": json.dumps(
            document, separators=(",", ":")
        )
        + "\n",
    }


def _compact(document: Schema) -> str:
    return json.dumps(document, separators=(",", ":")) + "\n"
