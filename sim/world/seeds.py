"""Seeds of runs that found something once; the tests run them all."""

from __future__ import annotations

SEEDS: dict[int, str] = {
    20: "a client took the refusal to remove oneself, repeated, for a success",
    29: "the same, after the edge was paused",
}
"""With what was found."""
