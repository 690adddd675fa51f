"""The prompt system: the committed files, and the errors of a broken set of files."""

import json
import shutil
from pathlib import Path

import pytest

from dreamvision.analysis.output import validate_output
from dreamvision.analysis.prompts import PromptFileInvalidError, PromptFileMissingError, PromptSystem, load_prompts
from dreamvision.schemas.categories import TEMPLATE_NAMES, Category
from dreamvision.schemas.lengths import MAX_TITLE_LENGTH
from tests.conftest import REPOSITORY

PROMPTS = REPOSITORY / "prompts"


@pytest.fixture
def prompts() -> PromptSystem:
    return load_prompts(PROMPTS)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROMPTS, tmp_path / "prompts"))


def test_system_text_quotes_every_template_and_leaves_no_placeholder(prompts: PromptSystem) -> None:
    assert set(prompts.templates) == {category.value for category in Category}
    for template in prompts.templates.values():
        assert prompts.system.count(template) == 1
        assert template.startswith("POV ")
    assert "{{" not in prompts.system


def test_system_text_names_every_category_and_template(prompts: PromptSystem) -> None:
    for category, name in TEMPLATE_NAMES.items():
        assert f"(category {category}, template {name}):" in prompts.system


@pytest.mark.parametrize(
    "rule",
    [
        "Output 100-150 words maximum",
        "ONE continuous shot only",
        "Lead with POV camera movement",
        'NO character names - use "the dreamer" or "a figure"',
        "NO shot lists or sequences - ONE SCENE",
        "Maintain 5-second focus",
        "Build single atmospheric moment",
        "Use active verbs (glide, push, track, drift)",
        "Include lighting direction",
        "End with emotional beat",
        "Format: Start with template, add 2-3 dream-specific details",
    ],
)
def test_system_text_has_each_fail_safe_rule(prompts: PromptSystem, rule: str) -> None:
    assert rule in prompts.system


def test_the_example_in_the_system_text_is_valid(prompts: PromptSystem) -> None:
    (example,) = [line for line in prompts.system.splitlines() if line.startswith('{"category"')]

    answer, violations = validate_output(example)

    assert violations == ()
    assert answer is not None
    assert answer.video_prompt == json.loads(example)["prompt"]


def test_changing_a_template_file_changes_the_system_text(copy: Path) -> None:
    (copy / "templates" / "chase.txt").write_text(r"POV run \1 through [somewhere]." + "\n", encoding="utf-8")

    prompts = load_prompts(copy)

    assert prompts.templates["chase"] == r"POV run \1 through [somewhere]."
    assert r"template CHASE):" + "\n" + r"POV run \1 through [somewhere]." in prompts.system


def test_prompts_are_immutable(prompts: PromptSystem) -> None:
    with pytest.raises(TypeError):
        prompts.templates["chase"] = "other"  # type: ignore[index]
    with pytest.raises(AttributeError):
        prompts.system = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["minimal-dream-system-v2.txt", "templates/physics.txt"])
def test_a_missing_file_is_reported_by_name(copy: Path, name: str) -> None:
    (copy / name).unlink()

    with pytest.raises(PromptFileMissingError, match=name):
        load_prompts(copy)


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PromptFileMissingError):
        load_prompts(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b" \n", "is empty"), (b"\xff\xfe", "is not UTF-8")],
)
def test_an_invalid_template_is_reported_by_name(copy: Path, content: bytes, reason: str) -> None:
    (copy / "templates" / "flight.txt").write_bytes(content)

    with pytest.raises(PromptFileInvalidError, match=f"flight.txt {reason}"):
        load_prompts(copy)


@pytest.mark.parametrize("change", [("{{gothic}}", ""), ("{{gothic}}", "{{chase}}"), ("{{gothic}}", "{{gothc}}")])
def test_a_system_text_without_every_template_is_rejected(copy: Path, change: tuple[str, str]) -> None:
    system = copy / "minimal-dream-system-v2.txt"
    system.write_text(system.read_text(encoding="utf-8").replace(*change), encoding="utf-8")

    with pytest.raises(PromptFileInvalidError, match="each of the six templates exactly once"):
        load_prompts(copy)


def test_system_text_asks_for_the_title_in_the_language_of_the_dream(prompts: PromptSystem) -> None:
    assert "Write the prompt in English and the title in the language of the dream." in prompts.system
    assert f"at most {MAX_TITLE_LENGTH} characters" in prompts.system
