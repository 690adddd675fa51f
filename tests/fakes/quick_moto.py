"""What botocore and moto compute again for every session, request or part of an expression, computed once.

Most of the integration tests' processor time is spent in these two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session
import botocore.useragent
import moto.core.responses
import pytest
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.parsing import ast_nodes
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser  # type: ignore[attr-defined]
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator


@contextmanager
def quick_moto() -> Iterator[None]:
    """Let moto answer as before, in less time."""
    with pytest.MonkeyPatch.context() as patch:
        for module, function in (
            # Every test creates a session, whose cost is mostly reading the JSON of service models.
            (botocore.session, "create_loader"),
            # Every request describes the same interpreter and libraries.
            (botocore.useragent, "sanitize_user_agent_string_component"),
            # The actions of a service, of which every request looks up one.
            (moto.core.responses, "method_names_from_class"),
        ):
            patch.setattr(module, function, cache(getattr(module, function)))
        patch.setattr(ResponseSerializer, "get_value", _attributes_by_their_names(ResponseSerializer.get_value))
        _make_expressions_quick(patch)
        yield


def _attributes_by_their_names(by_any_spelling: Any) -> Any:
    """Read an attribute's value by the name of its type: moto tries several spellings of each of ten types."""

    def get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
        if isinstance(value, dict) and shape.parent.name == "AttributeValue":
            return value.get(key)
        return by_any_spelling(serializer, value, key, shape)

    return get_value


def _make_expressions_quick(patch: pytest.MonkeyPatch) -> None:
    """Look up the classes of nodes once: they are abstract base classes, whose ``isinstance`` is slow."""
    is_kind: Any = cache(issubclass)
    patch.setattr(ast_nodes, "isinstance", lambda node, kinds: is_kind(type(node), kinds), raising=False)
    look_up = DepthFirstTraverser.nodes_to_be_processed
    processed: dict[type, tuple[type, ...]] = {}

    def nodes_to_be_processed(traverser: object) -> tuple[type, ...]:
        kind = type(traverser)
        if kind not in processed:
            processed[kind] = look_up(traverser)
        return processed[kind]

    patch.setattr(DepthFirstTraverser, "nodes_to_be_processed", nodes_to_be_processed)
    # What these two refuse in a part, they refuse in the whole expression, too.
    for validator in (ActionCountValidator, OverlappingPathsValidator):
        patch.setattr(validator, "traverse", validator.process)
