"""Read a user's dreams: pages, single dreams and statistics."""

from decimal import Decimal
from functools import cache
from typing import Self

from dreamvision.core.clock import utc_now
from dreamvision.core.pricing import MICRO, micros_of_credits
from dreamvision.database.client import Database
from dreamvision.dreams.pages import DreamPage, DreamPages
from dreamvision.dreams.repository import DreamNotFoundError, DreamRepository
from dreamvision.queries.cursors import Cursors, Position
from dreamvision.queries.presenters import Presenter
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import (
    DreamDetail,
    DreamListResponse,
    DreamStatistics,
    EstimatedCost,
    MonthStatistics,
    TokenUsage,
)
from dreamvision.users.repository import Profile, ProfileRepository
from dreamvision.videos.models import VideoNotFoundError
from dreamvision.videos.repository import VideoRepository

_EMPTY_PAGE = DreamPage([], None)


class DreamQueries:
    """Reads the caller's dreams. Totals come from counters, never from counting rows."""

    def __init__(self, database: Database, presenter: Presenter, cursors: Cursors) -> None:
        self._dreams = DreamRepository(database)
        self._pages = DreamPages(database)
        self._videos = VideoRepository(database)
        self._profiles = ProfileRepository(database)
        self._presenter = presenter
        self._cursors = cursors

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(Database.shared(), Presenter.shared(), Cursors.shared())

    def page(
        self, user_id: str, *, page: int, limit: int, category: Category | None, cursor: str | None
    ) -> DreamListResponse:
        """Return one page, newest first: one query and one get. ``page`` counts from 1; ``cursor`` overrides it.

        Reading a page by number also reads the pages before it; by cursor every page costs the same.

        Raises:
            InvalidCursorError: the cursor was not issued for this user and list.
        """
        list_name = f"dreams {category or 'all'}"
        position = self._cursors.read(cursor, user_id=user_id, list_name=list_name) if cursor else None
        number = position.page if position else page
        if position or page == 1:
            after_id = position.after_id if position else None
            rows, profile = self._pages.page(user_id, limit=limit, category=category, after_id=after_id)
        else:
            rows, profile = self._page_by_offset(user_id, (page - 1) * limit, limit, category)
        total = _total(profile, category)
        following = Position(rows.last_id, number + 1) if rows.last_id else None
        return DreamListResponse(
            dreams=[self._presenter.dream_summary(dream) for dream in rows.dreams],
            total=total,
            page=number,
            limit=limit,
            pages=-(-total // limit),
            next_cursor=self._cursors.make(following, user_id=user_id, list_name=list_name) if following else None,
        )

    def _page_by_offset(
        self, user_id: str, offset: int, limit: int, category: Category | None
    ) -> tuple[DreamPage, Profile]:
        profile = self._profiles.get(user_id, consistent=True)
        past_end = offset >= _total(profile, category)
        after_id = None if past_end else self._pages.id_at(user_id, offset, category=category)
        if after_id is None:
            return _EMPTY_PAGE, profile
        return self._pages.page(user_id, limit=limit, category=category, after_id=after_id)

    def dream(self, user_id: str, dream_id: str) -> DreamDetail:
        """Return one dream with its latest video.

        Raises:
            DreamNotFoundError: the user has no such dream.
        """
        dream = self._dreams.get(user_id, dream_id, consistent=True)
        try:
            video = self._videos.get_eventually(user_id, dream.latest_job_id) if dream.latest_job_id else None
        except VideoNotFoundError:
            raise DreamNotFoundError from None  # deleted between the two reads: a dream is deleted before its videos
        return self._presenter.dream(dream, video)

    def statistics(self, user_id: str) -> DreamStatistics:
        """Return counts, tokens and costs, from a single read."""
        profile = self._profiles.get(user_id, consistent=True)
        videos_cost = micros_of_credits(profile.credits)
        return DreamStatistics(
            dreams_count=profile.dreams_count,
            videos_count=profile.videos_count,
            by_category=dict(profile.dreams_by_category),
            by_month=[
                MonthStatistics(
                    month=month.name, dreams=month.dreams, videos=month.videos, estimated_cost_usd=_dollars(month.cost)
                )
                for month in profile.by_month(utc_now())
            ],
            token_usage=TokenUsage(input=profile.tokens_in, output=profile.tokens_out),
            estimated_cost_usd=EstimatedCost(
                analyses=_dollars(profile.cost - videos_cost),
                videos=_dollars(videos_cost),
                total=_dollars(profile.cost),
            ),
        )


def _total(profile: Profile, category: Category | None) -> int:
    return profile.dreams_by_category[category] if category else profile.dreams_count


def _dollars(micros: Decimal) -> float:
    return float(round(micros / MICRO, 4))
