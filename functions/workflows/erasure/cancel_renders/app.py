"""State ``CancelRenders``: stops what makes the videos. The only one that has Runway's key."""

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
    stopped = cancel_renders(erasure, TombstoneRepository(Database.shared()), workflow, configured_renderer())
    return {"unsettled": stopped.unsettled, "after": stopped.after or ""}
