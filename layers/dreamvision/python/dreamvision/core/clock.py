"""Times in the API's format: RFC 3339, UTC, ``Z``, whole milliseconds."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time, truncated to milliseconds so that stored and displayed values are equal."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def to_text(moment: datetime) -> str:
    """Format a time as ``2026-11-23T03:04:05.678Z``. Such strings sort chronologically."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
