"""Make the list of breached passwords from published lists, which docs/decisions/0044-*.md names.

    $ .venv/bin/python -m local.breached_passwords passwords.json common-passwords.txt.gz

A file is a JSON array or has one password per line, and may be compressed by gzip.
"""

import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from dreamvision.auth.breached_passwords import digest_of
from dreamvision.schemas.users import MIN_PASSWORD_LENGTH
from local.settings import REPOSITORY

TARGET = REPOSITORY / "layers/dreamvision/python/dreamvision/auth/breached_passwords.bin"


def read(file: Path) -> list[str]:
    """Return the passwords of a published list."""
    content = file.read_bytes()
    text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode()
    return json.loads(text) if ".json" in file.suffixes else text.splitlines()


def could_be_chosen(password: str) -> bool:
    """Return whether the password would satisfy the rules if some of its letters were capitals."""
    has_letter = any("a" <= character <= "z" for character in password.lower())
    has_digit = any("0" <= character <= "9" for character in password)
    return len(password) >= MIN_PASSWORD_LENGTH and has_letter and has_digit


def packed(passwords: Iterable[str]) -> bytes:
    """Return the sorted digests of the passwords that could be chosen."""
    return b"".join(sorted({digest_of(each) for each in passwords if could_be_chosen(each)}))


def main(files: list[str]) -> int:
    if not files:
        print(__doc__)
        return 2
    passwords = [each.strip() for file in files for each in read(Path(file))]
    TARGET.write_bytes(packed(passwords))
    print(f"{TARGET.relative_to(REPOSITORY)}: {TARGET.stat().st_size:,} bytes from {len(passwords):,} passwords")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
