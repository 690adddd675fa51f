"""Build the dream analyzer from the environment. Imports the Claude SDK, which takes a second or a snapshot."""

from functools import cache
from pathlib import Path

from dreamvision.analysis.claude import ClaudeAnalyzer, ClaudeSettings
from dreamvision.analysis.models import Analyzer
from dreamvision.analysis.prompts import load_prompts
from dreamvision.core.config import Config
from dreamvision.core.secrets import provider_key
from dreamvision.core.snapshots import prepare_for_snapshots

prepare_for_snapshots()


class AnalyzerSettings(Config):
    """Claude's base URL, the model, the secret that holds the key, and the directory of the prompts."""

    anthropic_secret: str
    anthropic_base_url: str
    claude_model: str
    prompts_directory: Path


@cache
def _analyzer(settings: AnalyzerSettings, key: str) -> Analyzer:
    claude = ClaudeSettings(model=settings.claude_model, base_url=settings.anthropic_base_url)
    return ClaudeAnalyzer(claude, key, load_prompts(settings.prompts_directory))


def configured_analyzer() -> Analyzer:
    """Return the analyzer with the current key.

    Raises:
        ConfigurationError: a setting or the key is missing.
    """
    settings = AnalyzerSettings.from_environment()
    return _analyzer(settings, provider_key(settings.anthropic_secret))
