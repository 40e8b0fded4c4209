"""The most common passwords: 30,000 that zxcvbn ships (MIT; from leaks, the most common first).
They are what whoever guesses tries first."""

from __future__ import annotations

from functools import lru_cache

from api import limits
from api.errors import ApiError
from fronts.passwords import prepared


@lru_cache(1)
def _known() -> frozenset[str]:
    """Those that could be taken at all. Read when the first is needed: they take some MB."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    words = FREQUENCY_LISTS["passwords"]
    return frozenset(word for word in words if len(word) >= limits.PASSWORD_CHARS_MIN)


def check_uncommon(password: str, field: str) -> None:
    """Raises `password_common`, with the field; upper and lower case make no difference."""
    if prepared(password).lower() in _known():
        raise ApiError(
            "password_common",
            "this is one of the most common passwords, which are guessed first; take another",
            field=field,
        )
