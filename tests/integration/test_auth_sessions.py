"""The memory of ended sessions."""

from dreamvision.identity import UnauthenticatedError
from tests.integration.auth_world import World

pytest_plugins = ["tests.integration.auth_fixtures"]

_USER = "6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11"
_DAY = 24 * 3600


def _is_open(world: World, session_id: str, issued_at: float | None = None, user_id: str = _USER) -> bool:
    try:
        world.sessions.require_open(user_id, session_id, int(world.clock() if issued_at is None else issued_at))
    except UnauthenticatedError:
        return False
    return True


def test_sessions_are_open_until_they_are_ended(world: World) -> None:
    assert _is_open(world, "one")

    world.sessions.end(_USER, "one")

    assert not _is_open(world, "one")
    assert _is_open(world, "two")
    assert _is_open(world, "one", user_id="somebody else")


def test_ending_twice_is_harmless(world: World) -> None:
    world.sessions.end(_USER, "one")
    world.sessions.end(_USER, "one")

    assert not _is_open(world, "one")


def test_ending_all_ends_what_was_issued_up_to_now_whatever_cognitos_clock_says(world: World) -> None:
    world.sessions.end_all(_USER)

    assert not _is_open(world, "before", world.clock() - 3600)
    assert not _is_open(world, "now")
    assert not _is_open(world, "clock of Cognito", world.clock() + 2)
    assert _is_open(world, "later", world.clock() + 3)


def test_a_session_that_begins_right_after_is_open_until_it_is_ended_itself(world: World) -> None:
    world.sessions.end_all(_USER)
    world.sessions.begin(_USER, "new", int(world.clock()))
    assert _is_open(world, "new")
    assert not _is_open(world, "old")

    world.sessions.end(_USER, "new")
    assert not _is_open(world, "new")


def test_ending_all_again_ends_that_one_too(world: World) -> None:
    world.sessions.end_all(_USER)
    world.sessions.begin(_USER, "new", int(world.clock()))

    world.sessions.end_all(_USER)

    assert not _is_open(world, "new")


def test_beginning_costs_no_write_as_a_rule(world: World) -> None:
    world.sessions.begin(_USER, "new", int(world.clock()))

    assert world.items("guards") == []


def test_ended_sessions_are_remembered_for_as_long_as_they_could_be_refreshed(world: World) -> None:
    # GIVEN a session that was ended, and others that were ended later
    world.sessions.end(_USER, "first")
    world.clock.advance(7 * _DAY)
    world.sessions.end(_USER, "second")
    assert not _is_open(world, "first")

    # WHEN no token of the first can be good any more
    world.clock.advance(_DAY)
    world.sessions.end(_USER, "third")

    # THEN it is forgotten, so that the item stays small
    (item,) = world.items("guards")
    assert {entry.split(" ")[1] for entry in item["sessions"]} == {"second", "third"}


def test_the_memory_expires_by_itself(world: World) -> None:
    world.sessions.end(_USER, "one")

    (item,) = world.items("guards")
    assert int(item["expires_at"]) > world.clock() + 7 * _DAY + 3600
