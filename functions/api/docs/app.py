"""``/api/v1/docs``, ``/api/v1/redoc``, ``/api/v1/openapi.json``: the API documentation, without third-party assets."""

import re
from functools import cache
from http import HTTPStatus
from pathlib import Path

import aws_lambda_powertools
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.route_docs import ResponseDoc, document
from dreamvision_api.static_files import StaticFile, file_response

_ASSETS_PATH = "/api/v1/docs/assets"
_TAGS = ["Documentation"]
_ASSETS_FOLDER = Path(__file__).parent / "assets"
# Powertools ships Swagger UI, to inline it into a page of its own.
_SWAGGER_FOLDER = Path(aws_lambda_powertools.__file__).parent / "event_handler" / "openapi" / "swagger_ui"
_ASSETS = {
    "swagger-ui-bundle.min.js": _SWAGGER_FOLDER,
    "swagger-ui.min.css": _SWAGGER_FOLDER,
    "swagger-init.js": _ASSETS_FOLDER,
    "messages.js": _ASSETS_FOLDER,
    "messages.css": _ASSETS_FOLDER,
    "asyncapi.json": _ASSETS_FOLDER,
    "redoc.standalone.js": _ASSETS_FOLDER,
    "redoc-init.js": _ASSETS_FOLDER,
    "redoc.css": _ASSETS_FOLDER,
}
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
# Digests of the inline styles that ReDoc adds to the page: an empty style element, which its script fills rule by rule,
# and the styles of its scroll bars. Digests, as 'unsafe-inline' would allow any style.
_REDOC_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
)


def _content_security_policy(*styles: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            " ".join(("style-src 'self'", *styles)),
            "img-src 'self' data:",
            "connect-src 'self'",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


_HEADERS = ("ETag", "Cache-Control", "Content-Encoding")
_NOT_MODIFIED = ResponseDoc(HTTPStatus.NOT_MODIFIED, headers=("ETag", "Cache-Control"))
_HTML = ResponseDoc(HTTPStatus.OK, content_type="text/html", headers=_HEADERS)
_JSON = ResponseDoc(HTTPStatus.OK, content_type="application/json", headers=_HEADERS)

api = Api(
    public=frozenset(
        {"GET /api/v1/openapi.json", "GET /api/v1/docs", "GET /api/v1/redoc", f"GET {_ASSETS_PATH}/{{file_name}}"}
    )
)


@api.routes.get(
    "/api/v1/openapi.json",
    summary="Get the OpenAPI document",
    description="The OpenAPI 3.1 document of this API, for tools and client generators.",
    tags=_TAGS,
    enable_validation=False,
)
@document(_JSON, _NOT_MODIFIED, request_headers=("If-None-Match",))
def get_openapi_document() -> Response[str]:
    return _file_response(_file("openapi.json", _ASSETS_FOLDER), _REVALIDATE)


@api.routes.get(
    "/api/v1/docs",
    summary="Open Swagger UI",
    description="An interactive reference that can send requests: *Authorize* takes an `access_token`. Below it are the"
    " messages of the WebSocket API, with their AsyncAPI document.",
    tags=_TAGS,
    enable_validation=False,
)
@document(_HTML, _NOT_MODIFIED, request_headers=("If-None-Match",))
def get_docs_page() -> Response[str]:
    return _file_response(_page("swagger.html"), _REVALIDATE)


@api.routes.get(
    "/api/v1/redoc",
    summary="Open ReDoc",
    description="A searchable reference.",
    tags=_TAGS,
    enable_validation=False,
)
@document(_HTML, _NOT_MODIFIED, request_headers=("If-None-Match",))
def get_redoc_page() -> Response[str]:
    return _file_response(_page("redoc.html"), _REVALIDATE, _content_security_policy(*_REDOC_STYLES))


@api.routes.get(f"{_ASSETS_PATH}/<file_name>", include_in_schema=False, enable_validation=False)
def get_asset(file_name: str) -> Response[str]:
    stem, _, suffix = file_name.rpartition(".")
    name = f"{stem.rpartition('.')[0]}.{suffix}"
    if name not in _ASSETS or (asset := _file(name, _ASSETS[name])).hashed_name != file_name:
        raise NotFoundError
    return _file_response(asset, _IMMUTABLE)


@cache
def _file(name: str, folder: Path) -> StaticFile:
    return StaticFile(name, (folder / name).read_bytes())


@cache
def _page(name: str) -> StaticFile:
    """Return a page with the URLs of its assets filled in."""

    def url(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        return f"{_ASSETS_PATH}/{_file(name, _ASSETS[name]).hashed_name}"

    text = (_ASSETS_FOLDER / name).read_text(encoding="utf-8")
    return StaticFile(name, re.sub(r"\{\{([\w.-]+)\}\}", url, text).encode())


def _file_response(file: StaticFile, cache_control: str, csp: str = _content_security_policy()) -> Response[str]:
    return file_response(
        file,
        accept_encoding=api.header("accept-encoding"),
        headers={
            "Cache-Control": cache_control,
            "Content-Security-Policy": csp,
            "Referrer-Policy": "no-referrer",
        },
    )


handler = lambda_handler(api)
