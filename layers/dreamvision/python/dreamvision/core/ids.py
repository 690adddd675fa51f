"""Identifiers: UUID version 7 (RFC 9562, section 5.7), which sort by creation time."""

import hashlib
import secrets
import time
import uuid
from datetime import UTC, datetime

_TIMESTAMP_BITS = 48
_RANDOM_A_BITS = 12
_RANDOM_B_BITS = 62


def new_id() -> str:
    """Return a new UUIDv7 in canonical text form: 48 bits of Unix milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000 & (1 << _TIMESTAMP_BITS) - 1
    value = milliseconds << 80
    value |= 0x7 << 76
    value |= secrets.randbits(_RANDOM_A_BITS) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(_RANDOM_B_BITS)
    return str(uuid.UUID(int=value))


def derived_id(seed: str, purpose: str) -> str:
    """Return a UUIDv7 with the timestamp of ``seed`` (also a UUIDv7). The same seed and purpose give the same id."""
    digest = int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest())
    value = uuid.UUID(seed).int >> 80 << 80
    value |= 0x7 << 76
    value |= (digest & (1 << _RANDOM_A_BITS) - 1) << 64
    value |= 0b10 << 62
    value |= digest >> 12 & (1 << _RANDOM_B_BITS) - 1
    return str(uuid.UUID(int=value))


def earliest_id(same_time_as: str, *, margin_seconds: int) -> str:
    """Return a lower bound, in sort order, of all ids created since ``margin_seconds`` before this one."""
    milliseconds = (uuid.UUID(same_time_as).int >> 80) - margin_seconds * 1000
    return str(uuid.UUID(int=max(0, milliseconds) << 80))


def time_of(id_text: str) -> datetime:
    """Return a UUIDv7's creation time, to the millisecond."""
    return datetime.fromtimestamp((uuid.UUID(id_text).int >> 80) / 1000, UTC)
