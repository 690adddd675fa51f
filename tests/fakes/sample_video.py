"""Small real videos, drawn and encoded by the tests."""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import av
from av.video.frame import VideoFrame

type Painter = Callable[[int, int, int], VideoFrame]
"""Paints frame `index` of a video in `width` x `height`."""


def flat(luma: int, blue: int = 128, red: int = 128) -> Painter:
    """Fill frames with one color (YCbCr; luma 16 is black, 235 white)."""

    def paint(index: int, width: int, height: int) -> VideoFrame:
        frame = VideoFrame(width, height, "yuv420p")
        for plane, value in zip(frame.planes, (luma, blue, red), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        return frame

    return paint


def noise(index: int, width: int, height: int) -> VideoFrame:
    """Draw noise, which compresses worst."""
    frame = VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(os.urandom(plane.buffer_size))
    return frame


def pattern(index: int, width: int, height: int) -> VideoFrame:
    """Draw moving bars and blocks with edges in every direction."""
    frame = VideoFrame(width, height, "yuv420p")
    luma = frame.planes[0]
    rows = [
        bytes(16 + ((x + 4 * index) // 8 * 37 + y // 8 * 53) % 220 for x in range(luma.line_size)) for y in range(64)
    ]
    luma.update(b"".join(rows[y % 64] for y in range(height)))
    for plane in frame.planes[1:]:
        plane.update(bytes([90 + index % 60]) * plane.buffer_size)
    return frame


def in_scenes(*scenes: Painter, frames_each: int) -> Painter:
    return lambda index, width, height: scenes[min(index // frames_each, len(scenes) - 1)](index, width, height)


def write_video(
    file: Path,
    painter: Painter = pattern,
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (320, 180),
    rate: int = 12,
    codec: str = "libx264",
    container: str = "mp4",
    movflags: str = "",
    lossless: bool = False,
) -> Path:
    """Encode a video and return its file; `movflags` are FFmpeg's (`faststart`, `frag_keyframe+empty_moov`)."""
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(file), "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "x265-params": "log-level=none"} if "26" in codec else {}
        if lossless:
            stream.options = {"preset": "ultrafast", "qp": "0"}
        for index in range(round(seconds * rate)):
            frame = painter(index, *size)
            frame.pts, frame.time_base = index, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file


def write_sound(file: Path) -> Path:
    """Write an MP4 with audio only."""
    with av.open(str(file), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=48000)
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        frame.sample_rate, frame.pts = 48000, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file


def write_large_video(file: Path, size_bytes: int) -> Path:
    """Write a 720p video of noise that reaches the size: eight lossless key frames, repeated."""
    rate = 24
    with av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"preset": "ultrafast", "qp": "0", "x264-params": "keyint=1"}
        images = list(_encoded_noise(stream))
        written = 0
        for index, image in enumerate(_cycle(images)):
            packet = av.Packet(image)
            packet.stream, packet.time_base = stream, Fraction(1, rate)
            packet.pts = packet.dts = index
            packet.duration, packet.is_keyframe = 1, True
            output.mux(packet)
            written += len(image)
            if written >= size_bytes:
                break
    return file


def _encoded_noise(stream: av.VideoStream) -> Iterator[bytes]:
    for index in range(8):
        frame = noise(index, stream.width, stream.height)
        frame.pts, frame.time_base = index, Fraction(1, 24)
        yield from map(bytes, stream.encode(frame))
    yield from map(bytes, stream.encode(None))


def _cycle(images: list[bytes]) -> Iterator[bytes]:
    for round_of_images in repeat(images):
        yield from round_of_images
