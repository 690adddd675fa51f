"""The operations function: from a request to a typed answer, with an audit line in the log for each command."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self, assert_never

from aws_lambda_powertools import Logger
from pydantic import TypeAdapter, ValidationError

from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.sessions import Sessions
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError, UnexpectedError
from dreamvision.core.logging import log_unexpected
from dreamvision.database.client import Database
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.quotas import QuotaSettings, day_of
from dreamvision.limits.repository import LimitsRepository
from dreamvision.limits.spending import days_of_month, shards_on
from dreamvision.operations.answers import Answer, Problem, Refusal, Result, Spending, dollars
from dreamvision.operations.commands import (
    BlockUser,
    Command,
    EraseUser,
    FindUser,
    InspectVideo,
    SetTier,
    SpendMonth,
    SpendToday,
    UnblockUser,
    UserQuota,
)
from dreamvision.operations.users import UserOperations
from dreamvision.operations.videos import VideoOperations
from dreamvision.videos.workflow import VideoWorkflow

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_COMMANDS: Final[TypeAdapter[Command]] = TypeAdapter(Command)
# Without "@": the session name of an assumed role may be an e-mail address.
_ARN: Final = re.compile(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:[\w+=,./-]{1,160}", re.ASCII)
_NO_COMMAND: Final = "The command is invalid; nothing was changed."

logger = Logger()


class Operations:
    """Runs the commands."""

    def __init__(
        self,
        users: UserOperations,
        videos: VideoOperations,
        limits: LimitsRepository,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._users = users
        self._videos = videos
        self._limits = limits
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        database = Database.shared()
        users = UserOperations(
            database,
            UserPool(CognitoSettings.from_environment()),
            Sessions(database),
            VideoWorkflow.shared(),
            ErasureWorkflow.shared(),
            QuotaSettings.from_environment(),
        )
        return cls(users, VideoOperations(database, VideoWorkflow.shared()), LimitsRepository(database))

    def run(self, command: Command) -> Result:
        """Run a command.

        Raises:
            DreamVisionError: the command is refused; the subclass gives the reason.
        """
        match command:
            case FindUser():
                return self._users.find(address=command.address, username=command.username, user_id=command.user_id)
            case SetTier():
                return self._users.set_tier(command.user_id, command.tier)
            case BlockUser():
                return self._users.block(command.user_id)
            case UnblockUser():
                return self._users.unblock(command.user_id)
            case EraseUser():
                return self._users.erase(command.user_id)
            case UserQuota():
                return self._users.quota(command.user_id, reset=command.reset)
            case InspectVideo():
                return self._videos.inspect(command.job_id, command.user_id)
            case SpendToday():
                day = day_of(self._now())
                return self._spending(day, [day])
            case SpendMonth():
                month = command.month or day_of(self._now())[:7]
                return self._spending(month, days_of_month(month))
            case _:
                assert_never(command)

    def _spending(self, period: str, days: list[str]) -> Spending:
        spent = self._limits.spending([shard for day in days for shard in shards_on(day)])
        return Spending(
            period=period,
            videos=spent.videos,
            claude=dollars(spent.claude),
            runway=dollars(spent.runway),
            total=dollars(spent.total),
        )


def answer(event: object, context: "LambdaContext", operations: Callable[[], Operations]) -> dict[str, Any]:
    """Return the answer to a request as JSON. A refused command has changed nothing, unless its error says otherwise.

    Raises:
        UnexpectedError: the command failed unexpectedly and may have been carried out in part; repeat it.
    """
    logger.append_keys(**caller_of(context))
    try:
        command = _COMMANDS.validate_python(event)
    except ValidationError as error:
        return _dump(_invalid(error))
    logger.append_keys(operator=command.operator, command=command.command, **_subject_of(command))
    logger.info("operation requested")
    try:
        result = operations().run(command)
    except DreamVisionError as error:
        name = type(error).__name__
        logger.warning("operation refused", extra={"error": name})
        return _dump(Answer(ok=False, command=command.command, refusal=Refusal(error=name, message=str(error))))
    except Exception as error:
        log_unexpected(logger, error)
        raise UnexpectedError from None
    logger.info("operation done", extra=_found_in(result))
    return _dump(Answer(ok=True, command=command.command, result=result))


def caller_of(context: "LambdaContext") -> dict[str, str]:
    """Return what the invocation says about its caller.

    Lambda passes on an identity only for callers with one of a Cognito identity pool. Any other caller may name its
    ARN in the client context (``custom.caller_arn``), which nothing verifies: CloudTrail has the true one.
    """
    identity = getattr(getattr(context, "identity", None), "cognito_identity_id", None)
    custom = getattr(getattr(context, "client_context", None), "custom", None)
    arn = custom.get("caller_arn") if isinstance(custom, Mapping) else None
    found = {"cognito_identity_id": str(identity)} if identity else {}
    return found | ({"claimed_arn": arn} if isinstance(arn, str) and _ARN.fullmatch(arn) else {})


def _invalid(error: ValidationError) -> Answer:
    details = error.errors(include_input=False, include_url=False, include_context=False)
    # Neither the fields' names nor the messages: both may quote the request.
    logger.warning(
        "operation refused", extra={"error": "InvalidCommand", "kinds": sorted({d["type"] for d in details})}
    )
    problems = tuple(Problem(field=_field(detail["loc"]), problem=detail["msg"]) for detail in details)
    refusal = Refusal(error="InvalidCommand", message=_NO_COMMAND, problems=problems)
    return Answer(ok=False, command=None, refusal=refusal)


def _field(location: tuple[int | str, ...]) -> str:
    # The first part of a location in a command is the name of the command.
    return ".".join(map(str, location[1:])) or "command"


def _subject_of(command: Command) -> dict[str, str]:
    """Return the ids in a command, but neither an address nor a username."""
    return {
        name: value
        for name in ("user_id", "job_id", "tier", "month")
        if (value := getattr(command, name, None)) is not None
    }


def _found_in(result: Result) -> dict[str, Any]:
    user_id = getattr(result, "user_id", None)
    return {"user_id": user_id} if user_id else {}


def _dump(given: Answer) -> dict[str, Any]:
    return given.model_dump(mode="json")
