"""Notify the devices of users whose videos are completed or have failed.

Messages of several users share a request. If Expo refuses one for its content, such as a push token of another project,
each user's messages are sent on their own: no user can keep others from being notified.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import batched
from typing import NamedTuple, Self

from aws_lambda_powertools import Logger

from dreamvision.auth.sessions import Sessions
from dreamvision.core.config import ConfigurationError
from dreamvision.core.logging import log_unexpected
from dreamvision.core.metrics import Metric, count, count_access_error, record
from dreamvision.database.client import Database
from dreamvision.devices.repository import DeviceRepository, Devices, StoredDevice
from dreamvision.notifications.digests import digest_of
from dreamvision.notifications.errors import (
    PushAccessError,
    PushOutcomeUnknownError,
    PushRefusedError,
    PushUnavailableError,
)
from dreamvision.notifications.expo import (
    CREDENTIALS_ERRORS,
    DEVICE_NOT_REGISTERED,
    MAX_MESSAGES,
    RATE_EXCEEDED,
    ExpoClient,
    Ticket,
)
from dreamvision.notifications.messages import Outcome, message
from dreamvision.notifications.repository import NotificationClaims
from dreamvision.notifications.tasks import NotificationTasks, SentNotification

logger = Logger()


class _Notification(NamedTuple):
    """A claimed notification: one device about one video."""

    outcome: Outcome
    device_id: str
    device: StoredDevice


class NotificationSender:
    """Sends each notification at most once."""

    def __init__(
        self,
        devices: DeviceRepository,
        sessions: Sessions,
        claims: NotificationClaims,
        tasks: NotificationTasks,
        expo: Callable[[], ExpoClient],
    ) -> None:
        self._devices = devices
        self._sessions = sessions
        self._claims = claims
        self._tasks = tasks
        self._expo = expo

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        database = Database.shared()
        return cls(
            DeviceRepository(database),
            Sessions(database),
            NotificationClaims(database),
            NotificationTasks.shared(),
            ExpoClient.shared,
        )

    def send(self, outcomes: Iterable[Outcome]) -> set[Outcome]:
        """Notify the devices that were not notified yet. Return what has to be sent again: nothing of it is claimed."""
        failed: set[Outcome] = set()
        notifications: list[_Notification] = []
        for outcome in outcomes:
            try:
                notifications += self._claimed(outcome)
            except Exception as error:
                log_unexpected(logger, error)
                failed.add(outcome)
        sent: list[SentNotification] = []
        for batch in batched(notifications, MAX_MESSAGES, strict=False):
            sent += self._send(batch, failed)
        self._remember(sent)
        return failed

    def _claimed(self, outcome: Outcome) -> list[_Notification]:
        devices = self._active_devices(outcome.user_id)
        if not devices:
            return []
        claimed = self._claims.claim(outcome, devices)
        return [_Notification(outcome, id_, device) for id_, device in devices.items() if id_ in claimed]

    def _active_devices(self, user_id: str) -> Devices:
        """Return the devices whose session has not ended."""
        devices = self._devices.list_by_user(user_id)
        if not devices:
            return {}
        revoked = self._sessions.revoked(user_id)
        return {id_: each for id_, each in devices.items() if not revoked.includes(each.session_id, each.issued_at)}

    def _send(self, batch: Sequence[_Notification], failed: set[Outcome]) -> list[SentNotification]:
        messages = [message(each.outcome, each.device.push_token, each.device.locale) for each in batch]
        try:
            tickets = self._expo().send(messages)
        except (PushUnavailableError, ConfigurationError) as error:
            count_access_error(error)
            logger.warning("notifications not accepted", extra={"error": type(error).__name__, "number": len(batch)})
            failed.update(self._release(batch))
            return []
        except PushRefusedError as error:
            by_user: dict[str, list[_Notification]] = defaultdict(list)
            for each in batch:
                by_user[each.outcome.user_id].append(each)
            if len(by_user) > 1:
                return [sent for each in by_user.values() for sent in self._send(each, failed)]
            return self._give_up(batch, error)
        except PushOutcomeUnknownError as error:
            return self._give_up(batch, error)
        return self._accepted(batch, tickets, failed)

    def _give_up(self, batch: Sequence[_Notification], error: Exception) -> list[SentNotification]:
        """Leave the claims: repeating does not help, or could notify somebody twice."""
        logger.warning("notifications given up", extra={"error": type(error).__name__, "number": len(batch)})
        record({Metric.NOTIFICATIONS_FAILED: len(batch)}, reason=type(error).__name__)
        return []

    def _release(self, notifications: Iterable[_Notification]) -> set[Outcome]:
        by_outcome: dict[Outcome, list[str]] = defaultdict(list)
        for each in notifications:
            by_outcome[each.outcome].append(each.device_id)
        for outcome, device_ids in by_outcome.items():
            self._claims.release(outcome, device_ids)
        return set(by_outcome)

    def _accepted(
        self, batch: Sequence[_Notification], tickets: Sequence[Ticket], failed: set[Outcome]
    ) -> list[SentNotification]:
        sent: list[SentNotification] = []
        for notification, ticket in zip(batch, tickets, strict=True):
            device, user_id = notification.device, notification.outcome.user_id
            if ticket.receipt_id is not None:
                sent.append(
                    SentNotification(
                        receipt_id=ticket.receipt_id,
                        user_id=user_id,
                        device_id=notification.device_id,
                        token_digest=digest_of(device.push_token),
                    )
                )
            elif ticket.error == RATE_EXCEEDED:
                failed.update(self._release([notification]))
            elif ticket.error is not None:
                handle_error(ticket.error, self._devices, user_id, digest_of(device.push_token))
        if sent:
            record({Metric.NOTIFICATIONS_SENT: len(sent)})
        return sent

    def _remember(self, sent: Sequence[SentNotification]) -> None:
        try:
            self._tasks.check_receipts(sent)
        except Exception as error:
            # The notifications are sent. Without receipts, a dead device is found with its next notification.
            log_unexpected(logger, error)


def handle_error(error: str, devices: DeviceRepository, user_id: str, token_digest: str) -> None:
    """Log and count the error of a ticket or receipt; remove the user's devices with a push token that is dead."""
    logger.warning("notification failed", extra={"error": error})
    if error in CREDENTIALS_ERRORS:
        count_access_error(PushAccessError())
    count(Metric.NOTIFICATIONS_FAILED, reason=error)
    if error == DEVICE_NOT_REGISTERED:
        devices.remove_where(user_id, lambda _, device: digest_of(device.push_token) == token_digest)
