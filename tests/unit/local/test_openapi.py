"""The OpenAPI document: up to date, valid, and consistent with the validation of the models."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from pydantic import BaseModel, ValidationError

from dreamvision.schemas.dreams import CombinedDreamVideoRequest, DreamAnalysisRequest
from dreamvision.schemas.users import PasswordChangeRequest, ProfileUpdate
from dreamvision.schemas.videos import VideoGenerationRequest
from dreamvision_api import problems
from dreamvision_api.route_docs import ResponseDoc, RouteDoc
from local.openapi.document import _paths, _schemas, build
from local.openapi.files import outputs
from local.openapi.functions import ApiFunction, OpenApiError, Operation
from local.openapi.operations import Responses

UUID = "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"
METHODS_WITH_BODY = ("post", "put", "patch")

type Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    return build()


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def validator(document: Json, schema: Json) -> Draft202012Validator:
    """Return a validator for a schema whose references point into the document."""
    return Draft202012Validator({**schema, "components": document["components"]}, format_checker=FormatChecker())


def resolved(document: Json, response: Json) -> Json:
    if "$ref" in response:
        found: Json = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        return found
    return response


def test_committed_files_are_up_to_date(document: Json) -> None:
    for path, text in outputs(document).items():
        assert path.exists(), f"{path} is missing: run `make openapi`"
        assert path.read_text() == text, f"{path} is out of date: run `make openapi` and commit it"


def test_document_is_valid_openapi(document: Json) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_document_names_no_host(document: Json) -> None:
    assert [server["url"] for server in document["servers"]] == ["/"]


def test_every_operation_is_described(document: Json) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for method, path, operation in operations(document):
        key = f"{method} {path}"
        assert operation["summary"], key
        assert set(operation["tags"]) <= tags, key
        assert all(resolved(document, each)["description"] for each in operation["responses"].values()), key
        takes_a_body = method in METHODS_WITH_BODY or key == "delete /api/v1/auth/me"
        assert ("requestBody" not in operation) or takes_a_body, key


def test_every_operation_declares_whether_it_requires_a_token(document: Json) -> None:
    for method, path, operation in operations(document):
        protected = operation["security"] == [{"accessToken": []}]
        assert protected or operation["security"] == [], f"{method} {path}"
        if protected:
            assert {"401", "403"} <= operation["responses"].keys(), f"{method} {path}"
    assert document["components"]["securitySchemes"]["accessToken"]["scheme"] == "bearer"


def test_every_operation_has_the_common_errors(document: Json) -> None:
    for method, path, operation in operations(document):
        expected = {"429", "500", "503"}
        if method in METHODS_WITH_BODY:
            expected |= {"400", "413", "415"}
        if "{" in path:
            expected |= {"404", "422"}
        assert expected <= operation["responses"].keys(), f"{method} {path}"


def test_gateway_responses_are_described_along_with_problems(document: Json) -> None:
    unauthenticated = document["components"]["responses"]["Unauthenticated"]["content"]
    assert unauthenticated["application/json"]["schema"] == {"$ref": "#/components/schemas/GatewayMessage"}
    assert "urn:dreamvision:problem:unauthenticated" in json.dumps(unauthenticated["application/problem+json"])


def test_every_example_is_valid_under_its_schema(document: Json) -> None:
    checked = 0
    for method, path, operation in operations(document):
        contents = [*operation.get("requestBody", {}).get("content", {}).values()]
        for response in operation["responses"].values():
            contents += resolved(document, response).get("content", {}).values()
        for content in contents:
            examples = [content["example"]] if "example" in content else []
            examples += [each["value"] for each in content.get("examples", {}).values()]
            for example in examples:
                errors = [error.message for error in validator(document, content["schema"]).iter_errors(example)]
                assert not errors, f"{method} {path}: {errors}"
                checked += 1
    assert checked > 50


def test_request_example_leaves_out_optional_properties(document: Json) -> None:
    body = document["paths"]["/api/v1/dreams/analyze"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["example"]) == {"dream_text"}


def test_problem_types_are_defined_in_the_problem_table(document: Json) -> None:
    known = {problems.TYPE_PREFIX + problem.code for problem in problems.PROBLEMS.values()}
    known |= {problems.TYPE_PREFIX + each.code for each in problems.GENERAL}
    assert set(document["components"]["schemas"]["ProblemType"]["enum"]) == known
    found = set()
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            content = resolved(document, response).get("content", {}).get(problems.CONTENT_TYPE)
            if content:
                narrowed = content["schema"]["allOf"][1]["properties"]
                assert narrowed["status"] == {"type": "integer", "const": int(status)}
                found |= set(narrowed["type"]["enum"])
    assert found <= known
    assert problems.TYPE_PREFIX + "dream_not_found" in found


def test_links_refer_to_existing_operations_and_parameters(document: Json) -> None:
    by_id = {operation["operationId"]: operation for _, _, operation in operations(document)}
    links = [
        (link, by_id[link["operationId"]])
        for operation in by_id.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert {link["operationId"] for link, _ in links} >= {"getVideo", "getDream", "generateVideo"}
    for link, target in links:
        assert set(link.get("parameters", {})) <= {
            each["name"] for each in target.get("parameters", []) if "name" in each
        }


TEN = "x" * 10
BODIES: list[tuple[type[BaseModel], list[Json]]] = [
    (
        CombinedDreamVideoRequest,
        [
            {"dream_text": TEN},
            {"dream_text": "x" * 9},
            {"dream_text": " " * 10},
            {"dream_text": "\u2003x23456789\u3000 "},
            {"dream_text": "\u2003x2345678 0\u3000 "},
            {"dream_text": "\ufeffx2345678\ufeff"},
            {"dream_text": "\x1cx2345678\x1f"},
            {"dream_text": "\x1cx234567890\x1f"},
            {"dream_text": "\u2028x2345678\u2029"},
            {"dream_text": "\u0085" * 5 + "x" * 5},
            {"dream_text": "x" * 2000 + " " * 50},
            {"dream_text": "x" * 2001},
            {"dream_text": "\U0001f319" * 2000},
            {"dream_text": "line one\nline two\n"},
            {"dream_text": 1234567890},
            {"dream_text": None},
            {},
            {"dream_text": TEN, "extra": 1},
        ],
    ),
    (
        CombinedDreamVideoRequest,
        [
            {"dream_text": TEN, "duration": duration}
            for duration in (5, 10, 5.0, 7.0, 4, 11, 5.5, "5", True, None, -5, 1e300)
        ],
    ),
    (
        VideoGenerationRequest,
        [
            {"dream_id": dream_id}
            for dream_id in (UUID, UUID.upper(), UUID.replace("-", ""), UUID + "\n", f"{{{UUID}}}", "", None, 7)
        ],
    ),
    (
        PasswordChangeRequest,
        [
            {"current_password": "a", "new_password": password}
            for password in ("Moonlight7", "7moonlighT", "7 \n moonligH t", "moonlight7", "Moonlight", "Moonli7")
        ]
        + [
            {"current_password": "a", "new_password": password}
            for password in (" Moonlight7", "Moonlight7 ", "\u2003Moonlight7", "A" * 255 + "7", "A" * 256 + "7", 5)
        ],
    ),
    (
        ProfileUpdate,
        [
            {"username": username}
            for username in (
                "luna",
                " luna ",
                "a" * 30,
                "a" * 31,
                "李小龙",
                "Łuna 7",
                "ab",
                "a/b/c",
                "a\x07bc",
                "a\xadbc",
            )
        ],
    ),
    (DreamAnalysisRequest, [{"dream_text": TEN, "user_id": user_id} for user_id in (UUID, None, "me", 5)]),
]


@pytest.mark.parametrize(("model", "body"), [(model, body) for model, bodies in BODIES for body in bodies])
def test_schema_and_model_accept_the_same_bodies(document: Json, model: type[BaseModel], body: Json) -> None:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    is_valid = not [*validator(document, schema).iter_errors(body)]
    try:
        model.model_validate(body)
        is_accepted = True
    except ValidationError:
        is_accepted = False
    assert is_valid == is_accepted


def test_ids_are_converted_to_lower_case() -> None:
    assert VideoGenerationRequest(dream_id=UUID.upper()).dream_id == UUID


# ---------------------------------------------------------------- contradictions between functions


def operation(*answers: ResponseDoc, errors: tuple[str, ...] = (), key: str = "getIt", path: str = "/it") -> Operation:
    raw = {"tags": ["Health"], "summary": "It", "operationId": key, "responses": {}}
    return Operation("get", path, True, RouteDoc(answers or (ResponseDoc(HTTPStatus.NO_CONTENT),), errors), raw)


def test_different_models_with_the_same_name_raise() -> None:
    functions = [ApiFunction(name, [], {"Thing": {"type": kind}}) for name, kind in (("a", "object"), ("b", "string"))]
    with pytest.raises(OpenApiError, match="different model Thing"):
        _schemas(functions)


def test_operations_with_the_same_id_raise() -> None:
    with pytest.raises(OpenApiError, match="called getIt"):
        _paths([operation(), operation(path="/other")], Responses({}))


def test_error_missing_from_the_problem_table_raises() -> None:
    with pytest.raises(OpenApiError, match="NoSuchError"):
        Responses({}).operation(operation(errors=("NoSuchError",)))


def test_undocumented_header_raises() -> None:
    with pytest.raises(OpenApiError, match="X-Unknown"):
        Responses({}).operation(operation(ResponseDoc(HTTPStatus.OK, headers=("X-Unknown",))))
