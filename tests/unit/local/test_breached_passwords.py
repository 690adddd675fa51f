"""The list of breached passwords is made from published ones."""

import gzip
import json
from pathlib import Path

import pytest

from dreamvision.auth.breached_passwords import BreachedPasswords
from local import breached_passwords


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "list.bin"
    monkeypatch.setattr(breached_passwords, "TARGET", file)
    monkeypatch.setattr(breached_passwords, "REPOSITORY", tmp_path)
    return file


def test_all_files_are_read(target: Path, tmp_path: Path) -> None:
    array, lines, compressed = tmp_path / "a.json", tmp_path / "b.txt", tmp_path / "c.txt.gz"
    array.write_text(json.dumps(["password1", "Password1", "dragon"]))
    lines.write_text("welcome1\nqwerty123\n")
    compressed.write_bytes(gzip.compress(b"letmein99\r\n"))

    assert breached_passwords.main([str(array), str(lines), str(compressed)]) == 0

    made = BreachedPasswords(target.read_bytes())
    assert len(made) == 4
    assert all(each in made for each in ("Password1", "Welcome1", "Qwerty123", "Letmein99"))


@pytest.mark.parametrize("password", ["passwd1", "password", "12345678", "passwor٣"])
def test_passwords_that_our_rules_refuse_anyway_are_left_out(password: str) -> None:
    assert not breached_passwords.could_be_chosen(password)


def test_without_files_the_usage_is_printed(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert breached_passwords.main([]) == 2
    assert "local.breached_passwords" in capsys.readouterr().out
    assert not target.exists()
