"""``/api/v1/docs``, ``/api/v1/redoc``, ``/api/v1/openapi.json``: the API described, with nothing from another host."""

import re
from functools import cache
from http import HTTPStatus
from pathlib import Path

import aws_lambda_powertools
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.route_docs import ResponseDoc, documented
from dreamvision_api.static_files import File, file_response

_ASSETS_PATH = "/api/v1/docs/assets"
_TAGS = ["Documentation"]
_OURS = Path(__file__).parent / "assets"
# Powertools brings Swagger UI along, for a page of its own that has its scripts inside.
_SWAGGER = Path(aws_lambda_powertools.__file__).parent / "event_handler" / "openapi" / "swagger_ui"
_ASSETS = {
    "swagger-ui-bundle.min.js": _SWAGGER,
    "swagger-ui.min.css": _SWAGGER,
    "swagger-init.js": _OURS,
    "redoc.standalone.js": _OURS,
    "redoc-init.js": _OURS,
    "redoc.css": _OURS,
}
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EVERY_TIME = "no-cache"
# What ReDoc puts into the page itself: an empty style element, which its code fills rule by rule, and the styles of its
# scroll bars. Each by its digest, so that nothing else gets in.
_REDOC_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
)


def _security_policy(*styles: str) -> str:
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


_SENT = ("ETag", "Cache-Control", "Content-Encoding")
_NOT_MODIFIED = ResponseDoc(HTTPStatus.NOT_MODIFIED, headers=("ETag", "Cache-Control"))
_HTML = ResponseDoc(HTTPStatus.OK, content_type="text/html", headers=_SENT)
_JSON = ResponseDoc(HTTPStatus.OK, content_type="application/json", headers=_SENT)

api = Api(
    public=frozenset(
        {"GET /api/v1/openapi.json", "GET /api/v1/docs", "GET /api/v1/redoc", f"GET {_ASSETS_PATH}/{{file_name}}"}
    )
)


@api.routes.get(
    "/api/v1/openapi.json",
    summary="The OpenAPI document",
    description="This description of all routes, as OpenAPI 3.1, for tools and for generators of clients.",
    tags=_TAGS,
    enable_validation=False,
)
@documented(_JSON, _NOT_MODIFIED, reads=("If-None-Match",))
def get_openapi_document() -> Response[str]:
    return _answer(_file("openapi.json", _OURS), _ASK_EVERY_TIME)


@api.routes.get(
    "/api/v1/docs",
    summary="The API to read and to try (Swagger UI)",
    description="A page that sends requests as well: *Authorize* takes an `access_token`.",
    tags=_TAGS,
    enable_validation=False,
)
@documented(_HTML, _NOT_MODIFIED, reads=("If-None-Match",))
def get_docs_page() -> Response[str]:
    return _answer(_page("swagger.html"), _ASK_EVERY_TIME)


@api.routes.get(
    "/api/v1/redoc",
    summary="The API to read (ReDoc)",
    description="A page to read and to search in.",
    tags=_TAGS,
    enable_validation=False,
)
@documented(_HTML, _NOT_MODIFIED, reads=("If-None-Match",))
def get_redoc_page() -> Response[str]:
    return _answer(_page("redoc.html"), _ASK_EVERY_TIME, _security_policy(*_REDOC_STYLES))


@api.routes.get(f"{_ASSETS_PATH}/<file_name>", include_in_schema=False, enable_validation=False)
def get_asset(file_name: str) -> Response[str]:
    stem, _, suffix = file_name.rpartition(".")
    name = f"{stem.rpartition('.')[0]}.{suffix}"
    if name not in _ASSETS or (asset := _file(name, _ASSETS[name])).address != file_name:
        raise NotFoundError
    return _answer(asset, _FOR_EVER)


@cache
def _file(name: str, folder: Path) -> File:
    return File(name, (folder / name).read_bytes())


@cache
def _page(name: str) -> File:
    """A page, with the addresses of its assets filled in."""

    def address(found: re.Match[str]) -> str:
        return f"{_ASSETS_PATH}/{_file(found[1], _ASSETS[found[1]]).address}"

    text = (_OURS / name).read_text(encoding="utf-8")
    return File(name, re.sub(r"\{\{([\w.-]+)\}\}", address, text).encode())


def _answer(file: File, caching: str, security_policy: str = _security_policy()) -> Response[str]:
    return file_response(
        file,
        accept_encoding=api.header("accept-encoding"),
        headers={
            "Cache-Control": caching,
            "Content-Security-Policy": security_policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


handler = lambda_handler(api)
