"""Looks inside a downloaded video: is it really a playable MP4, which frame tells most, a short moving preview.

The only module that imports PyAV, whose libraries weigh 128 MB: nothing but the archiving function may import this
one. It needs neither Pillow nor NumPy, which would not fit beside PyAV into a function's 250 MB.
"""

import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from dreamvision.media.errors import NotAVideoError, VideoTruncatedError, VideoUnsuitableError

MAX_SECONDS = 60.0  # four times the longest render on offer; a crafted file could otherwise decode for hours
MAX_PIXELS = 4096 * 2304  # per frame, 4K: what bounds the decoder's memory
PLAYABLE_CODECS = ("h264", "hevc", "av1", "vp9")  # what phones and browsers play out of an MP4

_MAX_FRAMES = int(MAX_SECONDS * 120)
_SAMPLES = 12  # frames that compete for the thumbnail, evenly spread
_SCORED_SIZE = (96, 54)  # pixels; enough to tell a telling frame, and quick in plain Python
_THUMBNAIL_SIDE = 1280  # pixels of the longer side: a JPEG of that size cannot come near 5 MB
_THUMBNAIL_QUANTIZER = 3  # 2 (best) to 31
_PREVIEW_BOX = (320, 568)  # pixels, width and height, landscape or portrait
_PREVIEW_SECONDS = 3
_PREVIEW_RATE = 8  # frames per second
_PREVIEW_MAX_BYTES = 2_000_000
_PREVIEW_QUALITIES = (70, 40, 10)  # 0 to 100, until the preview is small enough; real films need the first only
_DURATION_TOLERANCE = 0.5  # seconds that the last frame may end before the announced end
_LOST_FRAMES_TOLERANCE = 0.9  # share of the announced frames that has to decode


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What was found by decoding: `duration` in seconds, size in pixels, FFmpeg's name of the codec."""

    duration: float
    width: int
    height: int
    codec: str


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An encoded picture and its size in pixels."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VideoInspection:
    """What is known of a video after it was decoded: its `facts`, its `thumbnail` and its `preview`.

    The thumbnail is a JPEG of the frame with the most to see, at most 1280 pixels long and far below 5 MB. The preview
    is an animated WebP, endlessly repeating: at most 3 s out of the middle, 8 frames per second, below 2 MB.
    """

    facts: VideoFacts
    thumbnail: EncodedImage
    preview: bytes


def inspect_video(file: Path) -> VideoInspection:
    """Decodes the whole file, once: decoding is most of what archiving costs.

    Raises NotAVideoError, VideoTruncatedError, VideoUnsuitableError.
    """
    _check_boxes(file)
    with _opened(file) as (container, stream):
        codec = stream.codec_context
        if codec.name not in PLAYABLE_CODECS or container.metadata.get("major_brand") == "qt  ":
            raise NotAVideoError
        announced = _announced_seconds(stream)
        if announced > MAX_SECONDS or codec.width * codec.height > MAX_PIXELS:
            raise VideoUnsuitableError
        thumbnail, preview = _Thumbnail(announced), _Preview(announced, codec.width, codec.height)
        frames, end = 0, 0.0
        for frame, start, seconds in _timed_frames(container, stream):
            frames, end = frames + 1, max(end, start + seconds)
            if frames > _MAX_FRAMES or end > MAX_SECONDS:
                raise VideoUnsuitableError
            thumbnail.see(frame, start)
            preview.see(frame, start)
        if frames == 0:
            raise NotAVideoError
        if end < announced - _DURATION_TOLERANCE or frames < stream.frames * _LOST_FRAMES_TOLERANCE:
            raise VideoTruncatedError
        facts = VideoFacts(round(max(end, announced), 3), codec.width, codec.height, codec.name)
        return VideoInspection(facts, thumbnail.encoded(), preview.encoded())


class _Moments:
    """Picks frames: for each time in seconds, ascending, the first frame at or after it; none twice."""

    def __init__(self, times: Iterable[float]) -> None:
        self._times = iter(times)
        self._next = next(self._times, math.inf)

    def reached(self, now: float) -> bool:
        if now < self._next:
            return False
        while self._next <= now:
            self._next = next(self._times, math.inf)
        return True


class _Thumbnail:
    """Keeps the frame that shows most, out of some that are evenly spread over `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._moments = _Moments((index + 0.5) * seconds / _SAMPLES for index in range(_SAMPLES))
        self._best: VideoFrame | None = None
        self._best_score = -1.0

    def see(self, frame: VideoFrame, now: float) -> None:
        if self._moments.reached(now):
            score = _frame_score(frame)
            if score > self._best_score:
                self._best, self._best_score = frame, score

    def encoded(self) -> EncodedImage:
        if self._best is None:
            raise NotAVideoError
        return _jpeg(self._best)


class _Preview:
    """Keeps the frames of the middle of a film of `seconds`, in small."""

    def __init__(self, seconds: float, width: int, height: int) -> None:
        start = max(0.0, (seconds - _PREVIEW_SECONDS) / 2)
        count = _PREVIEW_SECONDS * _PREVIEW_RATE
        self._moments = _Moments(start + index / _PREVIEW_RATE for index in range(count))
        self._width, self._height = _fitted(width, height, _PREVIEW_BOX)
        self._frames: list[VideoFrame] = []

    def see(self, frame: VideoFrame, now: float) -> None:
        if self._moments.reached(now):
            self._frames.append(frame.reformat(width=self._width, height=self._height, format="yuv420p"))

    def encoded(self) -> bytes:
        if not self._frames:
            raise NotAVideoError
        for quality in _PREVIEW_QUALITIES:
            preview = _webp(self._frames, self._width, self._height, quality)
            if len(preview) <= _PREVIEW_MAX_BYTES:
                return preview
        return _webp(self._frames[: len(self._frames) // 3], self._width, self._height, _PREVIEW_QUALITIES[-1])


@contextmanager
def _opened(file: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Opens the file as MP4 and nothing else: other demuxers could read further files or addresses named inside."""
    try:
        with av.open(str(file), format="mp4") as container:
            if not container.streams.video:
                raise NotAVideoError
            stream = container.streams.video[0]
            if stream.codec_context is None or not (stream.width and stream.height):  # None: a codec nobody knows
                raise NotAVideoError
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            yield container, stream
    except FFmpegError:
        raise NotAVideoError from None


def _check_boxes(file: Path) -> None:
    """Walks the top-level boxes (ISO/IEC 14496-12, 4.2): the first is `ftyp`, none reaches past the end of the file.

    Decoders make the best of a file that was cut off; its box sizes do not lie about it.
    """
    size = file.stat().st_size
    with file.open("rb") as content:
        position = 0
        while position < size:
            content.seek(position)
            length, kind = _box_header(content.read(16), size - position)
            if position == 0 and kind != b"ftyp":
                raise NotAVideoError
            if position + length > size:
                raise VideoTruncatedError
            position += length
        if position == 0:
            raise NotAVideoError


def _box_header(header: bytes, left: int) -> tuple[int, bytes]:
    """Length and kind of a box. Length 1 announces 64 bits behind the kind, 0 means up to the end of the file."""
    length, kind = int.from_bytes(header[:4]), header[4:8]
    if length == 1:
        length = int.from_bytes(header[8:16])
    elif length == 0:
        length = left
    if length < 8:  # shorter than its own header: padding or rubbish, which players skip as well
        length = left
    return length, kind


def _announced_seconds(stream: VideoStream) -> float:
    """The stream's length by its own header, 0 when it does not say."""
    if stream.duration is None or stream.time_base is None:
        return 0.0
    return float(stream.duration * stream.time_base)


def _timed_frames(container: InputContainer, stream: VideoStream) -> Iterator[tuple[VideoFrame, float, float]]:
    """Every frame with its start and its length in seconds."""
    rate = stream.average_rate or stream.base_rate
    length = float(1 / rate) if rate else 0.0
    for frame in container.decode(stream):
        yield frame, _seconds(frame, stream), length


def _seconds(frame: VideoFrame, stream: VideoStream) -> float:
    """A frame's time from the start of the film. Raises NotAVideoError for a frame without one."""
    if frame.pts is None or frame.time_base is None:
        raise NotAVideoError
    start = stream.start_time or 0
    return float((frame.pts - start) * frame.time_base)


def _frame_score(frame: VideoFrame) -> float:
    width, height = _SCORED_SIZE
    plane = frame.reformat(width=width, height=height, format="gray").planes[0]
    padded = bytes(plane)
    rows = [padded[y * plane.line_size : y * plane.line_size + width] for y in range(height)]
    return telling_score(rows)


def telling_score(rows: list[bytes]) -> float:
    """How much a picture shows, from its rows of brightness: variety x contrast x detail, and 0 for a flat one.

    Variety is the entropy of the brightness values in bits, contrast their standard deviation, detail the mean
    difference between neighbours. Black, white, faded and blurred frames are poor in all three.
    """
    pixels = b"".join(rows)
    total = len(pixels)
    counts = Counter(pixels)
    entropy = -sum(n / total * math.log2(n / total) for n in counts.values())
    mean = sum(value * n for value, n in counts.items()) / total
    deviation = math.sqrt(sum((value - mean) ** 2 * n for value, n in counts.items()) / total)
    steps = sum(abs(a - b) for row in rows for a, b in pairwise(row))
    detail = steps / total
    return max(0.0, entropy) * (1 + deviation / 32) * (1 + detail / 8)


def _fitted(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """The size scaled down (never up) into a box, in even numbers as 4:2:0 colour wants it."""
    scale = min(1.0, box[0] / width, box[1] / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _jpeg(frame: VideoFrame) -> EncodedImage:
    """Encodes one frame in the colours of JFIF: full range, ITU-R BT.601."""
    width, height = _fitted(frame.width, frame.height, (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    picture = frame.reformat(
        width=width,
        height=height,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.JPEG,
    )
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 1)
    encoder.color_range = ColorRange.JPEG
    encoder.qmin = encoder.qmax = _THUMBNAIL_QUANTIZER
    encoder.options = {"flags": "+bitexact"}  # without the encoder's name in a comment
    data = b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
    return EncodedImage(data, width, height)


def _webp(frames: list[VideoFrame], width: int, height: int, quality: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webp", options={"loop": "0"}) as container:
        stream = container.add_stream("libwebp_anim", rate=_PREVIEW_RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"quality": str(quality)}
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, Fraction(1, _PREVIEW_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
