"""The aspect ratios of videos."""

from enum import StrEnum


class AspectRatio(StrEnum):
    """The shape of a video, width to height. The values appear in the API and in the tables."""

    LANDSCAPE = "16:9"
    PORTRAIT = "9:16"
