"""Seeds of runs that found something once; the tests run them all."""

from __future__ import annotations

from typing import NamedTuple


class Kept(NamedTuple):
    """A run to repeat."""

    seed: int
    copies: int = 1


SEEDS: dict[Kept, str] = {
    Kept(20): "a client took the refusal to remove oneself, repeated, for a success",
    Kept(
        922174219
    ): "a host that was started while its clock was twelve years ahead ended a session",
    Kept(
        307134880
    ): "of many messages that had arrived before a crash, not all were deleted from the outbox",
    Kept(29): "the same, after the edge was paused",
    Kept(77068, 3): "what nobody waited for any more took effect while devices read in the end",
}
"""With what was found."""
