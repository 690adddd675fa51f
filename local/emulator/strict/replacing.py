"""Replacing a function of the emulator."""

from collections.abc import Callable, Mapping
from typing import Any

type Function = Callable[..., Any]
type Request = Mapping[str, Any]
type Response = tuple[int, dict[str, str], bytes]
# A module of the emulator, which has no types.
type Service = Any


def replace(service: Service, name: str, wrapper: Callable[[Function], Function]) -> None:
    """Replace a function by what ``wrapper`` makes of it.

    Raises:
        AttributeError: the service has no such function.
    """
    setattr(service, name, wrapper(getattr(service, name)))
