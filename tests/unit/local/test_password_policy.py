"""The bridge that makes the least length of passwords a number."""

from typing import Any

import pytest

from local.emulator.password_policy import make_length_a_number


class _Pool:
    """The pool's policies as the emulator keeps them."""

    def __init__(self, length: Any) -> None:
        self.policies = {"PasswordPolicy": {"MinimumLength": length, "RequireNumbers": True}}
        self.updates = 0

    def describe_user_pool(self, *, UserPoolId: str) -> Any:  # noqa: N803
        return {"UserPool": {"Id": UserPoolId, "Policies": self.policies}}

    def update_user_pool(self, *, UserPoolId: str, Policies: Any) -> None:  # noqa: N803
        assert UserPoolId == "a-pool"
        self.policies, self.updates = Policies, self.updates + 1


@pytest.mark.parametrize(("given", "updates"), [("12", 1), (12, 0)])
def test_the_length_becomes_a_number_and_the_rest_stays(given: Any, updates: int) -> None:
    pool = _Pool(given)

    make_length_a_number(pool, "a-pool")
    make_length_a_number(pool, "a-pool")

    assert pool.policies == {"PasswordPolicy": {"MinimumLength": 12, "RequireNumbers": True}}
    assert pool.updates == updates
