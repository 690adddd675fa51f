"""Static analysis: the settings that a function reads.

Starts at the function's ``app.py`` and follows every name to its definition in the layers. Using a class includes its
methods except the class methods, which are included where they are called: settings are read in ``shared()``.
Annotations are not followed. A function that must not import the layers reads ``os.environ`` itself.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.conftest import REPOSITORY

_ROOTS = (REPOSITORY / "layers" / "dreamvision" / "python", REPOSITORY / "layers" / "api" / "python")
_READ = "from_environment"


class Symbol(NamedTuple):
    """A definition: the file, and the name in it (``Class.method`` for a class method)."""

    file: Path
    name: str


class Variable(NamedTuple):
    """An environment variable that a settings model reads."""

    name: str
    required: bool


class _Module(NamedTuple):
    body: list[ast.stmt]
    definitions: dict[str, ast.stmt]
    imports: dict[str, Symbol]


@cache
def variables_read_by(app: Path) -> frozenset[Variable]:
    """Return the variables of all settings models that the function in ``app`` reads."""
    found: set[Variable] = set()
    seen: set[Symbol] = set()
    waiting = [Symbol(app, name) for name in ("", *_module(app).definitions)]
    while waiting:
        symbol = waiting.pop()
        if symbol in seen:
            continue
        seen.add(symbol)
        if symbol.file == app:
            found |= set(_read_directly(symbol))
        for used in _used_by(symbol):
            if used.name.endswith(f".{_READ}"):
                found |= _fields(Symbol(used.file, used.name.removesuffix(f".{_READ}")))
            else:
                waiting.append(used)
    return frozenset(found)


@cache
def _module(file: Path) -> _Module:
    body = ast.parse(file.read_text()).body
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, Symbol] = {}
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            definitions[statement.name] = statement
    for node in (each for statement in body for each in ast.walk(statement)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if symbol := _located(node.module, alias.name):
                    imports[alias.asname or alias.name] = symbol
    return _Module(body, definitions, imports)


def _located(module: str, name: str) -> Symbol | None:
    """Return the symbol of ``from module import name`` (empty name: a module); ``None`` outside the layers."""
    for root in _ROOTS:
        as_module = root.joinpath(*module.split("."), name).with_suffix(".py")
        if as_module.is_file():
            return Symbol(as_module, "")
        file = root.joinpath(*module.split(".")).with_suffix(".py")
        if file.is_file():
            return Symbol(file, name)
    return None


def _used_by(symbol: Symbol) -> Iterator[Symbol]:
    module = _module(symbol.file)
    owner, _, method = symbol.name.partition(".")
    if symbol.name:
        yield Symbol(symbol.file, "")
    if method:
        yield Symbol(symbol.file, owner)
    for node in _code(module, owner, method):
        if isinstance(node, ast.Name) and (target := _resolve(symbol.file, node.id)):
            yield target
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target = _resolve(symbol.file, node.value.id)
            if target:
                yield Symbol(target.file, f"{target.name}.{node.attr}" if target.name else node.attr)


def _read_directly(symbol: Symbol) -> Iterator[Variable]:
    """Yield the variables of ``os.environ.get("NAME")`` and ``os.environ["NAME"]``."""
    owner, _, method = symbol.name.partition(".")
    for node in _code(_module(symbol.file), owner, method):
        match node:
            case ast.Call(func=ast.Attribute(value=environ, attr="get"), args=[ast.Constant(value=str(name)), *_]):
                if ast.unparse(environ) == "os.environ":
                    yield Variable(name, required=False)
            case ast.Subscript(value=environ, slice=ast.Constant(value=str(name))):
                if ast.unparse(environ) == "os.environ":
                    yield Variable(name, required=True)


def _resolve(file: Path, name: str) -> Symbol | None:
    module = _module(file)
    return Symbol(file, name) if name in module.definitions else module.imports.get(name)


def _code(module: _Module, owner: str, method: str) -> Iterator[ast.AST]:
    """Yield the nodes of a module's own statements, of a definition or of a class method, without annotations."""
    if not owner:
        statements = [each for each in module.body if not isinstance(each, ast.FunctionDef | ast.ClassDef)]
    elif method:
        statements = [each for each in _methods(module, owner) if getattr(each, "name", "") == method]
    else:
        statements = [module.definitions[owner]] if owner in module.definitions else []
    for statement in statements:
        yield from _walk(statement, keep_class_methods=bool(method))


def _methods(module: _Module, owner: str) -> list[ast.stmt]:
    definition = module.definitions.get(owner)
    return definition.body if isinstance(definition, ast.ClassDef) else []


def _walk(node: ast.AST, *, keep_class_methods: bool) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and (keep_class_methods or not _is_class_method(child)):
                yield from _walk(child, keep_class_methods=keep_class_methods)


def _is_class_method(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(decorator, ast.Name) and decorator.id == "classmethod" for decorator in node.decorator_list
    )


def _fields(settings: Symbol) -> set[Variable]:
    """Return the variables of a settings model and of its bases."""
    definition = _module(settings.file).definitions.get(settings.name)
    if not isinstance(definition, ast.ClassDef):
        return set()
    own = {
        Variable(each.target.id.upper(), each.value is None)
        for each in definition.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    bases = [_resolve(settings.file, base.id) for base in definition.bases if isinstance(base, ast.Name)]
    return own.union(*(_fields(base) for base in bases if base))
