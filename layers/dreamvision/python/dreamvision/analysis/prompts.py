"""Load the prompt system: the system prompt and the six templates that it includes."""

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

# {{gothic}} in the system prompt is replaced by the content of templates/gothic.txt.
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")


class PromptFileMissingError(DreamVisionError):
    """A prompt file is missing or unreadable. The message names it, relative to the prompt directory."""

    user_message = "Dream analysis is not available right now. Please try again later."

    def __init__(self, name: str) -> None:
        super().__init__(f"The prompt file {name} is missing or cannot be read.")


class PromptFileInvalidError(DreamVisionError):
    """A prompt file is empty, not UTF-8, or does not include every template exactly once."""

    user_message = "Dream analysis is not available right now. Please try again later."

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The prompt file {name} {reason}.")


@dataclass(frozen=True, slots=True)
class PromptSystem:
    """The complete ``system`` prompt, and read-only ``templates`` keyed by category value ("gothic" ...)."""

    system: str
    templates: Mapping[str, str]


def load_prompts(directory: Path) -> PromptSystem:
    """Read ``minimal-dream-system-v2.txt`` and ``templates/*.txt`` in ``directory``.

    Raises:
        PromptFileMissingError: a file is missing or unreadable.
        PromptFileInvalidError: a file is empty, not UTF-8, or the system prompt does not include every template once.
    """
    templates = {category.value: _read(directory, f"{TEMPLATE_FOLDER}/{category.value}.txt") for category in Category}
    text = _read(directory, SYSTEM_FILE)
    included = _PLACEHOLDER.findall(text)
    if sorted(included) != sorted(templates):
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
