"""The commands of the operations function, by the field ``command``. Unknown commands and fields are refused."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from dreamvision.schemas.base import UuidText

# No "@": an operator's name goes into every log line, an e-mail address into none.
Operator = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,63}$")]
"""The name or login of the person or system that gives the command."""

# Cognito's maximum for a username; users sign in with the address as one.
Address = Annotated[
    str,
    StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=128, strip_whitespace=True),
    AfterValidator(str.lower),
]


class _Command(BaseModel):
    """The fields of all commands."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    operator: Operator


class _UserCommand(_Command):
    user_id: UuidText


class FindUser(_Command):
    """Find a user by exactly one of address, username and id."""

    command: Literal["user.find"]
    address: Address | None = None
    username: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    user_id: UuidText | None = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if sum(value is not None for value in (self.address, self.username, self.user_id)) != 1:
            raise ValueError("exactly one of address, username and user_id is required")
        return self


class SetTier(_UserCommand):
    """Set the subscription tier."""

    command: Literal["user.set_tier"]
    tier: Literal["free", "premium"]


class BlockUser(_UserCommand):
    """Refuse every token and sign-in of the user from now on, and stop the user's videos."""

    command: Literal["user.block"]


class UnblockUser(_UserCommand):
    """Allow the user to sign in again."""

    command: Literal["user.unblock"]


class EraseUser(_UserCommand):
    """Delete the account and everything in it, as if the user had asked for it. Cannot be undone."""

    command: Literal["user.erase"]


class UserQuota(_UserCommand):
    """Show what is left of the user's quota; with ``reset``, first reset the day's counts."""

    command: Literal["user.quota"]
    reset: bool = False


class InspectVideo(_Command):
    """Show a video's history. ``user_id`` is required only once its execution is older than 90 days."""

    command: Literal["video.inspect"]
    job_id: UuidText
    user_id: UuidText | None = None


class SpendToday(_Command):
    """Show what the service has spent today (UTC)."""

    command: Literal["spend.today"]


class SpendMonth(_Command):
    """Show what the service has spent in a month (UTC), by default the current one."""

    command: Literal["spend.month"]
    month: Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")] | None = Field(
        default=None, examples=["2026-11"]
    )


type Command = Annotated[
    FindUser | SetTier | BlockUser | UnblockUser | EraseUser | UserQuota | InspectVideo | SpendToday | SpendMonth,
    Field(discriminator="command"),
]
