"""What a notification says: the app's name and what happened. Never a word of the dream."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from dreamvision.schemas.videos import VideoStatus

_APP: Final = "DreamVision"
_FALLBACK: Final = "en"
_TEXTS: Final[Mapping[str, Mapping[VideoStatus, str]]] = {
    "de": {
        VideoStatus.COMPLETED: "Dein Video ist fertig.",
        VideoStatus.FAILED: "Dein Video konnte nicht erstellt werden.",
    },
    "en": {
        VideoStatus.COMPLETED: "Your video is ready.",
        VideoStatus.FAILED: "Your video could not be created.",
    },
    "es": {
        VideoStatus.COMPLETED: "Tu vídeo está listo.",
        VideoStatus.FAILED: "No se ha podido crear tu vídeo.",
    },
    "fr": {
        VideoStatus.COMPLETED: "Votre vidéo est prête.",
        VideoStatus.FAILED: "Votre vidéo n'a pas pu être créée.",
    },
}


class Outcome(BaseModel):
    """A video that is completed or has failed: what a user is notified of."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    job_id: str
    dream_id: str
    status: VideoStatus


def message(outcome: Outcome, push_token: str, locale: str) -> dict[str, Any]:
    """Return the message for one device, as Expo's push service expects it.

    https://docs.expo.dev/push-notifications/sending-notifications/#message-request-format
    """
    language = locale.replace("_", "-").partition("-")[0].lower()
    return {
        "to": push_token,
        "title": _APP,
        "body": _TEXTS.get(language, _TEXTS[_FALLBACK])[outcome.status],
        "sound": "default",
        "priority": "high",
        "data": {"type": f"video.{outcome.status}", "job_id": outcome.job_id, "dream_id": outcome.dream_id},
    }
