"""What media actors refuse."""

from __future__ import annotations

from runtime.replication.protocol import Unavailable


class Refused(Unavailable):
    """A media actor is there, and did not do it: `code` of the contract says why (`storage_full`,
    `overloaded`)."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def worst(errors: list[Unavailable]) -> Unavailable:
    """The one to be told of several: a full disk before all, for that does not pass by itself."""
    codes = ("storage_full", "overloaded")
    for code in codes:
        for error in errors:
            if isinstance(error, Refused) and error.code == code:
                return error
    return errors[0]
