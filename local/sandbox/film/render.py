"""Encode the animation of a prompt's category, with what the prompt names, as H.264.

The MP4 file can play while it downloads.
"""

import colorsys
import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from local.sandbox.classifier import classify
from local.sandbox.film.canvas import Animation, Canvas, Field, color, make_canvas
from local.sandbox.film.chase import Chase
from local.sandbox.film.elements import draw_elements
from local.sandbox.film.flight import Flight
from local.sandbox.film.gothic import Gothic
from local.sandbox.film.liminal import Liminal
from local.sandbox.film.physics import Physics
from local.sandbox.film.transformation import Transformation

FRAMES_PER_SECOND = 24
_DRAWN_SIDE = 270
"""Shorter side of the drawn image in pixels. Scaling it up afterwards is cheap."""
_FADE_IN_SECONDS = 0.6
_FIRST_LIGHT = 0.4
_FADE_OUT_SECONDS = 0.35
_GRAIN = 0.006
_ENCODER = {"preset": "ultrafast", "crf": "21", "x264-params": "deblock=1,0,0"}
ANIMATIONS: dict[str, type[Animation]] = {
    "gothic": Gothic,
    "chase": Chase,
    "flight": Flight,
    "transformation": Transformation,
    "physics": Physics,
    "liminal": Liminal,
}


def render(
    path: Path,
    prompt: str,
    width: int,
    height: int,
    seconds: int,
    seed: int | None = None,
    frames_per_second: int = FRAMES_PER_SECOND,
) -> None:
    """Write ``seconds`` of video at ``width`` x ``height`` pixels. The same prompt and seed give the same video."""
    digest = hashlib.sha256(f"{prompt}|{seed}".encode("utf-8", "surrogatepass")).digest()
    scale = _DRAWN_SIDE / min(width, height)
    canvas = make_canvas(round(width * scale), round(height * scale), int.from_bytes(digest[:8], "big"))
    animation = ANIMATIONS[classify(prompt).category](canvas)
    elements = draw_elements(canvas, prompt)
    post_processing = _PostProcessing(canvas, seconds)

    def picture(t: float) -> NDArray[np.uint8]:
        image = animation.frame(t)
        for draw in elements:
            draw(image, t)
        return post_processing.apply(image, t)

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=frames_per_second, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, frames_per_second)
        stream.codec_context.thread_count = 1
        scaler = VideoReformatter()
        for index in range(seconds * frames_per_second):
            t = index / frames_per_second
            frame = av.VideoFrame.from_ndarray(picture(t), format="rgb24")
            scaled = scaler.reformat(frame, width, height, "yuv420p", interpolation=Interpolation.BILINEAR)
            scaled.pts, scaled.time_base = index, Fraction(1, frames_per_second)
            container.mux(stream.encode(scaled))
        container.mux(stream.encode(None))


class _PostProcessing:
    """Post-processing of every animation: a random hue, dark corners, grain, and a fade at both ends."""

    def __init__(self, canvas: Canvas, seconds: int) -> None:
        self._seconds = seconds
        distance = (canvas.x / canvas.x.max()) ** 2 + (canvas.y / canvas.y.max()) ** 2
        hue = colorsys.hsv_to_rgb(float(canvas.rng.random()), 0.12, 1.0)
        self._gain = (1.08 - 0.30 * distance) * color(*hue) * np.float32(255)
        shape = (canvas.height, canvas.width)
        self._grain = [canvas.rng.normal(0, _GRAIN * 255, shape).astype(np.float32) for _ in range(4)]
        self._pixels = np.empty((canvas.height, canvas.width, 3), np.uint8)

    def apply(self, light: Field, t: float) -> NDArray[np.uint8]:
        """Return ``light`` at ``t`` seconds as 8-bit pixels (height, width, 3), valid until the next call."""
        # The first frame is what a player shows before it plays.
        fade = min(1.0, _FIRST_LIGHT + t / _FADE_IN_SECONDS, (self._seconds - t) / _FADE_OUT_SECONDS)
        graded = light * self._gain
        graded *= np.float32(fade * (2 - fade))
        graded += self._grain[round(t * FRAMES_PER_SECOND) % len(self._grain)]
        np.clip(graded, 0, 255, out=graded)
        for plane in range(3):
            self._pixels[:, :, plane] = graded[plane]
        return self._pixels
