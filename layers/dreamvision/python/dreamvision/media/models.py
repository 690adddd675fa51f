"""Results of media processing."""

from typing import NamedTuple


class ReencodedImage(NamedTuple):
    """A picture made anew from its pixels; sizes in pixels."""

    data: bytes
    width: int
    height: int
