"""The problem table, compared with the existing errors."""

import importlib
import pkgutil
from collections.abc import Iterator

import dreamvision
from dreamvision.core.errors import DreamVisionError
from dreamvision_api.problems import PROBLEMS


def _all_modules() -> None:
    for module in pkgutil.walk_packages(dreamvision.__path__, "dreamvision."):
        importlib.import_module(module.name)
    importlib.import_module("dreamvision_api.api")


def _errors(root: type[DreamVisionError]) -> Iterator[type[DreamVisionError]]:
    for error in root.__subclasses__():
        yield error
        yield from _errors(error)


def test_the_table_names_errors_that_exist() -> None:
    _all_modules()
    names = {error.__name__ for error in _errors(DreamVisionError)} | {"DreamVisionError"}
    assert set(PROBLEMS) <= names, set(PROBLEMS) - names


def test_every_error_has_a_user_message_and_is_named_as_one() -> None:
    _all_modules()
    for error in _errors(DreamVisionError):
        assert error.user_message.endswith((".", "?", "!")), error.__name__
        assert error.__name__.endswith("Error"), error.__name__
