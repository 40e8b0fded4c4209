"""What everything is made of that is answered."""

from __future__ import annotations

from msgspec import Struct


class Record(Struct, frozen=True, omit_defaults=True):
    """Base of everything that is answered. A field that has its default is left out, and `null`
    is never sent."""


class Ok(Record, frozen=True, omit_defaults=False):
    """It is done; also where there was nothing to do."""

    ok: bool = True
