"""What acts take out of flood limits (`actors.flood`)."""

from __future__ import annotations

Charges = tuple[tuple[str, int], ...]
"""How many of which kind."""
