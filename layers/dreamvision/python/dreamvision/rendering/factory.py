"""Build the video renderer from the environment."""

from functools import cache

from dreamvision.core.config import Config
from dreamvision.core.secrets import provider_key
from dreamvision.rendering.renderer import VideoRenderer
from dreamvision.rendering.runway import RunwayRenderer, RunwaySettings


class RendererSettings(Config):
    """Runway's base URL, the model, and the secret that holds the key."""

    runway_secret: str
    runway_base_url: str
    runway_model: str


@cache
def _renderer(settings: RendererSettings, key: str) -> VideoRenderer:
    return RunwayRenderer(RunwaySettings(base_url=settings.runway_base_url, model=settings.runway_model), key)


def configured_renderer() -> VideoRenderer:
    """Return the renderer with the current key. The renderer is reused as long as the key stays the same.

    Raises:
        ConfigurationError: a setting or the key is missing.
    """
    settings = RendererSettings.from_environment()
    return _renderer(settings, provider_key(settings.runway_secret))
