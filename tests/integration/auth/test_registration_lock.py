"""The lock of an address that is being registered: one that a dead request has left ends by itself."""

import pytest

from dreamvision.auth.registrations import RegistrationLock, RegistrationRunningError
from dreamvision.database.client import Database, Item

_END = 1_790_000_000
"""When the lock of the dead request ends, in seconds since the epoch."""


@pytest.fixture
def left_behind(database: Database) -> None:
    item: Item = {"guard": "registration#address", "held_by": "dead", "held_until": _END}
    database.client.put_item(TableName=database.names.guards_table, Item=item)


@pytest.mark.usefixtures("left_behind")
def test_the_lock_of_a_dead_request_holds_until_its_end(database: Database) -> None:
    with pytest.raises(RegistrationRunningError), RegistrationLock(database, lambda: _END - 1).hold("address"):
        pass
    with RegistrationLock(database, lambda: _END).hold("address"):
        pass
