"""Makes a harmless picture of an uploaded one: checked from end to end, decoded, and encoded anew from its pixels.

What is stored has nothing of the upload but what one sees: no Exif (place, time, device), no comments, no colour
profile, no hidden bytes. The only module that imports Pillow: nothing but the upload trigger may import this one.
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
MAX_PIXELS = 40_000_000  # 160 MB decoded, 400 MB at the peak: what the function's memory is made for

_FORMATS = {ImageType.JPEG: "JPEG", ImageType.PNG: "PNG"}
_SHOWN_SIDE = 1280  # pixels of the longer side, as for pictures cut from a video
_SHOWN_PIXELS = 1_200_000  # even noise with transparency stays below 5 MB: 4 bytes each
_JPEG_QUALITY = 88

_ORIENTATION = 0x0112  # Exif 2.32, table 4: how the camera was held
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's readers of pictures and of their notes raise for broken ones.
_BROKEN = (
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

# Pillow's own check of the announced size, before it allocates anything: a warning above, an error above twice as much.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def reencode_image(data: bytes, content_type: ImageType) -> ReencodedImage:
    """The picture anew, upright, at most 1280 pixels long and 1.2 megapixels, without any metadata.

    Raises ImageMalformedError, PolyglotImageError, ImageDimensionsError.
    """
    check_structure(data, content_type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks about broken notes, which are thrown away anyhow
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # Only the one decoder: Pillow would try its forty others as well.
            with Image.open(io.BytesIO(data), formats=[_FORMATS[content_type]]) as picture:
                _check_size(picture.size)
                shown = _shown(picture, content_type)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise ImageDimensionsError from None
        except _BROKEN:
            raise ImageMalformedError from None
    return ReencodedImage(_encoded(shown, content_type), shown.width, shown.height)


def _check_size(size: tuple[int, int]) -> None:
    if min(size) < MIN_SIDE or max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise ImageDimensionsError


def _shown(picture: Image.Image, content_type: ImageType) -> Image.Image:
    """Decodes the whole picture, scales it down (never up) and turns it as its camera was held."""
    target = _fitted(picture.size)
    picture.draft(None, target)  # a JPEG is decoded at a half, a quarter or an eighth of its size: a fraction of memory
    picture.load()
    orientation = picture.getexif().get(_ORIENTATION)
    mode = "RGBA" if content_type is ImageType.PNG and picture.has_transparency_data else "RGB"
    shown = _in_mode(picture, mode)
    shown.thumbnail(target)
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return shown.transpose(turn) if turn is not None else shown


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """A palette, 16 bits and printing inks cannot be scaled well, plain colours can."""
    if picture.mode == mode:
        return picture
    if picture.mode == "I;16":  # converting would cut greys off at 255 instead of scaling them
        picture = picture.point(lambda value: value * (1 / 256))
    return picture.convert(mode)


def _fitted(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, _SHOWN_SIDE / max(size), (_SHOWN_PIXELS / (size[0] * size[1])) ** 0.5)
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _encoded(picture: Image.Image, content_type: ImageType) -> bytes:
    buffer = io.BytesIO()
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())  # pixels, and nothing that was read with them
    if content_type is ImageType.JPEG:
        bare.save(buffer, "JPEG", quality=_JPEG_QUALITY, progressive=True)
    else:
        bare.save(buffer, "PNG")
    return buffer.getvalue()
