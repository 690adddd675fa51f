"""The memory of ended sessions."""

from dreamvision.auth.tokens import UnauthenticatedError
from tests.integration.auth.world import World

pytest_plugins = ["tests.integration.auth.fixtures"]

_USER = "6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11"
_DAY = 24 * 3600


def _is_open(service: World, session_id: str, issued_at: float | None = None, user_id: str = _USER) -> bool:
    try:
        service.sessions.require_active(user_id, session_id, int(service.clock() if issued_at is None else issued_at))
    except UnauthenticatedError:
        return False
    return True


def test_sessions_are_open_until_they_are_ended(service: World) -> None:
    assert _is_open(service, "one")

    service.sessions.revoke(_USER, "one")

    assert not _is_open(service, "one")
    assert _is_open(service, "two")
    assert _is_open(service, "one", user_id="somebody else")


def test_ending_twice_is_harmless(service: World) -> None:
    service.sessions.revoke(_USER, "one")
    service.sessions.revoke(_USER, "one")

    assert not _is_open(service, "one")


def test_ending_all_ends_what_was_issued_up_to_now_whatever_cognitos_clock_says(service: World) -> None:
    service.sessions.revoke_all(_USER)

    assert not _is_open(service, "before", service.clock() - 3600)
    assert not _is_open(service, "now")
    assert not _is_open(service, "clock of Cognito", service.clock() + 2)
    assert _is_open(service, "later", service.clock() + 3)


def test_a_session_that_begins_right_after_is_open_until_it_is_ended_itself(service: World) -> None:
    service.sessions.revoke_all(_USER)
    service.sessions.start(_USER, "new", int(service.clock()))
    assert _is_open(service, "new")
    assert not _is_open(service, "old")

    service.sessions.revoke(_USER, "new")
    assert not _is_open(service, "new")


def test_ending_all_again_ends_that_one_too(service: World) -> None:
    service.sessions.revoke_all(_USER)
    service.sessions.start(_USER, "new", int(service.clock()))

    service.sessions.revoke_all(_USER)

    assert not _is_open(service, "new")


def test_beginning_costs_no_write_as_a_rule(service: World) -> None:
    service.sessions.start(_USER, "new", int(service.clock()))

    assert service.items("guards") == []


def test_ended_sessions_are_remembered_for_as_long_as_they_could_be_refreshed(service: World) -> None:
    # GIVEN a session that was ended, and others that were ended later
    service.sessions.revoke(_USER, "first")
    service.clock.advance(7 * _DAY)
    service.sessions.revoke(_USER, "second")
    assert not _is_open(service, "first")

    # WHEN no token of the first can be good any more
    service.clock.advance(_DAY)
    service.sessions.revoke(_USER, "third")

    # THEN it is forgotten, so that the item stays small
    (item,) = service.items("guards")
    assert {entry.split(" ")[1] for entry in item["sessions"]} == {"second", "third"}


def test_the_memory_expires_by_itself(service: World) -> None:
    service.sessions.revoke(_USER, "one")

    (item,) = service.items("guards")
    assert int(item["expires_at"]) > service.clock() + 7 * _DAY + 3600
