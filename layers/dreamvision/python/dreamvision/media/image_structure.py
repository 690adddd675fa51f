"""Validate the structure of a JPEG or PNG before it is decoded: complete, well-formed, and nothing but an image.

Decoders are lenient: they accept an image that is followed by a program, or that has a web page in a comment. Such a
file is a polyglot: what it is depends on the program that opens it.
"""

import zlib
from collections.abc import Iterator

from dreamvision.media.errors import ImageMalformedError, PolyglotImageError
from dreamvision.schemas.uploads import ImageType

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunk types that hold the image itself; every other chunk may carry text or files.
_PNG_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"fdAT", b"IEND"})
_PNG_MAX_CHUNKS = 20_000  # libpng writes IDAT chunks of 8 kB; 5 MB are 640 of those

# JPEG markers (ITU-T T.81, table B.1).
_SOI, _EOI, _SOS, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_SUPPORTED_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive: what viewers decode
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})  # TEM and the restart markers have no length
_APPLICATION_SEGMENTS = range(0xE0, 0xF0)
_JPEG_MAX_SCANS = 64  # a progressive image has about ten; thousands of empty ones keep a decoder busy for minutes

# Signatures of other file types that are recognized away from the start of a file. Searched where text and files could
# hide, never in pixel data; binary signatures have at least four bytes, which makes chance matches unlikely.
_FOREIGN_TEXT = (b"<html", b"<!doctype", b"<script", b"<svg ", b"<?php", b"%pdf-", b"%!ps-", b"#!/bin/", b"#!/usr/")
_FOREIGN_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")


def check_structure(data: bytes, content_type: ImageType) -> None:
    """Check that the file is a complete image of this type and contains nothing else.

    Raises:
        ImageMalformedError: the file is broken or of another type.
        PolyglotImageError: the file contains other content.
    """
    parts = _jpeg_segments(data) if content_type is ImageType.JPEG else _png_chunks(data)
    for part in parts:
        lowered = part.lower()
        if any(text in lowered for text in _FOREIGN_TEXT) or any(magic in part for magic in _FOREIGN_MAGIC):
            raise PolyglotImageError


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """Yield the chunks other than pixels (PNG, third edition, section 5): complete, valid checksum, IEND last."""
    if not data.startswith(_PNG_SIGNATURE):
        raise ImageMalformedError
    position, kind = len(_PNG_SIGNATURE), b""
    for number in range(_PNG_MAX_CHUNKS):
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        end = position + 8 + length
        if end + 4 > len(data) or (number == 0) is not (kind == b"IHDR"):
            raise ImageMalformedError
        if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ImageMalformedError
        if kind not in _PNG_PIXEL_CHUNKS:
            yield data[position + 8 : end]
        position = end + 4
        if kind == b"IEND":
            if position != len(data) or length:
                raise PolyglotImageError
            return
    raise ImageMalformedError


def _jpeg_segments(data: bytes) -> Iterator[bytes]:
    """Yield the segments other than pixels (ITU-T T.81, annex B): each complete, one frame, EOI last."""
    if not data.startswith(b"\xff\xd8\xff"):
        raise ImageMalformedError
    position, frames, scans = 2, 0, 0
    while True:
        marker, position = _next_marker(data, position)
        if marker == _EOI:
            break
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2])
        if marker == _SOI or length < 2 or position + length > len(data):
            raise ImageMalformedError
        if marker in _FRAMES:
            frames += 1
            if marker not in _SUPPORTED_FRAMES or frames > 1:
                raise ImageMalformedError
        if marker in _APPLICATION_SEGMENTS or marker == _COMMENT:
            yield data[position + 2 : position + length]
        position += length
        if marker == _SOS:
            scans += 1
            if scans > _JPEG_MAX_SCANS:
                raise ImageMalformedError
            position = _end_of_scan(data, position)
    if not frames or not scans:
        raise ImageMalformedError
    if position != len(data):
        raise PolyglotImageError


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Return the marker at the position and the position after it. Any number of 0xFF may precede a marker."""
    if data[position : position + 1] != b"\xff":
        raise ImageMalformedError
    while data[position : position + 1] == b"\xff":
        position += 1
    if position >= len(data) or data[position] == 0:
        raise ImageMalformedError
    return data[position], position + 1


def _end_of_scan(data: bytes, position: int) -> int:
    """Return the end of the entropy-coded data: the first marker that is neither a stuffed zero nor a restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise ImageMalformedError
        following = data[position + 1]
        if following == 0xFF:
            position += 1
        elif following == 0 or following in _WITHOUT_LENGTH:
            position += 2
        else:
            return position
