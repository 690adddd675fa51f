"""``python -m local.sandbox.film.picture OUT.webp``: the moving picture of README.md, of what the sandbox renders."""

import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from local.sandbox.film.render import FRAMES_PER_SECOND, render

_PROMPTS = (
    "POV gentle rise through a dark forest, far below a river of lanterns, weightless perspective",
    "POV rapid movement down a city street, rain, footsteps gaining in peripheral",
    "POV slow track into an endless school hallway filling with water, empty wrongness",
    "POV continuous glide into a castle, snow under the moon, dread mounting",
)
_SECONDS = 2
_WIDTH, _HEIGHT = 640, 360
_EVERY = 2
"""Every second frame: 12 a second, as a web page's picture need not be fluent."""


def main() -> int:
    with av.open(sys.argv[1], "w", format="webp", options={"loop": "0"}) as container:
        stream = container.add_stream("libwebp_anim", rate=FRAMES_PER_SECOND // _EVERY, options={"quality": "55"})
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for number, frame in enumerate(_frames()):
            frame.pts, frame.time_base = number, Fraction(_EVERY, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return 0


def _frames() -> Iterator[av.VideoFrame]:
    with tempfile.TemporaryDirectory() as folder:
        for number, prompt in enumerate(_PROMPTS):
            file = Path(folder) / f"{number}.mp4"
            render(file, prompt, _WIDTH, _HEIGHT, _SECONDS, seed=7)
            with av.open(str(file)) as film:
                for index, frame in enumerate(film.decode(video=0)):
                    if index % _EVERY == 0:
                        yield frame


if __name__ == "__main__":
    sys.exit(main())
