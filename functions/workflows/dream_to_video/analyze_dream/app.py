"""State ``AnalyzeDream``: analyze a pending dream with Claude and store its video prompt."""

from typing import Any

from dreamvision.analysis.factory import configured_analyzer
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.dreams.service import analyze_pending
from dreamvision.videos.workflow import ExecutionInput, video_task


@video_task
def handler(job: ExecutionInput) -> dict[str, Any]:
    analyze_pending(job.user_id, job.dream_id, configured_analyzer(), DreamRepository(Database.shared()))
    return {}
