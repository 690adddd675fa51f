"""Return the events that a client missed: everything of its user that changed since a given time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple, Self

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.dreams.models import AnalyzedDream
from dreamvision.dreams.repository import DreamRepository
from dreamvision.queries.presenters import Presenter
from dreamvision.realtime.events import build_event
from dreamvision.schemas.realtime import Event
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoRecord

# A row's timestamp is taken before the write, which may be retried for a while, so a row may become visible after rows
# with later timestamps. This margin is longer than all retries of a function take.
LOOK_BACK = timedelta(seconds=60)
MAX_EVENTS = 50
# No row is older.
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


class FutureMomentError(DreamVisionError):
    """``since`` lies in the future, so it was not taken from a response of the server."""

    default_message = "The timestamp is in the future."
    user_message = "The time is in the future. Use only timestamps that the server sent."


class MissedEvents(NamedTuple):
    """Events, oldest first. If ``truncated``, there are more: repeat with ``next_since``."""

    events: list[Event]
    truncated: bool
    next_since: datetime


class SyncService:
    """Reads the indexes by update time consistently: everything written before the call is included."""

    def __init__(self, database: Database, presenter: Presenter, now: Callable[[], datetime] = utc_now) -> None:
        self._videos = VideoLifecycle(database)
        self._dreams = DreamRepository(database)
        self._presenter = presenter
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(Database.shared(), Presenter.shared())

    def since(self, user_id: str, moment: datetime) -> MissedEvents:
        """Return the current state of at most ``MAX_EVENTS`` rows changed since ``LOOK_BACK`` before ``moment``.

        Costs one read unit per table and about 4 kB of rows, and one for each dream.

        Raises:
            FutureMomentError: ``moment`` is later than any ``next_since`` can be.
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
        events = [build_event(row, self._presenter) for _, row in rows[:MAX_EVENTS]]
        # The next call subtracts LOOK_BACK again, so it continues exactly where this one ends.
        return MissedEvents(events, truncated, events[-1].updated_at + LOOK_BACK if truncated else now)
