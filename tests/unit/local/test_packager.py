"""What the packager leaves out, and how it reads lock files."""

from pathlib import Path

import pytest

from packager.install import compile_all, is_unused, names, prune, requirements

LOCK = """\
cffi==2.1.1 ; platform_python_implementation != 'PyPy' \\
    --hash=sha256:aa
    # via cryptography
typing-extensions==4.16.0 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
# a comment
Pillow_Extra==13.0.0 \\
    --hash=sha256:dd
"""


def test_a_lock_file_is_read_by_requirement_with_its_hashes(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(LOCK)
    found = dict(requirements(file))
    assert names(file) == set(found) == {"cffi", "typing-extensions", "pillow-extra"}
    assert found["typing-extensions"].count("--hash") == 2


@pytest.mark.parametrize(
    "path",
    [
        "httpx/tests/test_client.py",
        "av/audio/frame.pyi",
        "av/audio/frame.pxd",
        "cryptography/py.typed",
        "bin/httpx",
        "jmespath-1.1.0.data/scripts/jp.py",
        "httpx-0.28.1.dist-info/WHEEL",
        "httpx-0.28.1.dist-info/INSTALLER",
    ],
)
def test_what_no_code_reads_is_left_out(path: str) -> None:
    assert is_unused(Path(path))


@pytest.mark.parametrize(
    "path",
    [
        "httpx/_client.py",
        "certifi/cacert.pem",
        "pydantic_core/_pydantic_core.cpython-313-x86_64-linux-gnu.so",
        "anthropic/lib/testing.py",
        "httpx-0.28.1.dist-info/METADATA",
        "httpx-0.28.1.dist-info/licenses/LICENSE.md",
        "av-19.0.2.dist-info/licenses/AUTHORS.py",
        # OpenTelemetry finds its context by it.
        "opentelemetry_api-1.45.2.dist-info/entry_points.txt",
    ],
)
def test_code_data_and_licenses_stay(path: str) -> None:
    assert not is_unused(Path(path))


def test_parts_that_no_function_uses_leave_no_folder_that_could_be_imported(tmp_path: Path) -> None:
    for path in ("cffi/api.py", "pycparser/ply/lex.py", "_cffi_backend.so", "httpx/_client.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    prune(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["_cffi_backend.so", "httpx"]


def test_sources_are_replaced_by_bytecode_except_among_metadata(tmp_path: Path) -> None:
    for path in ("one/__init__.py", "one-1.0.dist-info/licenses/AUTHORS.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("VALUE = 1\n")
    compile_all(tmp_path, "/opt/python")
    found = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file())
    assert found == ["one-1.0.dist-info/licenses/AUTHORS.py", "one/__init__.pyc"]
    assert b"/opt/python/one/__init__.py" in (tmp_path / "one" / "__init__.pyc").read_bytes()


def test_a_package_that_does_not_compile_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (:\n")
    with pytest.raises(SystemExit):
        compile_all(tmp_path, "/opt/python")
