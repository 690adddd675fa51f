"""Text compression: the shortest of three encodings, since DynamoDB charges for every kilobyte written.

A text that no encoding shortens is stored unchanged. Encoded texts are binary, with the encoding's number in the first
byte. Deflate is best for alphabetic scripts (half the size), LZMA over UTF-32 code units for long texts of many
different characters, and UTF-16 limits any text of the Basic Multilingual Plane to two bytes per character.
"""

import lzma
import zlib
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple, SupportsBytes

from pydantic import BeforeValidator

_UTF16, _UTF32 = "utf-16-be", "utf-32-be"
# LZMA's settings for data in units of four bytes; the dictionary is larger than any stored text.
_LZMA: Final = [{"id": lzma.FILTER_LZMA1, "lc": 2, "lp": 2, "pb": 2, "dict_size": 1 << 16}]
_RAW_DEFLATE = -15


class _Encoding(NamedTuple):
    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str]


# By first byte, which is stored in rows: never renumber.
_ENCODINGS: Final = {
    0: _Encoding(
        lambda text: zlib.compress(text.encode(), 9, _RAW_DEFLATE),
        lambda data: zlib.decompress(data, _RAW_DEFLATE).decode(),
    ),
    1: _Encoding(
        lambda text: lzma.compress(text.encode(_UTF32), lzma.FORMAT_RAW, filters=_LZMA),
        lambda data: lzma.decompress(data, lzma.FORMAT_RAW, filters=_LZMA).decode(_UTF32),
    ),
    2: _Encoding(lambda text: text.encode(_UTF16), lambda data: data.decode(_UTF16)),
}


def compress(text: str) -> str | bytes:
    """Return the text in its shortest encoding, or unchanged if none is shorter."""
    candidates = [bytes([number]) + encoding.encode(text) for number, encoding in _ENCODINGS.items()]
    shortest = min(candidates, key=len)
    return shortest if len(shortest) < len(text.encode()) else text


def decompress(value: str | SupportsBytes | None) -> str | None:
    """Return the original text. ``None`` and uncompressed text are returned unchanged."""
    if value is None or isinstance(value, str):
        return value
    data = bytes(value)  # boto3 returns its own Binary type
    return _ENCODINGS[data[0]].decode(data[1:])


CompressedText = Annotated[str, BeforeValidator(decompress)]
"""A text attribute of a row; decompressed when the row is validated."""
