"""Analyze dreams and store the results."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dreamvision.analysis.errors import DreamRefusedError
from dreamvision.analysis.models import Analysis, Analyzer
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.core.metrics import Metric, record
from dreamvision.core.pricing import estimate_cost
from dreamvision.dreams.analysis_quota import AnalysisQuota
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamNotFoundError, DreamRepository
from dreamvision.schemas.dreams import AnalysisStatus


def analyze_and_store(
    user_id: str,
    dream_text: str,
    analyzer: Analyzer,
    dreams: DreamRepository,
    *,
    budget_seconds: float,
    dream_id: str | None = None,
    resumed: bool = False,
    quota: AnalysisQuota | None = None,
) -> DreamRecord:
    """Analyze a new dream within ``budget_seconds`` and store it. Nothing is stored if the analysis fails.

    ``resumed``: an earlier run may have stored the dream under ``dream_id``; if so, return it without another analysis.
    ``quota``: where the analysis is counted, unless it was counted before.

    Raises:
        AnalysisError: the analysis failed.
        UserPausedError, AnalysisQuotaExceededError, ServiceAnalysesExceededError: a quota is used up.
    """
    created_at, dream_id = utc_now(), dream_id or new_id()
    if resumed and (stored := _find(user_id, dream_id, dreams)):
        return stored
    if quota is not None:
        quota.count(user_id, dream_id)
    with _counted_refusal(user_id, dream_id, dreams):
        analysis, milliseconds = _timed(lambda: analyzer.analyze(dream_text, budget_seconds=budget_seconds))
    return dreams.add_analyzed(user_id, dream_id, dream_text, analysis, milliseconds, created_at)


def _find(user_id: str, dream_id: str, dreams: DreamRepository) -> DreamRecord | None:
    try:
        return dreams.get(user_id, dream_id, consistent=True)
    except DreamNotFoundError:
        return None


def analyze_pending(user_id: str, dream_id: str, analyzer: Analyzer, dreams: DreamRepository) -> None:
    """Analyze a stored dream, whose analysis was counted with its video. Idempotent: returns at once if it exists.

    Raises:
        AnalysisError: the analysis failed.
        DreamNotFoundError: the dream was deleted meanwhile.
    """
    dream = dreams.get(user_id, dream_id, consistent=True)
    if dream.analysis_status is AnalysisStatus.COMPLETED:
        return
    with _counted_refusal(user_id, dream_id, dreams):
        analysis, milliseconds = _timed(lambda: analyzer.analyze(dream.dream_text))
    dreams.complete_analysis(user_id, dream_id, analysis, milliseconds, utc_now())


@contextmanager
def _counted_refusal(user_id: str, dream_id: str, dreams: DreamRepository) -> Iterator[None]:
    """Count a refusal against the user, also if the video was cancelled or the dream deleted in the meantime."""
    try:
        yield
    except DreamRefusedError:
        dreams.count_refusal(user_id, dream_id, utc_now())
        raise


def _timed(work: Callable[[], Analysis]) -> tuple[Analysis, int]:
    started = time.perf_counter_ns()
    analysis, milliseconds = work(), (time.perf_counter_ns() - started) // 1_000_000
    _record_analysis(analysis, milliseconds)
    return analysis, milliseconds


def _record_analysis(analysis: Analysis, milliseconds: int) -> None:
    cost = estimate_cost(analysis.model, analysis.input_tokens, analysis.output_tokens)
    record(
        {
            Metric.ANALYSES_COMPLETED: 1,
            Metric.SECONDS_TO_ANALYSIS: milliseconds / 1000,
            Metric.INPUT_TOKENS: analysis.input_tokens,
            Metric.OUTPUT_TOKENS: analysis.output_tokens,
            **({} if cost is None else {Metric.CLAUDE_COST: cost}),
        }
    )
