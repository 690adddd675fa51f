"""State ``DeleteMedia``: delete videos, thumbnails, previews and uploads."""

from typing import Any

from dreamvision.core.config import Config
from dreamvision.database.client import Database
from dreamvision.erasure.cleanup import delete_media
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.erasure.workflow import Erasure, erasure_task
from dreamvision.media.storage import MediaStore


class Settings(Config):
    """The media bucket."""

    media_bucket: str


@erasure_task
def handler(erasure: Erasure) -> dict[str, Any]:
    store = MediaStore(Settings.from_environment().media_bucket)
    return {"after": delete_media(erasure, TombstoneRepository(Database.shared()), store) or ""}
