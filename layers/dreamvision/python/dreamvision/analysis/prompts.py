"""Loads the prompt system: the system text and the six templates that it quotes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dreamvision.core.errors import DreamVisionError
from dreamvision.schemas.categories import Category

SYSTEM_FILE: Final = "minimal-dream-system-v2.txt"
TEMPLATE_FOLDER: Final = "templates"

# {{gothic}} in the system text stands for the content of templates/gothic.txt.
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")


class PromptFileMissingError(DreamVisionError):
    """A file of the prompt system is not there or cannot be read. The message names it, relative to the directory."""

    user_message = "Dream analysis is not available right now. Please try again later."

    def __init__(self, name: str) -> None:
        super().__init__(f"The prompt file {name} is missing or cannot be read.")


class PromptFileInvalidError(DreamVisionError):
    """A file of the prompt system is empty, not UTF-8, or does not quote every template exactly once."""

    user_message = "Dream analysis is not available right now. Please try again later."

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The prompt file {name} {reason}.")


@dataclass(frozen=True, slots=True)
class PromptSystem:
    """``system`` is the complete system text; ``templates`` is keyed by category value ("gothic" ...), read-only."""

    system: str
    templates: Mapping[str, str]


def load_prompts(directory: Path) -> PromptSystem:
    """Reads ``minimal-dream-system-v2.txt`` and ``templates/*.txt`` below ``directory``.

    Raises ``PromptFileMissingError`` or ``PromptFileInvalidError``.
    """
    templates = {category.value: _read(directory, f"{TEMPLATE_FOLDER}/{category.value}.txt") for category in Category}
    text = _read(directory, SYSTEM_FILE)
    quoted = _PLACEHOLDER.findall(text)
    if sorted(quoted) != sorted(templates):
        raise PromptFileInvalidError(SYSTEM_FILE, "must quote each of the six templates exactly once")
    system = _PLACEHOLDER.sub(lambda match: templates[match.group(1)], text)
    return PromptSystem(system=system, templates=MappingProxyType(templates))


def _read(directory: Path, name: str) -> str:
    try:
        text = (directory / name).read_text(encoding="utf-8").strip()
    except OSError:
        raise PromptFileMissingError(name) from None
    except UnicodeDecodeError:
        raise PromptFileInvalidError(name, "is not UTF-8") from None
    if not text:
        raise PromptFileInvalidError(name, "is empty")
    return text
