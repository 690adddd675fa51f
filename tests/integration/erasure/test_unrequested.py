"""An execution for an account that nobody has asked to erase: started past the API, with an input of its own."""

import pytest

from tests.fakes.asl import ExecutionFailedError
from tests.integration.dreams.fixtures import LUNA
from tests.integration.erasure.fixtures import ErasureBackend

INPUT = {"user_id": LUNA, "whole_account": True, "dream_id": None}


def test_an_account_is_not_erased_without_its_record(erasure: ErasureBackend) -> None:
    # GIVEN an open erasure of one of the user's dreams
    dream = erasure.dreams.analyzed_dream()
    erasure.delete_dream(dream.dream_id)
    before = erasure.items()
    # WHEN an execution is started for the whole account
    with pytest.raises(ExecutionFailedError) as raised:
        erasure.machine.run(INPUT)
    # THEN it fails and changes nothing
    assert "ErasureNotRequestedError" in str(raised.value)
    assert "SoftDelete" not in erasure.machine.entered
    assert erasure.items() == before
    assert erasure.cognito.users[LUNA].enabled


def test_an_account_is_erased_with_its_record(erasure: ErasureBackend) -> None:
    erasure.record_erasure(LUNA)
    erasure.machine.run(INPUT)
    assert erasure.machine.entered[-1] == "Erased"
    assert LUNA not in erasure.cognito.users
    # AND a repeated execution, whose record is gone, ends as harmlessly as before
    erasure.machine.run(INPUT)
    assert erasure.machine.entered[-1] == "Erased"
