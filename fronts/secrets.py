"""Secrets that all processes of a cluster derive from its token, which can be told to others and do
not tell the token."""

from __future__ import annotations

import os
from pathlib import Path

from blake3 import blake3

TOKEN_VARIABLE = "RAY_AUTH_TOKEN_PATH"
"""Where the processes of a server find the path of the file with the token."""


def cluster_token() -> str:
    """The token of the cluster that this process is of."""
    return read_token(Path(os.environ[TOKEN_VARIABLE]))


def read_token(path: Path) -> str:
    """The token in a file. Raises OSError."""
    return path.read_text().strip()


def front_secret(token: str) -> str:
    """By this fronts know their own entrances."""
    return _derived(token, "heliograph entrance")


def metrics_token(token: str) -> str:
    """Whoever has this may read `/metrics`."""
    return _derived(token, "heliograph metrics")


def _derived(token: str, context: str) -> str:
    return blake3(token.encode(), derive_key_context=context).hexdigest()
