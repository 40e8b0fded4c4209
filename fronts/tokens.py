"""Tokens: `<user id>.<session id>.<secret>`, ids in hexadecimal, the secret 256 random bits in
base64url. The ids say where the session lives; only the hash of the secret is kept, there."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

from api.ambient import random_bytes
from api.errors import ApiError
from runtime.refs import MAX_ID

SECRET_BYTES = 32


def new_token(user_id: int, session_id: int) -> tuple[str, bytes]:
    """A token for a new session, and the hash to keep."""
    secret = random_bytes(SECRET_BYTES)
    text = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return f"{user_id:x}.{session_id:x}.{text}", sha256(secret).digest()


def parse_token(token: str) -> tuple[int, int, bytes]:
    """User id, session id and hash of a token. Raises `unauthorized`."""
    try:
        user, session, text = token.split(".")
        user_id, session_id = int(user, 16), int(session, 16)
        secret = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ApiError("unauthorized", "this is no token") from None
    if not (0 < user_id <= MAX_ID and 0 < session_id <= MAX_ID and len(secret) == SECRET_BYTES):
        raise ApiError("unauthorized", "this is no token")
    return user_id, session_id, sha256(secret).digest()
