"""Images as users upload them: valid ones with camera metadata, and files that only look like images."""

import io
import zlib
from collections.abc import Mapping

from PIL import Image
from PIL.PngImagePlugin import PngInfo

CAMERA = "SECRETCAM 9000"
PLACE = (51.0, 28.0, 38.0)  # degrees, minutes, seconds
COMMENT = "a private comment"
_ORIENTATION, _MAKE, _GPS = 0x0112, 0x010F, 0x8825


def exif(orientation: int = 1) -> Image.Exif:
    """Return Exif with camera, orientation and location."""
    notes = Image.Exif()
    notes[_MAKE] = CAMERA
    notes[_ORIENTATION] = orientation
    notes.get_ifd(_GPS).update({1: "N", 2: PLACE, 3: "W", 4: PLACE})
    return notes


def halves(size: tuple[int, int] = (320, 200), mode: str = "RGB") -> Image.Image:
    """Return an image whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, (200, 20, 20))
    image.paste((20, 20, 200), (size[0] // 2, 0, size[0], size[1]))
    return image.convert(mode)


def jpeg(image: Image.Image | None = None, *, orientation: int = 1, progressive: bool = False) -> bytes:
    """Return a JPEG with Exif, a color profile and a comment."""
    buffer = io.BytesIO()
    (image or halves()).save(
        buffer, "JPEG", quality=95, progressive=progressive, exif=exif(orientation), comment=COMMENT.encode(),
        icc_profile=b"a profile " * 20,
    )  # fmt: skip
    return buffer.getvalue()


def png(image: Image.Image | None = None, *, orientation: int = 1) -> bytes:
    """Return a PNG with Exif and text chunks."""
    text = PngInfo()
    text.add_text("Author", COMMENT)
    text.add_itxt("Comment", COMMENT, zip=True)
    buffer = io.BytesIO()
    (image or halves()).save(buffer, "PNG", pnginfo=text, exif=exif(orientation))
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def segment(marker: int, data: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """Return the PNG with a further chunk after its header."""
    return data[:33] + chunk(kind, content) + data[33:]


def with_segment(data: bytes, marker: int, content: bytes) -> bytes:
    """Return the JPEG with a further segment after its start."""
    return data[:2] + segment(marker, content) + data[2:]


def png_of_size(width: int, height: int) -> bytes:
    """Return a PNG with a header of this size and almost no pixel data."""
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """Return a JPEG whose frame header has another size."""
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = height.to_bytes(2) + width.to_bytes(2)
    return bytes(data)


def found_in(data: bytes) -> Mapping[str, object]:
    """Return all metadata of an image."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        found: dict[str, object] = {str(name): value for name, value in image.info.items()}
        return found | {f"exif {tag}": value for tag, value in image.getexif().items()}
