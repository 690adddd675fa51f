"""The result of a dream analysis, and the port to the analyzer.

Independent of the provider's client library, so functions that only handle the result need not import it.
"""

from dataclasses import dataclass
from typing import Protocol

from dreamvision.schemas.categories import Category


@dataclass(frozen=True, slots=True)
class Analysis:
    """A dream's validated category, video prompt and title, with the tokens used.

    ``confidence`` is 0..1. The token counts cover every request of the analysis. ``model`` is the id that the
    provider reported, which may include a release date. ``title`` is ``None`` if the model gave none.
    """

    category: Category
    template_used: str
    confidence: float
    video_prompt: str
    input_tokens: int
    output_tokens: int
    model: str
    title: str | None = None


class Analyzer(Protocol):
    """A service that turns a dream's text into an analysis."""

    def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Analysis:
        """Analyze a dream within ``budget_seconds``; ``None`` means the analyzer's default.

        Raises:
            AnalysisError: the analysis failed; the subclass gives the cause.
        """
