"""The list of breached passwords."""

from itertools import pairwise

import pytest

from dreamvision.auth.breached_passwords import (
    DIGEST_BYTES,
    BreachedPasswordError,
    BreachedPasswords,
    BreachedPasswordSettings,
    NewPasswordRules,
    digest_of,
)

_PACKAGED = BreachedPasswords.packaged()


def _packed(*passwords: str) -> BreachedPasswords:
    return BreachedPasswords(b"".join(sorted(map(digest_of, passwords))))


@pytest.mark.parametrize("password", ["Password1", "PASSWORD1", "Password123", "Qwerty123", "1Qaz2wsx", "Welcome1"])
def test_frequent_passwords_are_in_the_list(password: str) -> None:
    assert password in _PACKAGED


@pytest.mark.parametrize("password", ["SecurePass123", "Moonlight7", "", "\ud800", "Ⅷ Träume"])
def test_the_examples_of_the_documents_and_odd_texts_are_not(password: str) -> None:
    assert password not in _PACKAGED


def test_the_packaged_list_is_complete_and_sorted() -> None:
    content = _PACKAGED._digests
    entries = [content[start : start + DIGEST_BYTES] for start in range(0, len(content), DIGEST_BYTES)]
    assert len(_PACKAGED) == len(entries) == 8027
    assert len(content) % DIGEST_BYTES == 0
    assert all(before < after for before, after in pairwise(entries))


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_every_entry_is_found_and_nothing_else(count: int) -> None:
    passwords = [f"Password{number}" for number in range(count)]
    found = _packed(*passwords)

    assert all(password in found for password in passwords)
    assert not any(f"Moonlight{number}" in found for number in range(50))


def test_an_empty_list_has_nothing() -> None:
    assert "Password1" not in BreachedPasswords(b"")


def test_the_rule_is_off_by_default() -> None:
    NewPasswordRules(BreachedPasswordSettings.from_environment({})).require("Password1")

    rules = NewPasswordRules(BreachedPasswordSettings.from_environment({"REFUSE_BREACHED_PASSWORDS": "true"}))
    rules.require("Moonlight7")
    with pytest.raises(BreachedPasswordError):
        rules.require("Password1")
