"""Re-encode an uploaded image from its pixels, after a check of its structure and a full decode.

The result keeps nothing of the upload but the visible image: no Exif (place, time, device), no comments, no color
profile, no hidden bytes. The only module that imports Pillow: only the upload trigger may import this one.
"""

import io
import struct
import warnings
import zlib

from PIL import Image

from dreamvision.media.errors import ImageDimensionsError, ImageMalformedError
from dreamvision.media.image_structure import check_structure
from dreamvision.media.models import ReencodedImage
from dreamvision.schemas.uploads import ImageType

MIN_SIDE = 64  # pixels
MAX_SIDE = 8192
MAX_PIXELS = 40_000_000  # 160 MB decoded, 400 MB at the peak: the function's memory is sized for this

_FORMATS = {ImageType.JPEG: "JPEG", ImageType.PNG: "PNG"}
_OUTPUT_SIDE = 1280  # pixels of the longer side, as for thumbnails of videos
_OUTPUT_PIXELS = 1_200_000  # at 4 bytes each, even noise with transparency stays below 5 MB
_JPEG_QUALITY = 88

_ORIENTATION = 0x0112  # Exif 2.32, table 4: orientation of the camera
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's image and metadata readers raise for broken files.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    ArithmeticError,
    LookupError,
    struct.error,
    zlib.error,
)

# Pillow's own check of the declared size, before it allocates memory: a warning above this, an error above twice this.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def reencode_image(data: bytes, content_type: ImageType) -> ReencodedImage:
    """Return the image re-encoded: upright, at most 1280 pixels long and 1.2 megapixels, without metadata.

    Raises:
        ImageMalformedError: the file is not a complete and valid image of this type.
        PolyglotImageError: the file contains other content.
        ImageDimensionsError: the image is too small or too large.
    """
    check_structure(data, content_type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about broken metadata, which is dropped anyway
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # One decoder only; by default Pillow tries all of its forty.
            with Image.open(io.BytesIO(data), formats=[_FORMATS[content_type]]) as source:
                _check_size(source.size)
                image = _normalize(source, content_type)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise ImageDimensionsError from None
        except _DECODER_ERRORS:
            raise ImageMalformedError from None
    return ReencodedImage(_encode(image, content_type), image.width, image.height)


def _check_size(size: tuple[int, int]) -> None:
    if min(size) < MIN_SIDE or max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise ImageDimensionsError


def _normalize(source: Image.Image, content_type: ImageType) -> Image.Image:
    """Decode the whole image, scale it down (never up) and rotate it upright."""
    target = _fit(source.size)
    source.draft(None, target)  # decodes a JPEG at a half, a quarter or an eighth of its size, which saves memory
    source.load()
    orientation = source.getexif().get(_ORIENTATION)
    mode = "RGBA" if content_type is ImageType.PNG and source.has_transparency_data else "RGB"
    image = _convert(source, mode)
    image.thumbnail(target)
    transpose = _TO_UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image.transpose(transpose) if transpose is not None else image


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Convert to plain colors, since palettes, 16 bits and CMYK do not scale well."""
    if image.mode == mode:
        return image
    if image.mode == "I;16":  # convert() would clip grays at 255 instead of scaling them
        image = image.point(lambda value: value * (1 / 256))
    return image.convert(mode)


def _fit(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, _OUTPUT_SIDE / max(size), (_OUTPUT_PIXELS / (size[0] * size[1])) ** 0.5)
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _encode(image: Image.Image, content_type: ImageType) -> bytes:
    buffer = io.BytesIO()
    pixels = Image.frombytes(image.mode, image.size, image.tobytes())  # the pixels without the metadata
    if content_type is ImageType.JPEG:
        pixels.save(buffer, "JPEG", quality=_JPEG_QUALITY, progressive=True)
    else:
        pixels.save(buffer, "PNG")
    return buffer.getvalue()
