"""The names that the template's resources have in integration tests."""

import re
from collections.abc import Mapping

from tests.fakes.aws import ENVIRONMENT, MEDIA_BUCKET, TABLES
from tests.fakes.cognito_state import POOL_ID
from tests.fakes.media_bucket import BUCKET

_SUFFIX_OF_A_TABLE = re.compile(r"-[0-9a-f]{12}$")


class _Names(dict[str, str]):
    def __missing__(self, name: str) -> str:
        # On MiniStack each test has tables of its own.
        table = _SUFFIX_OF_A_TABLE.sub("", name)
        if table not in TABLES:
            raise KeyError(name)
        return table


NAMES: Mapping[str, str] = _Names(
    {
        MEDIA_BUCKET: "MediaBucket",
        BUCKET: "MediaBucket",
        ENVIRONMENT["STATE_MACHINE_ARN"]: "DreamToVideo",
        ENVIRONMENT["ERASURE_STATE_MACHINE_ARN"]: "Erasure",
        ENVIRONMENT["USER_POOL_ID"]: "UserPool",
        POOL_ID: "UserPool",
        "profiles": "ProfilesTable",
        "guards": "GuardsTable",
        ENVIRONMENT["CURSOR_SECRET"]: "CursorSecret",
        "runway": "RunwaySecret",
        "sockets": "WebSocketApi",
        ENVIRONMENT["NOTIFICATION_TASKS_QUEUE"]: "NotificationTasks",
    }
)
