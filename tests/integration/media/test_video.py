"""Inspecting videos and extracting thumbnails and previews, with videos encoded by the tests."""

import io
import subprocess
import sys
from pathlib import Path

import av
import pytest

from dreamvision.media.errors import NotAVideoError, VideoTruncatedError, VideoUnsuitableError
from dreamvision.media.video import EncodedImage, VideoFacts, inspect_video, telling_score
from tests.fakes.sample_video import flat, in_scenes, noise, pattern, write_sound, write_video

BLACK, GREY, WHITE = flat(16), flat(126), flat(235)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "video.mp4"


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same video in the three layouts of an MP4: index at the end, at the front, in fragments."""
    folder = tmp_path_factory.mktemp("videos")
    layouts = {"index last": "", "index first": "faststart", "fragments": "frag_keyframe+empty_moov"}
    return {
        name: write_video(folder / f"{number}.mp4", movflags=flags).read_bytes()
        for number, (name, flags) in enumerate(layouts.items())
    }


LAYOUTS = ["index last", "index first", "fragments"]


# --- inspection


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_complete_video_is_inspected(layouts: dict[str, bytes], layout: str, file: Path) -> None:
    file.write_bytes(layouts[layout])
    assert inspect_video(file).facts == VideoFacts(duration=2.0, width=320, height=180, codec="h264")


def test_other_common_codecs_are_accepted(file: Path) -> None:
    write_video(file, codec="libx265", size=(180, 320), seconds=1)
    assert inspect_video(file).facts == VideoFacts(duration=1.0, width=180, height=320, codec="hevc")


def test_padding_after_the_video_is_accepted(layouts: dict[str, bytes], file: Path) -> None:
    file.write_bytes(layouts["index first"] + bytes(1000))
    assert inspect_video(file).facts.duration == 2.0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_video_cut_off_anywhere_is_rejected(layouts: dict[str, bytes], layout: str, share: float, file: Path) -> None:
    whole = layouts[layout]
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(NotAVideoError):
        inspect_video(file)


def test_a_video_without_its_last_byte_is_truncated(layouts: dict[str, bytes], file: Path) -> None:
    file.write_bytes(layouts["index first"][:-1])
    with pytest.raises(VideoTruncatedError):
        inspect_video(file)


@pytest.mark.parametrize("layout", ["index first", "fragments"])
def test_a_video_padded_with_zeros_is_rejected(layouts: dict[str, bytes], layout: str, file: Path) -> None:
    whole = layouts[layout]
    half = len(whole) // 2
    file.write_bytes(whole[:half] + bytes(len(whole) - half))
    with pytest.raises(NotAVideoError):
        inspect_video(file)


def test_a_video_shorter_than_its_index_is_rejected(layouts: dict[str, bytes], file: Path) -> None:
    # GIVEN a video whose index has the times of 24 frames (`stts`) and the sizes of 12 (`stsz`)
    content = bytearray(layouts["index first"])
    count = content.index(b"stsz") + 12
    assert int.from_bytes(content[count : count + 4]) == 24
    content[count : count + 4] = (12).to_bytes(4)
    file.write_bytes(content)
    # THEN its last frame ends far before the announced end
    with pytest.raises(VideoTruncatedError):
        inspect_video(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"<html><body>403 Forbidden</body></html>",
        b'{"error": "expired"}',
        b"\xff\xd8\xff\xe0" + bytes(1000),
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://169.254.169.254/latest/meta-data/\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2",
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x00\x00mdat" + bytes(5000),
        b"\x00\x00\x00\x01ftyp\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(100),
        b"\x00\x00\x00\x02ftyp" + bytes(100),
        bytes(range(256)) * 100,
    ],
    ids=lambda content: repr(content[:14]),
)
def test_files_that_are_no_video_are_rejected(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(NotAVideoError):
        inspect_video(file)


def test_a_video_other_than_mp4_is_rejected(file: Path) -> None:
    for container in ("matroska", "avi", "mpegts", "mov"):
        write_video(file, container=container, seconds=0.5)
        with pytest.raises(NotAVideoError):
            inspect_video(file)


def test_a_codec_that_browsers_do_not_play_is_rejected(file: Path) -> None:
    write_video(file, codec="mpeg4", seconds=0.5)
    with pytest.raises(NotAVideoError):
        inspect_video(file)


def test_audio_without_video_is_rejected(file: Path) -> None:
    with pytest.raises(NotAVideoError):
        inspect_video(write_sound(file))


def test_a_video_of_excessive_length_is_rejected(file: Path) -> None:
    write_video(file, BLACK, seconds=61, rate=1, size=(64, 64))
    with pytest.raises(VideoUnsuitableError):
        inspect_video(file)


def test_a_video_of_too_many_pixels_is_rejected(file: Path) -> None:
    write_video(file, BLACK, seconds=1, rate=1, size=(4608, 2592))
    with pytest.raises((VideoUnsuitableError, NotAVideoError)):
        inspect_video(file)


def test_errors_do_not_contain_the_file_name(file: Path) -> None:
    file.write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(16))
    with pytest.raises(NotAVideoError) as raised:
        inspect_video(file)
    assert str(raised.value) == NotAVideoError.default_message
    assert raised.value.__suppress_context__


# --- thumbnails


def decoded(image: EncodedImage) -> av.VideoFrame:
    with av.open(io.BytesIO(image.data), "r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (image.width, image.height)
    return frame


def color(frame: av.VideoFrame) -> tuple[int, ...]:
    """Return the red, green and blue of the center of a frame."""
    plane = frame.reformat(format="rgb24").planes[0]
    middle = frame.height // 2 * plane.line_size + frame.width // 2 * 3
    return tuple(bytes(plane)[middle : middle + 3])


def score(frame: av.VideoFrame) -> float:
    plane = frame.reformat(format="gray").planes[0]
    data = bytes(plane)
    return telling_score([data[y * plane.line_size :][: frame.width] for y in range(frame.height)])


@pytest.mark.parametrize("position", range(4))
def test_the_thumbnail_shows_the_most_detailed_scene(position: int, file: Path) -> None:
    # GIVEN a video of four scenes, three of them black, gray and white
    scenes = [BLACK, GREY, WHITE]
    scenes.insert(position, pattern)
    write_video(file, in_scenes(*scenes, frames_each=12), seconds=4)
    # WHEN its thumbnail is extracted, THEN it is from the fourth
    assert score(decoded(inspect_video(file).thumbnail)) > 10


def test_the_thumbnail_skips_a_fade_from_black(file: Path) -> None:
    def fading(index: int, width: int, height: int) -> av.VideoFrame:
        frame = pattern(0, width, height)
        light = min(1.0, index / 20)
        frame.planes[0].update(bytes(16 + int((value - 16) * light) for value in bytes(frame.planes[0])))
        return frame

    write_video(file, fading, seconds=2, size=(160, 96))
    assert score(decoded(inspect_video(file).thumbnail)) > 0.9 * score(pattern(0, 160, 96))


def test_a_blank_video_has_a_thumbnail(file: Path) -> None:
    write_video(file, BLACK, seconds=1)
    thumbnail = inspect_video(file).thumbnail
    assert (thumbnail.width, thumbnail.height) == (320, 180)
    assert max(color(decoded(thumbnail))) < 10


def test_a_thumbnail_keeps_the_colors(file: Path) -> None:
    # GIVEN a video in the red of ITU-R BT.601: Y 81, Cb 90, Cr 240
    write_video(file, flat(81, 90, 240), seconds=1)
    red, green, blue = color(decoded(inspect_video(file).thumbnail))
    assert red > 240
    assert max(green, blue) < 20


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1280, 720), (1280, 720)), ((720, 1280), (720, 1280)), ((1920, 1080), (1280, 720)), ((322, 182), (322, 182))],
)
def test_a_thumbnail_is_at_most_1280_pixels_long(size: tuple[int, int], expected: tuple[int, int], file: Path) -> None:
    write_video(file, GREY, seconds=0.5, size=size)
    thumbnail = inspect_video(file).thumbnail
    assert (thumbnail.width, thumbnail.height) == expected
    decoded(thumbnail)


def test_a_noisy_video_stays_far_below_the_size_limits(file: Path) -> None:
    write_video(file, noise, seconds=3.5, rate=8, size=(1280, 1280))
    found = inspect_video(file)
    thumbnail, preview = found.thumbnail, found.preview
    assert thumbnail.data.startswith(b"\xff\xd8\xff")
    assert thumbnail.data.endswith(b"\xff\xd9")
    assert len(thumbnail.data) < 5_000_000
    assert len(preview) < 2_000_000


def test_a_large_preview_is_recompressed_until_it_fits(file: Path) -> None:
    # GIVEN lossless noise in exactly the size of a preview
    write_video(file, noise, seconds=3.5, rate=8, size=(320, 568), lossless=True)
    preview = inspect_video(file).preview
    assert len(preview) <= 2_000_000
    assert webp(preview)[:2] == ((320, 568), 0)


def test_the_score_ranks_frames_by_detail() -> None:
    black = [bytes(8)] * 4
    dim = [bytes([0, 8] * 4)] * 4
    clear = [bytes([0, 200] * 4)] * 4
    rich = [bytes([0, 250, 20, 180, 60, 230, 10, 140])] * 4
    assert telling_score(black) == 0.0
    assert 0 < telling_score(dim) < telling_score(clear) < telling_score(rich)


# --- previews


def webp(data: bytes) -> tuple[tuple[int, int], int | None, list[int]]:
    """Return canvas size, number of repetitions (0: endless, None: not animated) and each frame's milliseconds."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    size, loops, frames, position = (0, 0), None, [], 12
    while position < len(data):
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = data[position + 8 : position + 8 + length]
        if kind == b"VP8X":
            size = (int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1)
        elif kind == b"ANIM":
            loops = int.from_bytes(body[4:6], "little")
        elif kind == b"ANMF":
            frames.append(int.from_bytes(body[12:15], "little"))
        position += 8 + length + length % 2
    return size, loops, frames


@pytest.mark.parametrize(
    ("size", "expected"), [((1280, 720), (320, 180)), ((720, 1280), (320, 568)), ((160, 96), (160, 96))]
)
def test_a_preview_loops_three_seconds(size: tuple[int, int], expected: tuple[int, int], file: Path) -> None:
    write_video(file, pattern, seconds=4, rate=8, size=size)
    assert webp(inspect_video(file).preview) == (expected, 0, [125] * 24)


def test_a_preview_is_taken_from_the_middle(file: Path) -> None:
    # GIVEN a video that is black except for the three seconds in its middle
    write_video(file, in_scenes(BLACK, pattern, BLACK, frames_each=36), seconds=9)
    # THEN every frame of the preview moves (equal ones would be merged into one)
    assert len(webp(inspect_video(file).preview)[2]) == 24


def test_the_preview_of_a_short_video_is_all_of_it(file: Path) -> None:
    write_video(file, pattern, seconds=1, rate=24)
    size, loops, frames = webp(inspect_video(file).preview)
    assert (size, loops, sum(frames)) == ((320, 180), 0, 1000)


def test_video_processing_needs_neither_numpy_nor_pillow(file: Path) -> None:
    # GIVEN a video and an interpreter in which both are missing
    write_video(file, pattern, seconds=1)
    path = [entry for entry in sys.path if entry]
    code = (
        f"import sys; sys.path[:0] = {path!r}; sys.modules.update(numpy=None, PIL=None)\n"
        "from pathlib import Path; from dreamvision.media import video as t\n"
        f"file = Path({str(file)!r}); t.inspect_video(file)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
