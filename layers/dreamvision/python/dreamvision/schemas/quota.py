"""What a user may still create."""

from typing import Annotated

from pydantic import Field

from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.schemas.base import Response, Timestamp

# Not strict: stored responses have DynamoDB's numbers.
_Count = Annotated[int, Field(ge=0)]


class CurrentUse(Response):
    """A limit on what exists at the same time."""

    limit: _Count = Field(examples=[2])
    used: _Count = Field(examples=[1])
    remaining: _Count = Field(examples=[1])


class DailyUse(Response):
    """A limit on what is created in a day."""

    limit: _Count = Field(examples=[5])
    used: _Count = Field(examples=[2])
    remaining: _Count = Field(
        description="0 as well while the user is paused, because too many dreams were refused for their content.",
        examples=[3],
    )
    resets_at: Timestamp = Field(description="When the day ends (UTC).", examples=["2026-11-24T00:00:00.000Z"])


class Quota(Response):
    """What the user may still create. The service as a whole has limits, too, which are not part of this."""

    tier: SubscriptionTier = Field(examples=["free"])
    videos_today: DailyUse = Field(description="Videos counted today.")
    videos_now: CurrentUse = Field(description="Videos that are not completed, failed or cancelled.")
    analyses_today: DailyUse = Field(description="Analyses counted today, those of videos included.")
