"""The answers of the operations function. None has a dream, a prompt, a token or an e-mail address."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal

from pydantic import PlainSerializer

from dreamvision.core.pricing import MICRO
from dreamvision.schemas.base import Response, Timestamp
from dreamvision.schemas.videos import VideoStatus

type UserState = Literal["active", "blocked", "erasing", "no_sign_in"]

Dollars = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""US dollars, rounded to a millionth."""


class FoundUser(Response):
    """A user. ``no_sign_in``: the user pool no longer has the user, but the profile exists."""

    user_id: str
    state: UserState
    username: str | None
    tier: str
    created_at: Timestamp | None
    dreams: int
    videos: int
    estimated_cost: Dollars


class TierSet(Response):
    """The tier that applies to the user's next video."""

    user_id: str
    tier: str


class BlockedUser(Response):
    """A blocked user, and the videos that this command has stopped.

    ``executions_running``: executions that could not be stopped; they cancel their render themselves.
    """

    user_id: str
    state: UserState
    cancelled_videos: list[str]
    executions_running: list[str]


class ChangedUser(Response):
    """A user after a change of their state."""

    user_id: str
    state: UserState


class Quota(Response):
    """The user's quota today (UTC). ``reset``: whether the command has reset the day's counts.

    ``refused_today``: dreams and videos refused for their content; ``paused``: too many of them.
    """

    user_id: str
    tier: str
    day: str
    videos_today: int
    videos_per_day: int
    left_today: int
    running_videos: int
    concurrent_videos: int
    analyses_today: int
    analyses_per_day: int
    analyses_left_today: int
    refused_today: int
    paused: bool
    resets_in_seconds: int
    reset: bool


class Step(Response):
    """One step in a video's history, in words."""

    at: Timestamp
    text: str


class Failure(Response):
    """Why a video failed: the error's class name, and the message that the user sees."""

    error: str
    message: str | None


class VideoCost(Response):
    """The estimated cost of a video and of its dream's analysis. ``None``: not known, or nothing was paid for."""

    credits: int | None
    render: Dollars | None
    input_tokens: int | None
    output_tokens: int | None
    analysis: Dollars | None
    total: Dollars


class InspectedVideo(Response):
    """A video's state and history."""

    job_id: str
    user_id: str
    dream_id: str
    status: VideoStatus
    failure: Failure | None
    cost: VideoCost
    history: list[Step]


class Spending(Response):
    """Completed videos, and estimated costs, of a day (``2026-11-23``) or a month (``2026-11``), in UTC.

    The costs include renders that failed or were cancelled.
    """

    period: str
    videos: int
    claude: Dollars
    runway: Dollars
    total: Dollars


type Result = FoundUser | TierSet | BlockedUser | ChangedUser | Quota | InspectedVideo | Spending


class Problem(Response):
    """One invalid field of a command."""

    field: str
    problem: str


class Refusal(Response):
    """A refused command: the error's class name, what to do, and the invalid fields."""

    error: str
    message: str
    problems: tuple[Problem, ...] = ()


class Answer(Response):
    """The answer to a command: a result or a refusal."""

    ok: bool
    command: str | None
    result: Result | None = None
    refusal: Refusal | None = None


def dollars(micros: Decimal) -> Decimal:
    """Return millionths of a US dollar as dollars."""
    return micros.quantize(Decimal(1), ROUND_HALF_UP) / MICRO
