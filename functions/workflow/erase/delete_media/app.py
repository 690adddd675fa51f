"""State ``DeleteMedia``: videos, thumbnails and previews."""

from typing import Any

from dreamvision.config import Config
from dreamvision.erasing import delete_media
from dreamvision.erasure_workflow import Erasure, erasure_task
from dreamvision.storage import MediaStore
from dreamvision.tables.database import Database
from dreamvision.tables.trash import Trash


class Settings(Config):
    """The bucket."""

    media_bucket: str


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    store = MediaStore(Settings.from_environment().media_bucket)
    return {"after": delete_media(erasure, Trash(Database.shared()), store) or ""}
