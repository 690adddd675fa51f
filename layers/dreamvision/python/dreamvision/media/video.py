"""Inspect a downloaded video: check that it is a playable MP4, and extract a thumbnail and an animated preview.

The only module that imports PyAV, whose libraries take 128 MB: only the archiving function may import this one. It
needs neither Pillow nor NumPy, which would not fit next to PyAV into a function's 250 MB.
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

MAX_SECONDS = 60.0  # six times the longest render (10 s); without a limit a crafted file could decode for hours
MAX_PIXELS = 4096 * 2304  # per frame, 4K: limits the decoder's memory
PLAYABLE_CODECS = ("h264", "hevc", "av1", "vp9")  # what phones and browsers play in an MP4

_MAX_FRAMES = int(MAX_SECONDS * 120)
_SAMPLES = 12  # candidate frames for the thumbnail, evenly spread
_SCORED_SIZE = (96, 54)  # pixels; enough to compare frames, and fast in pure Python
_THUMBNAIL_SIDE = 1280  # pixels of the longer side; a JPEG of that size stays far below 5 MB
_THUMBNAIL_QUANTIZER = 3  # 2 (best) to 31
_PREVIEW_BOX = (320, 568)  # pixels, width and height, landscape or portrait
_PREVIEW_SECONDS = 3
_PREVIEW_RATE = 8  # frames per second
_PREVIEW_MAX_BYTES = 2_000_000
_PREVIEW_QUALITIES = (70, 40, 10)  # 0 to 100, tried until the preview is small enough; real videos need only the first
_DURATION_TOLERANCE = 0.5  # seconds that the last frame may end before the declared end
_LOST_FRAMES_TOLERANCE = 0.9  # minimum share of the declared frames that decode


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Properties found by decoding: `duration` in seconds, size in pixels, FFmpeg's name of the codec."""

    duration: float
    width: int
    height: int
    codec: str


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An encoded image and its size in pixels."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VideoInspection:
    """The result of decoding a video: its `facts`, `thumbnail` and `preview`.

    The thumbnail is a JPEG of the most detailed frame, at most 1280 pixels long and far below 5 MB. The preview is an
    animated WebP in an endless loop: at most 3 s from the middle, 8 frames per second, below 2 MB.
    """

    facts: VideoFacts
    thumbnail: EncodedImage
    preview: bytes


def inspect_video(file: Path) -> VideoInspection:
    """Decode the whole file in a single pass, since decoding is most of the cost of archiving.

    Raises:
        NotAVideoError: the file is not a playable MP4.
        VideoTruncatedError: the file ends before its declared end.
        VideoUnsuitableError: the video exceeds `MAX_SECONDS` or `MAX_PIXELS`.
    """
    _check_boxes(file)
    with _open(file) as (container, stream):
        codec = stream.codec_context
        if codec.name not in PLAYABLE_CODECS or container.metadata.get("major_brand") == "qt  ":
            raise NotAVideoError
        declared = _declared_seconds(stream)
        if declared > MAX_SECONDS or codec.width * codec.height > MAX_PIXELS:
            raise VideoUnsuitableError
        thumbnail, preview = _Thumbnail(declared), _Preview(declared, codec.width, codec.height)
        frames, end = 0, 0.0
        for frame, start, seconds in _timed_frames(container, stream):
            frames, end = frames + 1, max(end, start + seconds)
            if frames > _MAX_FRAMES or end > MAX_SECONDS:
                raise VideoUnsuitableError
            thumbnail.add(frame, start)
            preview.add(frame, start)
        if frames == 0:
            raise NotAVideoError
        if end < declared - _DURATION_TOLERANCE or frames < stream.frames * _LOST_FRAMES_TOLERANCE:
            raise VideoTruncatedError
        facts = VideoFacts(round(max(end, declared), 3), codec.width, codec.height, codec.name)
        return VideoInspection(facts, thumbnail.encode(), preview.encode())


class _FrameSelector:
    """Selects frames: for each of the ascending times in seconds the first frame at or after it, each frame once."""

    def __init__(self, times: Iterable[float]) -> None:
        self._times = iter(times)
        self._next = next(self._times, math.inf)

    def is_due(self, now: float) -> bool:
        if now < self._next:
            return False
        while self._next <= now:
            self._next = next(self._times, math.inf)
        return True


class _Thumbnail:
    """Keeps the frame with the highest score, among samples evenly spread over `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._selector = _FrameSelector((index + 0.5) * seconds / _SAMPLES for index in range(_SAMPLES))
        self._best: VideoFrame | None = None
        self._best_score = -1.0

    def add(self, frame: VideoFrame, now: float) -> None:
        if self._selector.is_due(now):
            score = _frame_score(frame)
            if score > self._best_score:
                self._best, self._best_score = frame, score

    def encode(self) -> EncodedImage:
        if self._best is None:
            raise NotAVideoError
        return _jpeg(self._best)


class _Preview:
    """Keeps scaled-down frames from the middle of a video of `seconds`."""

    def __init__(self, seconds: float, width: int, height: int) -> None:
        start = max(0.0, (seconds - _PREVIEW_SECONDS) / 2)
        count = _PREVIEW_SECONDS * _PREVIEW_RATE
        self._selector = _FrameSelector(start + index / _PREVIEW_RATE for index in range(count))
        self._width, self._height = _fit(width, height, _PREVIEW_BOX)
        self._frames: list[VideoFrame] = []

    def add(self, frame: VideoFrame, now: float) -> None:
        if self._selector.is_due(now):
            self._frames.append(frame.reformat(width=self._width, height=self._height, format="yuv420p"))

    def encode(self) -> bytes:
        if not self._frames:
            raise NotAVideoError
        for quality in _PREVIEW_QUALITIES:
            preview = _webp(self._frames, self._width, self._height, quality)
            if len(preview) <= _PREVIEW_MAX_BYTES:
                return preview
        return _webp(self._frames[: len(self._frames) // 3], self._width, self._height, _PREVIEW_QUALITIES[-1])


@contextmanager
def _open(file: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the file with the MP4 demuxer only: others could read further files or URLs named in the file."""
    try:
        with av.open(str(file), format="mp4") as container:
            if not container.streams.video:
                raise NotAVideoError
            stream = container.streams.video[0]
            if stream.codec_context is None or not (stream.width and stream.height):  # None: unknown codec
                raise NotAVideoError
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            yield container, stream
    except FFmpegError:
        raise NotAVideoError from None


def _check_boxes(file: Path) -> None:
    """Check the top-level boxes (ISO/IEC 14496-12, 4.2): the first is `ftyp`, none extends past the end of the file.

    Decoders tolerate a truncated file, so truncation is detected by the box sizes.

    Raises:
        NotAVideoError: the file is empty or does not start with `ftyp`.
        VideoTruncatedError: a box extends past the end of the file.
    """
    size = file.stat().st_size
    with file.open("rb") as content:
        position = 0
        while position < size:
            content.seek(position)
            length, box_type = _parse_box_header(content.read(16), size - position)
            if position == 0 and box_type != b"ftyp":
                raise NotAVideoError
            if position + length > size:
                raise VideoTruncatedError
            position += length
        if position == 0:
            raise NotAVideoError


def _parse_box_header(header: bytes, remaining: int) -> tuple[int, bytes]:
    """Return length and type of a box. Length 1: 64 bits follow the type; 0: up to the end of the file."""
    length, box_type = int.from_bytes(header[:4]), header[4:8]
    if length == 1:
        length = int.from_bytes(header[8:16])
    elif length == 0:
        length = remaining
    if length < 8:  # shorter than its own header: padding or garbage, which players skip as well
        length = remaining
    return length, box_type


def _declared_seconds(stream: VideoStream) -> float:
    """Return the duration in the stream's header in seconds; 0 if it has none."""
    if stream.duration is None or stream.time_base is None:
        return 0.0
    return float(stream.duration * stream.time_base)


def _timed_frames(container: InputContainer, stream: VideoStream) -> Iterator[tuple[VideoFrame, float, float]]:
    """Yield every frame with its start and its length in seconds."""
    rate = stream.average_rate or stream.base_rate
    length = float(1 / rate) if rate else 0.0
    for frame in container.decode(stream):
        yield frame, _start_seconds(frame, stream), length


def _start_seconds(frame: VideoFrame, stream: VideoStream) -> float:
    """Return a frame's time in seconds from the start of the video.

    Raises:
        NotAVideoError: the frame has no timestamp.
    """
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
    """Score the visual detail of an image from its rows of brightness: variety x contrast x detail; 0 if uniform.

    Variety is the entropy of the brightness values in bits, contrast their standard deviation, detail the mean
    difference between neighbors. Black, white, faded and blurred frames score low in all three.
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


def _fit(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """Scale a size down (never up) to fit into a box, to even numbers as 4:2:0 color requires."""
    scale = min(1.0, box[0] / width, box[1] / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _jpeg(frame: VideoFrame) -> EncodedImage:
    """Encode one frame in the color space of JFIF: full range, ITU-R BT.601."""
    width, height = _fit(frame.width, frame.height, (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    image = frame.reformat(
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
    encoder.options = {"flags": "+bitexact"}  # omits the encoder's name from the comment
    data = b"".join(bytes(packet) for packet in [*encoder.encode(image), *encoder.encode(None)])
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
