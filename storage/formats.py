"""Files that say which format they have: a newer one is refused, and not misread."""

from __future__ import annotations

import msgspec


def too_new(raw: bytes, field: str, known: int, what: str) -> str:
    """Why this JSON cannot be read by this version, empty if it can: its `field` is a format that
    is newer than the one `known`. `what` is called so. Raises `msgspec.MsgspecError`."""
    found = msgspec.json.decode(raw, type=dict[str, object]).get(field)
    if isinstance(found, int) and found > known:
        return (
            f"{what} was written by a newer Heliograph (format {found}, this one knows {known}); "
            "install the newer one"
        )
    return ""
