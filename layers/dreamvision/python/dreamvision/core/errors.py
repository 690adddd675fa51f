"""The root of every error that DreamVision raises on purpose."""


class DreamVisionError(Exception):
    """Something that the product foresees going wrong.

    The message is a fixed sentence: it may reach a log line and the state machine's history, so it never carries
    personal text, a provider's words or a key. ``user_message`` is what a person may read on the screen.
    """

    default_message = "Something went wrong."
    user_message = "Something went wrong. Please try again."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.default_message)
