"""docs/INVOKING.md: its table is that of the functions and their sample events."""

import re

from local.sample_functions import EVENTS, functions, samples, samples_of
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs/INVOKING.md").read_text()


def test_the_table_lists_every_function_with_its_events() -> None:
    rows = re.findall(r"^\| `(\w+Function)` \| (.+) \|$", TEXT, re.MULTILINE)
    assert {name: re.findall(r"`([^`]+)`", events) for name, events in rows} == {
        name: samples_of(name) for name in functions()
    }


def test_every_sam_local_invoke_names_a_function_and_its_event() -> None:
    pages = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text() for page in pages)
    pairs = re.findall(r"sam local invoke (\w+)[^\n`]*?--event events/(\S+)\.json", text)
    assert pairs
    for function, event in pairs:
        assert (EVENTS / f"{event}.json").is_file()
        assert samples()[event] == function
