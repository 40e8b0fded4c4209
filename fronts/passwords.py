"""How passwords are spelled: prepared as RFC 8265, section 4.2 (OpaqueString) says, so that one
that is typed on another keyboard is the same one.

Spaces of other scripts become U+0020, and the rest is normalised to NFC: `ë` is one character or
two, as the keyboard likes. Upper and lower case, width and everything else stay. A new password
holds none of what the RFC's FreeformClass excludes and one keyboard puts in unseen, and another
does not: controls, and characters that are drawn as nothing (but the two joiners). What is not
assigned yet is let through, unlike there: it may be an emoji of next year.
"""

from __future__ import annotations

import unicodedata

from api import limits
from api.errors import ApiError
from api.visible import CONTROLS, IGNORABLE, SURROGATES

_JOINERS = "\u200c\u200d"


def prepared(password: str) -> str:
    """The spelling that is hashed."""
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    return unicodedata.normalize("NFC", spaced)


def spellings(password: str) -> list[str]:
    """How it may have been spelled when it was hashed: as it is prepared, or, in an account from
    before passwords were, as it is typed."""
    return list(dict.fromkeys((prepared(password), password)))


def check_new(password: str, field: str) -> None:
    """Raises `invalid_params`, with the field, for what cannot become a password."""
    unseen = (*CONTROLS, *IGNORABLE, *SURROGATES)
    for char in password:
        code = ord(char)
        if char not in _JOINERS and any(first <= code <= last for first, last in unseen):
            raise ApiError(
                "invalid_params",
                f"a password holds nothing invisible, and here is U+{code:04X}; leave it out",
                field=field,
            )
    least = limits.PASSWORD_CHARS_MIN
    if len(prepared(password)) < least:
        words = f"a password has at least {least} characters"
        raise ApiError("invalid_params", words, field=field)
