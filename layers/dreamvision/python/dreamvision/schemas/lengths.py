"""Lengths that the API's models and the analysis share. Imports nothing, as the analysis loads no pydantic."""

from typing import Final

MIN_PROMPT_LENGTH: Final = 100
# Runway counts promptText in UTF-16 code units; a character outside the basic plane, such as an emoji, is two.
MAX_PROMPT_LENGTH: Final = 1000
MAX_TITLE_LENGTH: Final = 60
