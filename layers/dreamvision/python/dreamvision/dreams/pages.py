"""Pages of a user's dream history. The thousandth page costs no more than the first."""

from typing import Any, NamedTuple

from dreamvision.database.client import Database, Item
from dreamvision.database.pagination import read_page
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import TEXT_ATTRIBUTE, dream_key, text_key, user_category
from dreamvision.schemas.categories import Category
from dreamvision.users.repository import Profile, ProfileRepository

CATEGORY_INDEX = "by_category"


class DreamPage(NamedTuple):
    """Rows, newest first, and the id to continue after (``None`` on the last page)."""

    dreams: list[DreamRecord]
    last_id: str | None


class DreamPages:
    """Reads pages of one user's dreams."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.dreams_table
        self._profiles = ProfileRepository(database)

    def page(
        self, user_id: str, *, limit: int, category: Category | None = None, after_id: str | None = None
    ) -> tuple[DreamPage, Profile]:
        """Return a page and the profile with its counters, with one query and one get.

        Reads are consistent without a category; the index by category may lag briefly. That index holds keys only, so
        that a dream is not written twice, and the get also reads the rows. Texts stored separately are read by the same
        get, or with a category by a second one.
        """
        keys = ("user_id", "dream_id") if category is None else ("user_id", "dream_id", "user_category")
        items, last_key = read_page(self._database.client, self._query(user_id, category, after_id), keys, limit)
        last_id = str(last_key["dream_id"]) if last_key else None
        profile: Profile | None = None
        if category is not None and items:
            items, profile = self._rows(user_id, [str(item["dream_id"]) for item in items])
        separate = [str(item["dream_id"]) for item in items if item.get("text_apart")]
        if separate:
            texts, profile = self._texts(user_id, separate)
            items = [item | texts.get(item["dream_id"], {}) for item in items]
            # A dream without its text was deleted after the query.
            items = [item for item in items if "dream_text" in item]
        page = DreamPage([DreamRecord.model_validate(item) for item in items], last_id)
        return page, profile or self._profiles.get(user_id, consistent=True)

    def _rows(self, user_id: str, ids: list[str]) -> tuple[list[Item], Profile]:
        dreams, profile = self._get([dream_key(user_id, dream_id) for dream_id in ids], user_id)
        rows = {str(item["dream_id"]): item for item in dreams}
        return [rows[dream_id] for dream_id in ids if dream_id in rows], profile

    def _texts(self, user_id: str, ids: list[str]) -> tuple[dict[str, Item], Profile]:
        texts, profile = self._get([text_key(user_id, dream_id) for dream_id in ids], user_id)
        return {str(item["dream_id"]): {"dream_text": item[TEXT_ATTRIBUTE]} for item in texts}, profile

    def _get(self, keys: list[dict[str, str]], user_id: str) -> tuple[list[Item], Profile]:
        profiles = self._database.names.profiles_table
        items = self._database.batch_get({self._table: keys, profiles: [{"user_id": user_id}]})
        return items[self._table], self._profiles.profile_in(user_id, items[profiles])

    def id_at(self, user_id: str, skipped: int, *, category: Category | None = None) -> str | None:
        """Return the id of the ``skipped``-th newest dream, after which a numbered page begins; ``None`` if fewer.

        Reads every skipped key, which a cursor does not.
        """
        request = self._query(user_id, category, None) | {"ProjectionExpression": "dream_id"}
        while True:
            response = self._database.client.query(**request, Limit=min(skipped, 1000))
            skipped -= len(response["Items"])
            if skipped == 0:
                return str(response["Items"][-1]["dream_id"])
            if "LastEvaluatedKey" not in response:
                return None
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def _query(self, user_id: str, category: Category | None, after_id: str | None) -> dict[str, Any]:
        request: dict[str, Any] = {"TableName": self._table, "ScanIndexForward": False}
        if category is None:
            request |= {"KeyConditionExpression": "user_id = :key", "ConsistentRead": True}
            request["ExpressionAttributeValues"] = {":key": user_id}
        else:
            request |= {"KeyConditionExpression": "user_category = :key", "IndexName": CATEGORY_INDEX}
            request["ExpressionAttributeValues"] = {":key": user_category(user_id, category)}
        if after_id is not None:
            start: Item = dict(dream_key(user_id, after_id))
            if category is not None:
                start["user_category"] = user_category(user_id, category)
            request["ExclusiveStartKey"] = start
        return request
