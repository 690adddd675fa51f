"""Times as the API shows them: RFC 3339, UTC, ``Z``, whole milliseconds."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present moment, cut to milliseconds: what is stored equals what is shown."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def to_text(moment: datetime) -> str:
    """``2026-11-23T03:04:05.678Z``. Texts of this form sort as their times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
