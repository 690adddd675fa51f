"""What an analysed dream is, what may be accepted as one, and what can go wrong on the way to it.

Knows nothing of the provider's client library, so that functions which only handle the outcome need not import it.
"""

from dataclasses import dataclass
from typing import Protocol

from dreamvision.schemas.categories import Category


@dataclass(frozen=True, slots=True)
class Analysis:
    """A dream's category and video prompt, checked, with what it took to get them.

    ``confidence`` is 0..1. The token counts cover every request that the analysis needed. ``model`` is the id that
    the provider reported, which may carry a release date.
    """

    category: Category
    template_used: str
    confidence: float
    video_prompt: str
    input_tokens: int
    output_tokens: int
    model: str


class Analyzer(Protocol):
    """Whatever turns a dream's text into an analysis. Raises ``AnalysisError``."""

    def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Analysis: ...
