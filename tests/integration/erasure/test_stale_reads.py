"""Erasures when every eventually consistent read misses the latest writes: nothing may be left, and nothing counted."""

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.erasure.repository import ReconciliationCursor, ReconciliationPosition, TombstoneRepository
from dreamvision.limits.rate_limits import CODE_SCOPES, email_key
from dreamvision.limits.repository import rate_guard
from tests.fakes.stale_replica import StaleReplica
from tests.integration.dreams.fixtures import LUNA
from tests.integration.erasure.fixtures import (
    LONG_TEXT,
    LUNAS_EMAIL,
    LUNAS_NAME,
    ErasureBackend,
    populated_account,
)


@pytest.fixture
def erasure(erasure: ErasureBackend, replica: StaleReplica) -> ErasureBackend:
    """The backend, on which nothing written from now on is seen by an eventually consistent read."""
    return erasure


def test_a_new_dream_is_erased_with_all_it_has(erasure: ErasureBackend) -> None:
    backend = erasure.dreams
    dream = backend.analyzed_dream(text=LONG_TEXT)
    backend.completed_video(dream)
    running = backend.processing_video(dream)
    backend.dream_with_upload(dream)

    assert erasure.delete_dream(dream.dream_id).status == 204
    assert not backend.dreams.exists(LUNA, dream.dream_id)
    assert backend.videos.list_by_dream(LUNA, dream.dream_id) == []
    # AND a repeated request finds the tombstone
    assert erasure.delete_dream(dream.dream_id).status == 204
    erasure.run_execution()

    assert running.provider_task_id in backend.renderer.cancelled
    assert erasure.remains_of(dream.dream_id) == []
    assert backend.media_keys() == []


def test_a_deletion_of_a_dream_changed_just_now_is_complete(erasure: ErasureBackend, replica: StaleReplica) -> None:
    """A stale row would never match its own condition, and a stale deletion would end before its videos."""
    backend = erasure.dreams
    dream = backend.analyzed_dream()
    replica.catch_up()
    backend.completed_video(dream)
    DreamDeletion(backend.database).soft_delete_dream(LUNA, dream.dream_id)
    assert not backend.dreams.exists(LUNA, dream.dream_id)
    erasure.execute(LUNA, dream.dream_id)
    assert backend.media_keys() == []


def test_a_video_completed_just_now_is_deleted(erasure: ErasureBackend, replica: StaleReplica) -> None:
    backend = erasure.dreams
    dream = backend.analyzed_dream()
    replica.catch_up()
    done = backend.completed_video(dream)
    DreamDeletion(backend.database).soft_delete_dream(LUNA, dream.dream_id)
    assert backend.profile().videos_count == 0
    assert TombstoneRepository(backend.database).videos(LUNA, None, limit=5).videos[0].job_id == done.job_id
    erasure.execute(LUNA, dream.dream_id)


def test_a_new_account_is_erased_with_all_it_has(erasure: ErasureBackend, replica: StaleReplica) -> None:
    user_id = "44444444-4444-4444-8444-444444444444"
    erasure.add_account(user_id, "nova@example.com", "Nova")
    populated_account(erasure, user_id)
    erasure.execute(user_id)
    (left,) = erasure.remains_of(user_id, "nova@example.com", "nova")
    assert f"sessions#{user_id}" in left
    assert erasure.dreams.media_keys() == []


def test_the_address_of_a_profile_completed_just_now_is_forgotten(erasure: ErasureBackend) -> None:
    """Cognito cannot tell it: the user was deleted there directly."""
    backend = erasure.dreams
    user_id = "44444444-4444-4444-8444-444444444444"
    erasure.add_account(user_id, "nova@example.com", "Nova")
    del erasure.cognito.users[user_id]
    erasure.execute(user_id)
    codes = {rate_guard(scope, email_key("nova@example.com", erasure.pool.seal)) for scope in CODE_SCOPES}
    assert codes.isdisjoint({item.get("guard") for item in erasure.items()})
    assert backend.usernames.owner("Nova") is None


def test_a_batch_contains_what_was_stored_just_now(erasure: ErasureBackend) -> None:
    erasure.dreams.analyzed_dream()
    deletion = DreamDeletion(erasure.dreams.database)
    assert deletion.soft_delete_batch(LUNA, 50)
    assert not deletion.soft_delete_batch(LUNA, 50)
    erasure.execute(LUNA)


def test_the_reconciliation_continues_where_it_just_stopped(erasure: ErasureBackend) -> None:
    cursor = ReconciliationCursor(erasure.dreams.database)
    cursor.store("a pool", "a user")
    assert cursor.read() == ReconciliationPosition("a pool", "a user")


def test_the_reconciliation_sees_that_an_erasure_has_begun(erasure: ErasureBackend, replica: StaleReplica) -> None:
    """Otherwise it would start a second one."""
    replica.catch_up()
    profiles = erasure.dreams.profiles
    profiles.mark_erasing(LUNA, utc_now())
    (luna,) = (user for user in profiles.scan_users(100).users if user.user_id == LUNA)
    assert luna.erasing_since is not None


def test_a_username_taken_just_now_has_its_owner(erasure: ErasureBackend, replica: StaleReplica) -> None:
    usernames = erasure.dreams.usernames
    replica.catch_up()
    usernames.rename(LUNA, LUNAS_NAME, "Moon", utc_now())
    assert (usernames.owner("Moon"), usernames.owner(LUNAS_NAME)) == (LUNA, None)
    # AND it is freed with the profile
    usernames.delete_profile(LUNA)
    assert erasure.remains_of("username#moon") == []
    erasure.add_account(LUNA, LUNAS_EMAIL, LUNAS_NAME)
