"""The lock of an address that is being registered: for a dead request's sake it ends by itself."""

import pytest

from dreamvision.auth.registrations import RegistrationLock, RegistrationRunningError
from dreamvision.database.client import Database

_HELD_FOR = 30
"""As long as ``RegistrationLock`` holds an address, in seconds."""


@pytest.mark.parametrize(("seconds", "is_free"), [(_HELD_FOR - 1, False), (_HELD_FOR, True)])
def test_the_lock_of_a_dead_request_ends(database: Database, seconds: int, is_free: bool) -> None:
    times = iter((1_000, 1_000 + seconds))
    lock = RegistrationLock(database, lambda: next(times))
    dead = lock.hold("address")
    dead.__enter__()
    if is_free:
        with lock.hold("address"):
            pass
    else:
        with pytest.raises(RegistrationRunningError), lock.hold("address"):
            pass
