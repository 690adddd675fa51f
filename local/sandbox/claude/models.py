"""The Claude models that the sandbox supports, and what each accepts (platform.claude.com, models overview)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClaudeModel:
    """A model. Limits are in tokens; ``token_factor`` is the tokens for a text relative to the 4.x models."""

    id: str
    display_name: str
    created_at: str
    context_tokens: int
    max_output_tokens: int
    min_cacheable_tokens: int
    thinking_types: frozenset[str]
    thinks_by_default: bool = False
    takes_effort: bool = True
    takes_prefill: bool = False
    takes_forced_tools: bool = True
    token_factor: float = 1.0
    alias: str | None = None
    lifecycle: str = "active"


_FOUR_FIVE = frozenset({"enabled", "disabled"})
_FIVE_FIVE = frozenset({"adaptive", "between_tools"})

MODELS = (
    ClaudeModel(
        "claude-sonnet-5-5", "Claude Sonnet 5.5", "2026-09-28T00:00:00Z", 1_000_000, 128_000, 512, _FIVE_FIVE,
        thinks_by_default=True, takes_forced_tools=False, token_factor=1.3,
    ),
    ClaudeModel(
        "claude-haiku-5-5", "Claude Haiku 5.5", "2026-09-28T00:00:00Z", 1_000_000, 128_000, 512, _FIVE_FIVE,
        thinks_by_default=True, takes_forced_tools=False, token_factor=1.3,
    ),
    ClaudeModel(
        "claude-sonnet-5", "Claude Sonnet 5", "2026-06-30T00:00:00Z", 1_000_000, 128_000, 1024,
        frozenset({"adaptive", "enabled", "disabled"}), thinks_by_default=True, token_factor=1.3,
    ),
    ClaudeModel(
        "claude-sonnet-4-6", "Claude Sonnet 4.6", "2026-02-17T00:00:00Z", 1_000_000, 128_000, 1024,
        frozenset({"adaptive", "enabled", "disabled"}),
    ),
    ClaudeModel(
        "claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "2025-09-29T00:00:00Z", 200_000, 64_000, 1024, _FOUR_FIVE,
        takes_effort=False, takes_prefill=True, alias="claude-sonnet-4-5", lifecycle="deprecated",
    ),
    ClaudeModel(
        "claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-01T00:00:00Z", 200_000, 64_000, 4096, _FOUR_FIVE,
        takes_effort=False, takes_prefill=True, alias="claude-haiku-4-5",
    ),
)  # fmt: skip

BY_NAME = {name: model for model in MODELS for name in (model.id, model.alias) if name}
"""Models by id and alias. Any other name is unknown or retired and yields 404."""
