"""What a client has missed: everything of its user's that changed since a moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple, Self

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.dreams.repository import AnalyzedDream, DreamRepository
from dreamvision.queries.presenters import Presenter
from dreamvision.realtime.events import build_event
from dreamvision.schemas.realtime import Event
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoRecord

# A row is stamped before it is written, and a write may be tried again for a while: what carries an earlier time than
# something a client has seen may have become visible after it. This is more than a function's tries can take.
LOOK_BACK = timedelta(seconds=60)
MAX_EVENTS = 50
# Nothing is older.
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


class FutureMomentError(DreamVisionError):
    """``since`` lies in the future: it was not taken from what the server said."""

    default_message = "The timestamp is in the future."
    user_message = "The time is in the future. Use only timestamps that the server sent."


class MissedEvents(NamedTuple):
    """Events, oldest first. With ``truncated`` there are more: ask again with ``next_since``."""

    events: list[Event]
    truncated: bool
    next_since: datetime


class SyncService:
    """Reads by the indexes of change, consistently: what was written before the question is in the answer."""

    def __init__(self, database: Database, views: Presenter, now: Callable[[], datetime] = utc_now) -> None:
        self._videos = VideoLifecycle(database)
        self._dreams = DreamRepository(database)
        self._views = views
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(Database.shared(), Presenter.shared())

    def since(self, user_id: str, moment: datetime) -> MissedEvents:
        """The present state of everything that changed from ``LOOK_BACK`` before ``moment`` on, ``MAX_EVENTS`` at most.

        Costs a read unit per table and about 4 kB of rows.

        Raises:
            FutureMomentError: ``moment`` is further away than a ``next_since`` may be.
        """
        now = self._now()
        if moment > now + LOOK_BACK:
            raise FutureMomentError
        floor = max(moment, _BEGINNING) - LOOK_BACK
        rows: list[tuple[datetime, VideoRecord | AnalyzedDream]] = [
            *((video.updated_at, video) for video in self._videos.changed_since(user_id, floor, MAX_EVENTS + 1)),
            *((dream.analyzed_at, dream) for dream in self._dreams.analyzed_since(user_id, floor, MAX_EVENTS + 1)),
        ]
        rows.sort(key=lambda row: row[0])
        truncated = len(rows) > MAX_EVENTS
        events = [build_event(row, self._views) for _, row in rows[:MAX_EVENTS]]
        # The next question looks back as well: it goes on exactly where this answer ends.
        return MissedEvents(events, truncated, events[-1].updated_at + LOOK_BACK if truncated else now)
