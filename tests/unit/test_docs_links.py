"""Links and paths in the hand-written documents point to existing files."""

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

_GENERATED = {"API.md"}
_TOP_LEVEL = {path.name for path in REPOSITORY.iterdir()}
# Abbreviated paths: the shared package in the tour, the page's own files in PAGE.md.
_BASES = (REPOSITORY, REPOSITORY / "layers/dreamvision/python/dreamvision", REPOSITORY / "web")
_BUILT = (".local/", ".venv/", ".aws-sam/")  # exist only on a machine that has run `make up` or `make demo`
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_CODE = re.compile(r"`([^`\n]+)`")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"[\w.<>*-]+(/[\w.<>*-]+)+/?|[\w.-]+/|\w+\.(?:py|ya?ml|toml)")
_SUFFIX = re.compile(r"\.(?:py|ya?ml|toml|json|md|txt|in|js|css|html|webp)$")

DECISIONS = sorted((REPOSITORY / "docs/decisions").glob("[0-9]*.md"))
DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "SECURITY.md",
    REPOSITORY / "CHANGELOG.md",
    *(file for file in sorted((REPOSITORY / "docs").glob("*.md")) if file.name not in _GENERATED),
    REPOSITORY / "docs/decisions/README.md",
    *DECISIONS,
]
# The history may name files that are gone.
CURRENT = [file for file in DOCUMENTS if file.name != "CHANGELOG.md" and file not in DECISIONS]


def _id(file: Path) -> str:
    return str(file.relative_to(REPOSITORY))


def paths_in(text: str) -> list[str]:
    """Code spans that are paths of this repository: with a suffix of ours, or below a folder of the top level."""
    found = [span for span in _CODE.findall(_FENCED.sub("", text)) if _PATH.fullmatch(span)]
    return [
        path
        for path in found
        if not path.startswith(_BUILT) and (_SUFFIX.search(path) or path.partition("/")[0] in _TOP_LEVEL)
    ]


def exists(path: str, document: Path) -> bool:
    """Whether a path leads somewhere from the root, one of the bases or the document; ``<name>`` is any name."""
    pattern = re.sub(r"<[^>]+>", "*", path).rstrip("/")
    return any(next(iter(base.glob(pattern)), None) for base in (*_BASES, document.parent))


@pytest.mark.parametrize("document", CURRENT, ids=_id)
def test_every_named_test_exists(document: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document.read_text())
    assert [name for file, name in named if f"def {name}(" not in (REPOSITORY / file).read_text()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_id)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = [link or source for link, source in _LINK.findall(_FENCED.sub("", document.read_text()))]
    files = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [file for file in files if not (document.parent / file).exists()] == []


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", document.read_text()), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w -]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", CURRENT, ids=_id)
def test_every_anchor_is_a_heading(document: Path) -> None:
    links = [link for link, _ in _LINK.findall(_FENCED.sub("", document.read_text())) if "#" in link]
    targets = [link.partition("#")[::2] for link in links if not re.match(r"[a-z]+:", link)]
    pages = [(document.parent / file if file else document, anchor) for file, anchor in targets]
    assert [anchor for page, anchor in pages if page.suffix == ".md" and anchor not in anchors_of(page)] == []


@pytest.mark.parametrize("document", CURRENT, ids=_id)
def test_every_path_exists(document: Path) -> None:
    assert [path for path in paths_in(document.read_text()) if not exists(path, document)] == []


def test_paths_are_recognized() -> None:
    ours = ["videos/service.py", "template.yaml", "local/", "tests/integration/<package>/"]
    others = ["image/jpeg", "/media/", ".local/outputs.json", "videos/{user}/{job}.mp4", "make up"]
    assert paths_in(" ".join(f"`{span}`" for span in (*ours, *others))) == ours
    assert not exists("videos/no_such_module.py", REPOSITORY / "README.md")


def test_the_index_lists_every_decision() -> None:
    index = (REPOSITORY / "docs/decisions/README.md").read_text()
    assert re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index) == [file.name for file in DECISIONS]
    assert [int(file.name[:4]) for file in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=_id)
def test_a_decision_has_every_section(decision: Path) -> None:
    text = decision.read_text()
    assert re.match(rf"# {int(decision.name[:4])}\. .+\n\nStatus: \w.* · Date: \d{{4}}-\d\d-\d\d\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Alternatives considered",
        "Consequences",
    ]
