"""Video prompts that users write themselves."""

from collections.abc import Sequence

from dreamvision.analysis.prompt_rules import RuleViolation, broken_rules
from dreamvision.core.errors import DreamVisionError


class VideoPromptError(DreamVisionError):
    """A user's video prompt breaks rules that Claude's output must pass, too."""

    default_message = "The video prompt breaks a rule."
    user_message = "See `errors` for the values to correct."

    def __init__(self, violations: Sequence[RuleViolation]) -> None:
        super().__init__()
        self.problem_errors = [
            {"loc": ["body", "video_prompt"], "msg": violation.sentence, "code": violation.code, **violation.limits}
            for violation in violations
        ]


def require_valid_prompt(prompt: str) -> None:
    """Check a user's video prompt, without white space around it.

    Raises:
        VideoPromptError: the prompt breaks a rule.
    """
    if violations := broken_rules(prompt):
        raise VideoPromptError(violations)
