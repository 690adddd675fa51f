"""State ``CancelRenders``: stop the executions and renders of the videos to erase.

The only erasure function with Runway's API key.
"""

from typing import Any

from dreamvision.database.client import Database
from dreamvision.erasure.cleanup import cancel_renders
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.erasure.workflow import Erasure, erasure_task
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.workflow import VideoWorkflow


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    workflow = VideoWorkflow.shared()
    result = cancel_renders(erasure, TombstoneRepository(Database.shared()), workflow, configured_renderer())
    return {"unsettled": result.unsettled, "after": result.after or ""}
