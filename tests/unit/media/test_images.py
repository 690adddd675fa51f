"""Uploaded images: what is rejected, and that only the pixels of the others are kept."""

import io
import random
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, UnidentifiedImageError

from dreamvision.media.errors import (
    ImageDimensionsError,
    ImageMalformedError,
    ImageRejectedError,
    PolyglotImageError,
    rejection_message,
)
from dreamvision.media.images import reencode_image
from dreamvision.media.models import ReencodedImage
from dreamvision.schemas.uploads import ImageType
from tests.fakes import images

JPEG, PNG = ImageType.JPEG, ImageType.PNG


def opened(image: ReencodedImage, expected: str) -> Image.Image:
    with Image.open(io.BytesIO(image.data)) as found:
        found.load()
        assert found.format == expected
        assert found.size == (image.width, image.height)
        return found


# --- accepted images


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_keeps_its_pixels_and_nothing_else(progressive: bool) -> None:
    # GIVEN a photograph with place, camera, comment and profile
    data = images.jpeg(progressive=progressive)
    assert images.CAMERA.encode() in data
    # WHEN it is re-encoded
    clean = reencode_image(data, JPEG)
    # THEN it looks the same
    shown = opened(clean, "JPEG")
    assert shown.size == (320, 200)
    left, right = shown.getpixel((80, 100)), shown.getpixel((240, 100))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 180 > 60 > left[2]
    assert right[2] > 180 > 60 > right[0]
    # AND has no metadata
    assert set(images.found_in(clean.data)) <= {
        "jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"
    }  # fmt: skip
    for secret in (images.CAMERA, images.COMMENT, "Exif", "a profile"):
        assert secret.encode() not in clean.data


def test_a_png_keeps_its_pixels_and_nothing_else() -> None:
    data = images.png()
    assert b"eXIf" in data
    clean = reencode_image(data, PNG)
    assert opened(clean, "PNG").getpixel((80, 100)) == (200, 20, 20)
    assert images.found_in(clean.data) == {}
    assert not [kind for kind in (b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"iCCP") if kind in clean.data]


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (320, 200), "left"),
        (2, (320, 200), "right"),
        (3, (320, 200), "right"),
        (4, (320, 200), "left"),
        (5, (200, 320), "top"),
        (6, (200, 320), "top"),
        (7, (200, 320), "bottom"),
        (8, (200, 320), "bottom"),
        (9, (320, 200), "left"),
    ],
)
@pytest.mark.parametrize(("make", "kind"), [(images.jpeg, JPEG), (images.png, PNG)], ids=["jpeg", "png"])
def test_a_rotated_image_is_turned_upright(
    make: Callable[..., bytes], kind: ImageType, orientation: int, size: tuple[int, int], red: str
) -> None:
    shown = opened(reencode_image(make(orientation=orientation), kind), kind.rpartition("/")[2].upper())
    assert shown.size == size
    width, height = size
    places = {
        "left": (20, height // 2),
        "right": (width - 20, height // 2),
        "top": (width // 2, 20),
        "bottom": (width // 2, height - 20),
    }
    reds = set()
    for name, place in places.items():
        pixel = shown.getpixel(place)
        assert isinstance(pixel, tuple)
        if pixel[0] > 150 and pixel[2] < 100:
            reds.add(name)
    assert red in reds
    opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[red]
    assert opposite not in reds


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_every_kind_of_jpeg_becomes_a_plain_one(mode: str) -> None:
    shown = opened(reencode_image(images.jpeg(images.halves(mode=mode)), JPEG), "JPEG")
    assert shown.mode == "RGB"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1", "RGB"), ("L", "RGB"), ("LA", "RGBA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("I;16", "RGB")],
)
def test_every_kind_of_png_becomes_a_plain_one(mode: str, expected: str) -> None:
    image = Image.new("I;16", (100, 100), 40_000) if mode == "I;16" else images.halves(mode=mode)
    shown = opened(reencode_image(images.png(image), PNG), "PNG")
    assert shown.mode == expected
    if mode == "I;16":  # 40,000 of 65,535 is 156 of 255
        assert shown.getpixel((50, 50)) == (156, 156, 156)


def test_transparency_is_kept() -> None:
    clear = Image.new("RGBA", (100, 100), (10, 20, 30, 0))
    clear.paste((200, 100, 50, 255), (0, 0, 50, 100))
    shown = opened(reencode_image(images.png(clear), PNG), "PNG")
    assert shown.getpixel((10, 50)) == (200, 100, 50, 255)
    assert shown.getpixel((90, 50)) == (10, 20, 30, 0)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1280, 720), (1280, 720)), ((4000, 3000), (1264, 948)), ((3000, 1000), (1280, 426)), ((64, 64), (64, 64))],
)
def test_a_large_image_is_scaled_down_and_a_small_one_kept(size: tuple[int, int], expected: tuple[int, int]) -> None:
    shown = opened(reencode_image(images.jpeg(images.halves(size)), JPEG), "JPEG")
    assert abs(shown.width - expected[0]) <= 2
    assert abs(shown.height - expected[1]) <= 2


def test_even_transparent_noise_stays_below_the_limit() -> None:
    noise = Image.frombytes("RGBA", (1095, 1095), random.Random(4).randbytes(1095 * 1095 * 4))
    assert len(reencode_image(images.png(noise), PNG).data) < 5_000_000


# --- rejected images


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(images.jpeg_of_size(63, 200), JPEG, id="narrow jpeg"),
        pytest.param(images.jpeg_of_size(200, 63), JPEG, id="low jpeg"),
        pytest.param(images.jpeg_of_size(8193, 100), JPEG, id="wide jpeg"),
        pytest.param(images.jpeg_of_size(8000, 8000), JPEG, id="64 megapixels"),
        pytest.param(images.jpeg_of_size(65535, 65535), JPEG, id="4 gigapixels"),
        pytest.param(images.png_of_size(1, 1), PNG, id="a dot"),
        pytest.param(images.png_of_size(8192, 8192), PNG, id="67 megapixels"),
        pytest.param(images.png_of_size(10_000_000, 64), PNG, id="a thread"),
        pytest.param(images.png_of_size(2**31 - 1, 2**31 - 1), PNG, id="a bomb"),
    ],
)
def test_dimensions_out_of_bounds_are_rejected_before_decoding(data: bytes, kind: ImageType) -> None:
    with pytest.raises(ImageDimensionsError):
        reencode_image(data, kind)


STOWAWAYS = {
    "web page": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "php": b"<?PHP system($_GET['c']); ?>",
    "pdf": b"%PDF-1.7 ",
    "zip": b"PK\x03\x04" + bytes(30),
    "zip's end": b"PK\x05\x06" + bytes(18),
    "svg": b'<svg onload="alert(1)">',
    "shell": b"#!/bin/sh\nrm -rf /",
}


@pytest.mark.parametrize("name", STOWAWAYS)
def test_hidden_data_behind_or_inside_an_image_is_detected(name: str) -> None:
    content = STOWAWAYS[name]
    jpeg, png = images.jpeg(), images.png()
    hidden = [
        (jpeg + content, JPEG),
        (images.with_segment(jpeg, 0xFE, content), JPEG),
        (images.with_segment(jpeg, 0xED, b"Photoshop 3.0\0" + content), JPEG),
        (png + content, PNG),
        (images.with_chunk(png, b"tEXt", b"Comment\0" + content), PNG),
        (images.with_chunk(png, b"quIz", content), PNG),
    ]
    for data, kind in hidden:
        with pytest.raises(PolyglotImageError):
            reencode_image(data, kind)


@pytest.mark.parametrize("trailer", [b"\0", b"\n", images.jpeg(), images.png()], ids=["nul", "line", "jpeg", "png"])
def test_data_after_an_image_is_rejected(trailer: bytes) -> None:
    for data, kind in ((images.jpeg(), JPEG), (images.png(), PNG)):
        with pytest.raises(PolyglotImageError):
            reencode_image(data + trailer, kind)


JPEG_FILE, PNG_FILE = images.jpeg(), images.png()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"", JPEG, id="nothing"),
        pytest.param(b"", PNG, id="nothing png"),
        pytest.param(b"<html>I am an image</html>", JPEG, id="a web page"),
        pytest.param(PNG_FILE, JPEG, id="a png declared as jpeg"),
        pytest.param(JPEG_FILE, PNG, id="a jpeg called png"),
        pytest.param(b"GIF89a" + bytes(100), PNG, id="a gif"),
        pytest.param(b"RIFF\x00\x00\x00\x00WEBP", JPEG, id="a webp"),
        pytest.param(b"<html>" + JPEG_FILE, JPEG, id="something in front of a jpeg"),
        pytest.param(b" " + PNG_FILE, PNG, id="something in front of a png"),
        pytest.param(b"\xff\xd8\xff\xd9", JPEG, id="start and end"),
        pytest.param(b"\xff\xd8\xff" + bytes(1000), JPEG, id="zeros behind a start"),
        pytest.param(b"\xff\xd8" + b"\xff" * 1000, JPEG, id="fill bytes for ever"),
        pytest.param(JPEG_FILE[:-2], JPEG, id="a jpeg without its end"),
        pytest.param(JPEG_FILE[: len(JPEG_FILE) // 2], JPEG, id="half a jpeg"),
        pytest.param(JPEG_FILE[:200], JPEG, id="a jpeg's notes alone"),
        pytest.param(JPEG_FILE.replace(b"\xff\xc0", b"\xff\xc3"), JPEG, id="a lossless jpeg"),
        pytest.param(JPEG_FILE.replace(b"\xff\xc0", b"\xff\xc9"), JPEG, id="an arithmetic jpeg"),
        pytest.param(images.with_segment(JPEG_FILE, 0xC0, bytes(15)), JPEG, id="two frames"),
        pytest.param(PNG_FILE[:-12], PNG, id="a png without its end"),
        pytest.param(PNG_FILE[: len(PNG_FILE) // 2], PNG, id="half a png"),
        pytest.param(PNG_FILE[:40] + b"?" + PNG_FILE[41:], PNG, id="a wrong checksum"),
        pytest.param(images.png_of_size(100, 100), PNG, id="too few pixels"),
        pytest.param(PNG_FILE[:8] + PNG_FILE[33:], PNG, id="a png without a header"),
        pytest.param(images.with_chunk(PNG_FILE, b"IHDR", PNG_FILE[16:29]), PNG, id="two headers"),
    ],
)
def test_a_file_that_is_no_image_of_its_type_is_rejected(data: bytes, kind: ImageType) -> None:
    with pytest.raises(ImageMalformedError) as raised:
        reencode_image(data, kind)
    assert str(raised.value) == ImageMalformedError.default_message


def test_a_jpeg_with_too_many_scans_is_rejected() -> None:
    # GIVEN a progressive image that repeats its last scan, each of which costs a decoder a full pass
    data = images.jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    with pytest.raises(ImageMalformedError):
        reencode_image(data[:-2] + data[last:-2] * 100 + b"\xff\xd9", JPEG)


def test_a_decompression_bomb_in_a_text_chunk_is_rejected() -> None:
    bomb = b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9)
    with pytest.raises(ImageMalformedError):
        reencode_image(images.with_chunk(images.png(), b"zTXt", bomb), PNG)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_yields_an_image_or_one_of_our_errors(seed: int) -> None:
    random_ = random.Random(seed)
    files = [
        (images.jpeg(), JPEG),
        (images.jpeg(progressive=True), JPEG),
        (images.png(), PNG),
        (images.png(images.halves(mode="P")), PNG),
    ]
    for _ in range(150):
        data, kind = random_.choice(files)
        broken = bytearray(data)
        for _ in range(random_.randint(1, 5)):
            broken[random_.randrange(2, min(900, len(broken)))] = random_.choice([0, 255, random_.randrange(256)])
        try:
            clean = reencode_image(bytes(broken), kind)
        except ImageRejectedError:
            continue
        assert images.COMMENT.encode() not in clean.data


@pytest.mark.parametrize(
    "error",
    [
        OSError("broken data stream"),
        UnidentifiedImageError("cannot identify image file"),
        SyntaxError("not a PNG file"),
        ValueError("bad value"),
        TypeError("bad type"),
        EOFError("no more frames"),
        ZeroDivisionError("a fraction in the metadata"),
        KeyError("unknown tag"),
        IndexError("bytearray index out of range"),
        struct.error("unpack requires a buffer"),
        zlib.error("incorrect header check"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_the_decoder_raises_is_a_malformed_image(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(Image, "open", _raising(error))
    with pytest.raises(ImageMalformedError):
        reencode_image(images.jpeg(), JPEG)


@pytest.mark.parametrize("error", [Image.DecompressionBombError("huge"), Image.DecompressionBombWarning("large")])
def test_whatever_the_decoder_takes_for_a_bomb_is_too_large(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(Image, "open", _raising(error))
    with pytest.raises(ImageDimensionsError):
        reencode_image(images.jpeg(), JPEG)


def test_a_fault_of_our_own_is_not_blamed_on_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", _raising(AttributeError("a fault")))
    with pytest.raises(AttributeError):
        reencode_image(images.jpeg(), JPEG)


def _raising(error: Exception) -> Callable[..., Image.Image]:
    def opened(*_: object, **__: object) -> Image.Image:
        raise error

    return opened


def test_every_rejection_has_its_own_message() -> None:
    for error in ImageRejectedError.__subclasses__():
        assert rejection_message(error.__name__) == error.user_message
    assert rejection_message("Whatever") == ImageRejectedError.user_message
