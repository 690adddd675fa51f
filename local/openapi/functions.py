"""The API's functions: the routes in template.yaml, and the routes of each function's resolver."""

import importlib.util
import inspect
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler.api_gateway import Route

from dreamvision_api.api import Api
from dreamvision_api.route_docs import RouteDoc, route_doc
from local.cloudformation_yaml import load_template
from local.settings import REPOSITORY


class OpenApiError(Exception):
    """The document cannot be generated. The message describes the inconsistency and its location."""


class Operation(NamedTuple):
    """A documented route. ``raw`` is the operation object that Powertools generates."""

    method: str
    path: str
    public: bool
    notes: RouteDoc
    raw: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.method.upper()} {self.path}"


class ApiFunction(NamedTuple):
    """A function's operations in source order, and the schemas that they use."""

    name: str
    operations: list[Operation]
    schemas: Mapping[str, Any]


class _Wiring(NamedTuple):
    folder: str
    routes: Mapping[str, bool]  # route key -> whether it is public


def api_functions() -> Iterator[ApiFunction]:
    """Return every function of the template that has HTTP API routes.

    Raises:
        OpenApiError: template and code disagree on a route, or on whether it is public.
    """
    template = load_template((REPOSITORY / "template.yaml").read_text())
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function" and (wiring := _wiring(resource["Properties"])):
            yield _described(name, wiring)


def _wiring(properties: Mapping[str, Any]) -> _Wiring | None:
    events = [event["Properties"] for event in properties.get("Events", {}).values() if event["Type"] == "HttpApi"]
    if not events:
        return None
    routes = {
        f"{event['Method'].upper()} {event['Path']}": event.get("Auth", {}).get("Authorizer") == "NONE"
        for event in events
    }
    return _Wiring(properties["CodeUri"].rstrip("/"), routes)


def _described(name: str, wiring: _Wiring) -> ApiFunction:
    api = _load(wiring.folder)
    routes = {f"{route.method} {route.openapi_path}": route for route in _routes(api)}
    if different := wiring.routes.keys() ^ routes.keys():
        raise OpenApiError(f"{name}: only in the template or only in the code: {sorted(different)}")
    for key, public in wiring.routes.items():
        if public != (key in api.public):
            raise OpenApiError(f"{name}: template and code disagree on whether {key} is public")
    _set_operation_ids(routes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema = api.routes.get_openapi_schema(title=name, version="0")
    document: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    operations = [
        _operation(key, route, wiring.routes[key], document)
        for key, route in sorted(routes.items(), key=lambda item: _line(item[1]))
        if route.include_in_schema
    ]
    return ApiFunction(name, operations, document["components"].get("schemas", {}))


def _operation(key: str, route: Route, public: bool, document: Mapping[str, Any]) -> Operation:
    method, path = key.split(" ", 1)
    raw = document["paths"][path][method.lower()]
    return Operation(method.lower(), path, public, route_doc(route.func), raw)


def _load(folder: str) -> Api:
    """Load ``app.py`` under a unique module name, since every function's module is called ``app``."""
    name = f"documented_{folder.removeprefix('functions/').replace('/', '_')}_app"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, REPOSITORY / folder / "app.py")
        if spec is None or spec.loader is None:
            raise OpenApiError(f"{folder}/app.py cannot be loaded")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    api: Api = sys.modules[name].api
    return api


def _routes(api: Api) -> list[Route]:
    # Powertools has no public list of a resolver's routes.
    return [*api.routes._static_routes, *api.routes._dynamic_routes]


def _set_operation_ids(routes: Mapping[str, Route]) -> None:
    """Set the operation ids, from which clients derive method names, to the functions' names in camel case.

    An id that a route specifies is kept.
    """
    for route in routes.values():
        if route.operation_id == route._generate_operation_id():
            words = inspect.unwrap(route.func).__name__.split("_")
            route.operation_id = words[0] + "".join(word.capitalize() for word in words[1:])
        if not re.fullmatch(r"[a-z][A-Za-z0-9]*", route.operation_id):
            raise OpenApiError(f"{route.operation_id} is not a valid method name for clients")


def _line(route: Route) -> int:
    return int(inspect.unwrap(route.func).__code__.co_firstlineno)
