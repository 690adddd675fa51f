"""Texts as they are kept: in the shortest of three forms, since DynamoDB charges for every kilobyte that is written.

A text that no form makes shorter is kept as it is. The others are binary, with the form in their first byte. Deflate is
best for what an alphabet writes (half of its size); LZMA over whole characters for long texts of many different ones;
and UTF-16 bounds whatever the Basic Multilingual Plane can write to two bytes a character.
"""

import lzma
import zlib
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple, SupportsBytes

from pydantic import BeforeValidator

_UTF16, _UTF32 = "utf-16-be", "utf-32-be"
# The settings are LZMA's for data in units of four bytes; the dictionary holds any text that we keep.
_LZMA: Final = [{"id": lzma.FILTER_LZMA1, "lc": 2, "lp": 2, "pb": 2, "dict_size": 1 << 16}]
_RAW_DEFLATE = -15


class _Form(NamedTuple):
    pack: Callable[[str], bytes]
    unpack: Callable[[bytes], str]


# By the first byte, which stands in every row: never renumber.
_FORMS: Final = {
    0: _Form(
        lambda text: zlib.compress(text.encode(), 9, _RAW_DEFLATE),
        lambda data: zlib.decompress(data, _RAW_DEFLATE).decode(),
    ),
    1: _Form(
        lambda text: lzma.compress(text.encode(_UTF32), lzma.FORMAT_RAW, filters=_LZMA),
        lambda data: lzma.decompress(data, lzma.FORMAT_RAW, filters=_LZMA).decode(_UTF32),
    ),
    2: _Form(lambda text: text.encode(_UTF16), lambda data: data.decode(_UTF16)),
}


def compress(text: str) -> str | bytes:
    """The text in its shortest form."""
    forms = [bytes([number]) + form.pack(text) for number, form in _FORMS.items()]
    shortest = min(forms, key=len)
    return shortest if len(shortest) < len(text.encode()) else text


def decompress(value: str | SupportsBytes | None) -> str | None:
    """The text again. What is no packed text (nothing at all, for example) stays as it is."""
    if value is None or isinstance(value, str):
        return value
    data = bytes(value)  # boto3 gives an object of its own
    return _FORMS[data[0]].unpack(data[1:])


CompressedText = Annotated[str, BeforeValidator(decompress)]
"""A text in a row."""
