"""State ``StopRenders``: stops what makes the videos. The only one that has Runway's key."""

from typing import Any

from dreamvision.config import Config
from dreamvision.erasing import stop_renders
from dreamvision.erasure_workflow import Erasure, erasure_task
from dreamvision.renderers import configured_renderer
from dreamvision.tables.database import Database
from dreamvision.tables.trash import Trash
from dreamvision.workflow import Workflow


class Settings(Config):
    """The state machine whose executions make the videos."""

    state_machine_arn: str


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    workflow = Workflow(Settings.from_environment().state_machine_arn)
    stopped = stop_renders(erasure, Trash(Database.shared()), workflow, configured_renderer())
    return {"unsettled": stopped.unsettled, "after": stopped.after or ""}
