"""The files generated from the documents. A test checks that the committed files are up to date."""

import json
from collections.abc import Mapping
from pathlib import Path

from local.openapi.asyncapi import build_asyncapi
from local.openapi.components import Schema
from local.openapi.markdown import api_markdown
from local.settings import REPOSITORY


def outputs(document: Schema) -> Mapping[Path, str]:
    """Return each file with its text. The docs function has its own copy, since it contains only its own folder."""
    assets = REPOSITORY / "functions" / "api" / "docs" / "assets"
    messages = build_asyncapi()
    return {
        REPOSITORY / "docs" / "openapi.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        REPOSITORY / "docs" / "asyncapi.json": json.dumps(messages, indent=2, ensure_ascii=False) + "\n",
        REPOSITORY / "docs" / "API.md": api_markdown(document),
        assets / "openapi.json": json.dumps(document, separators=(",", ":")) + "\n",
        assets / "asyncapi.json": json.dumps(messages, separators=(",", ":")) + "\n",
    }
