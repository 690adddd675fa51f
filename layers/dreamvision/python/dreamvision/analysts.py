"""The dream analyst of this deployment, set up from the environment. Imports the Claude SDK, which takes a second."""

from functools import cache
from pathlib import Path

from dreamvision.analysis import Analyst
from dreamvision.claude import ClaudeSettings, DreamAnalyst
from dreamvision.config import Config
from dreamvision.prompts import load_prompts
from dreamvision.provider_keys import provider_key


class AnalystSettings(Config):
    """Where Claude is, which model answers, the secret that holds the key, and where the prompts lie."""

    anthropic_secret: str
    anthropic_base_url: str
    claude_model: str
    prompts_directory: Path


@cache
def _analyst(settings: AnalystSettings, key: str) -> Analyst:
    claude = ClaudeSettings(model=settings.claude_model, base_url=settings.anthropic_base_url)
    return DreamAnalyst(claude, key, load_prompts(settings.prompts_directory))


def configured_analyst() -> Analyst:
    """The analyst with the key of the moment.

    Raises:
        ConfigurationError: a setting or the key is missing.
    """
    settings = AnalystSettings.from_environment()
    return _analyst(settings, provider_key(settings.anthropic_secret))
