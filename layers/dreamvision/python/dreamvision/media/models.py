"""Results of media processing."""

from typing import NamedTuple


class ReencodedImage(NamedTuple):
    """An image re-encoded from its pixels; sizes in pixels."""

    data: bytes
    width: int
    height: int
