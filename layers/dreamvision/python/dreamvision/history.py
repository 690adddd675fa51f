"""The history of a user's dreams, page by page."""

from functools import cache
from typing import Self

from dreamvision.analysis import Category
from dreamvision.models.dreams import DreamListResponse
from dreamvision.tables.database import Database
from dreamvision.tables.dreams import Dreams, Page
from dreamvision.tables.profiles import Profiles
from dreamvision.views import Views


class History:
    """One query for the rows and one read for the totals."""

    def __init__(self, database: Database, views: Views) -> None:
        self._dreams = Dreams(database)
        self._profiles = Profiles(database)
        self._views = views

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(Database.shared(), Views.shared())

    def page(self, user_id: str, *, page: int, limit: int, category: Category | None) -> DreamListResponse:
        """Page ``page`` (from 1) of ``limit`` dreams, newest first. Pages far back cost what lies before them."""
        profile = self._profiles.get(user_id, consistent=True)
        total = profile.dreams_by_category[category] if category else profile.dreams_count
        rows = self._page(user_id, page, limit, category, total)
        return DreamListResponse(
            dreams=[self._views.dream(dream) for dream in rows.dreams],
            total=total,
            page=page,
            limit=limit,
            pages=-(-total // limit),
        )

    def _page(self, user_id: str, page: int, limit: int, category: Category | None, total: int) -> Page:
        if (page - 1) * limit >= total > 0 or (total == 0 and page > 1):
            return Page([], None)
        after = self._dreams.id_at(user_id, (page - 1) * limit, category=category)
        if page > 1 and after is None:
            return Page([], None)
        return self._dreams.page(user_id, limit=limit, category=category, after_id=after)
