"""Invalid values of requests: a code and limits for programs, and words for people instead of pydantic's."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from dreamvision.analysis.prompt_rules import broken_rules
from dreamvision.schemas import dreams, passwords, uploads, users, videos
from dreamvision.schemas.base import Request
from dreamvision.schemas.invalid_values import ValueCode
from dreamvision.videos.prompts import VideoPromptError, require_valid_prompt
from dreamvision_api.invalid_values import invalid_value
from tests.conftest import REPOSITORY

UUID = "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"
MODULES = (dreams, passwords, uploads, users, videos)
LIMITS = {"minimum", "maximum", "allowed", "expected"}
# Values of every JSON type, and texts and numbers that break most rules.
BAD: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**12,
    5.5,
    [],
    {},
    "",
    "x",
    "\ud800" * 20,
    "x" * 10_000,
    "<a> b@example.com",
    " x y ",
)


def request_models() -> list[type[BaseModel]]:
    """Return all models of request bodies."""
    found = {name: each for module in MODULES for name, each in vars(module).items() if isinstance(each, type)}
    return [each for name, each in sorted(found.items()) if issubclass(each, Request) and each is not Request]


def errors_of(model: type[BaseModel], body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the entries for an invalid body."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        yield from (invalid_value(dict(each)) for each in error.errors())


def entry(model: type[BaseModel], name: str, value: Any) -> dict[str, Any]:
    """Return the one entry about a field, without its location."""
    (found,) = (each for each in errors_of(model, {name: value}) if each["loc"] == [name])
    return {key: each for key, each in found.items() if key != "loc"}


@pytest.mark.parametrize("model", request_models(), ids=lambda model: model.__name__)
def test_every_error_of_every_field_has_a_code_and_words_for_people(model: type[BaseModel]) -> None:
    found = list(errors_of(model, {"unknown": 1}))
    for name in model.model_fields:
        for value in BAD:
            found += errors_of(model, {name: value})
    assert len(found) > len(model.model_fields)
    for each in found:
        assert each["code"] in set(ValueCode) - {ValueCode.INVALID}, each
        assert set(each) - {"loc", "msg", "code"} <= LIMITS
        assert re.fullmatch(r"(Must|Is|There is) [^{}\\]*[._]", each["msg"]), each
        assert not re.search(r"(?i)input|string|value error|pattern|permitted|x{9}", each["msg"]), each


@pytest.mark.parametrize(
    ("model", "name", "value", "expected"),
    [
        (users.UserRegister, "password", "short", {"code": "too_short", "minimum": 8}),
        (users.UserRegister, "password", "x" * 257, {"code": "too_long", "maximum": 256}),
        (users.UserRegister, "password", "lowercase1", {"code": "no_upper_case"}),
        (users.UserRegister, "password", "Moonlight", {"code": "no_digit"}),
        (users.UserRegister, "password", " Moonlight7", {"code": "space_around"}),
        (users.UserRegister, "email", "luna", {"code": "invalid_email"}),
        (users.UserRegister, "email", "Luna <luna@example.com>", {"code": "invalid_email"}),
        (users.UserRegister, "email", "l" * 60 + "@" + "e" * 60 + ".example.com", {"code": "too_long", "maximum": 128}),
        (users.UserRegister, "username", " a ", {"code": "too_short", "minimum": 3}),
        (users.UserRegister, "username", "a" * 31, {"code": "too_long", "maximum": 30}),
        (users.UserRegister, "username", "lu/na", {"code": "invalid_characters"}),
        (users.EmailRequest, "emial", "luna@example.com", {"code": "unknown_field"}),
        (users.ConfirmationRequest, "code", "12 34", {"code": "wrong_format"}),
        (users.ConfirmationRequest, "code", "", {"code": "too_short", "minimum": 1}),
        (dreams.CombinedDreamVideoRequest, "dream_text", "I flew", {"code": "too_short", "minimum": 10}),
        (dreams.CombinedDreamVideoRequest, "dream_text", "x" * 2001, {"code": "too_long", "maximum": 2000}),
        (dreams.CombinedDreamVideoRequest, "dream_text", 7, {"code": "wrong_type", "expected": "string"}),
        (dreams.CombinedDreamVideoRequest, "duration", 4, {"code": "too_small", "minimum": 5}),
        (dreams.CombinedDreamVideoRequest, "duration", 11, {"code": "too_large", "maximum": 10}),
        (dreams.CombinedDreamVideoRequest, "duration", "5", {"code": "wrong_type", "expected": "integer"}),
        (
            dreams.CombinedDreamVideoRequest, "aspect_ratio", "1:1",
            {"code": "not_allowed", "allowed": ["16:9", "9:16"]},
        ),
        (videos.VideoGenerationRequest, "dream_id", "7", {"code": "wrong_format"}),
        (videos.VideoGenerationRequest, "seed", 2**32, {"code": "too_large", "maximum": 2**32 - 1}),
        (uploads.ThumbnailUploadRequest, "content_type", "image/gif",
         {"code": "not_allowed", "allowed": ["image/jpeg", "image/png"]}),
    ],
)  # fmt: skip
def test_the_code_and_the_limits(model: type[BaseModel], name: str, value: Any, expected: dict[str, Any]) -> None:
    found = entry(model, name, value)
    assert {key: each for key, each in found.items() if key != "msg"} == expected
    for limit in ("minimum", "maximum"):
        assert limit not in expected or expected[limit] == 1 or f"{expected[limit]:,}" in found["msg"]


def test_a_missing_field() -> None:
    (found,) = errors_of(users.EmailRequest, {})
    assert found == {"loc": ["email"], "msg": "Is required.", "code": "missing"}


def test_an_error_of_an_unknown_type_is_not_quoted() -> None:
    found = invalid_value({"type": "brand_new", "loc": ("body", "x"), "msg": "Input 'secret' is wrong"})
    assert found == {"loc": ["body", "x"], "msg": "Is not valid.", "code": "invalid"}


def test_usernames_are_accepted_as_before() -> None:
    for name in ("luna", " luna_dreams ", "a" * 30, "x-y", "Łuna 7", "李小龙"):
        assert users.ProfileUpdate(username=name).username == name.strip(" ")
        assert re.fullmatch(users.USERNAME_PATTERN, name)


def test_a_broken_rule_of_a_prompt_has_its_limit() -> None:
    with pytest.raises(VideoPromptError) as caught:
        require_valid_prompt("POV " + "word " * 300)
    limits = {each["code"]: each.get("maximum") for each in caught.value.problem_errors}
    assert limits == {"too_many_words": 150, "too_long": 1000}
    assert {each.limits.get("minimum") for each in broken_rules("POV short") if each.code == "too_short"} == {100}


def test_every_rule_of_a_prompt_has_a_code_of_the_list() -> None:
    source = (REPOSITORY / "layers/dreamvision/python/dreamvision/analysis/prompt_rules.py").read_text()
    codes = set(re.findall(r'RuleViolation\(\s*"(\w+)"', source))
    assert len(codes) == 9
    assert codes <= set(ValueCode)


def test_the_documentation_lists_every_code() -> None:
    page = (REPOSITORY / "docs/api/conventions.md").read_text()
    assert [code for code in ValueCode if f"`{code}`" not in page] == []
