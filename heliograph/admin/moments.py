"""Moments as people write and read them."""

from __future__ import annotations

from datetime import UTC, datetime


def unix_ms(text: str) -> int:
    """Of "2026-03-01", "2026-03-01T12:30", "2026-03-01T12:30:05.250+01:00", or Unix milliseconds.
    What names no zone is UTC. Raises ValueError."""
    if text.isdecimal() and len(text) > len("20260301"):
        return int(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def shown(moment_ms: int) -> str:
    """In UTC, so that `unix_ms` understands it and finds the same moment."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds")
