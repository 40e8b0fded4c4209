"""Everything that the client raises.

Exception
├── ApiError                the server refused; `code`, `detail`, `retry_after` (`api.errors`)
└── HeliographError         base of the rest
    ├── ConnectionLost      no answer, and it is unknown whether the call was carried out
    ├── DeadlineExceeded    repeated until the deadline, and never answered
    ├── SessionEnded        this login is over; log in again
    ├── Displaced           too many clients use this login, and this one was connected first
    ├── ClientClosed        the client was closed while or before it was asked
    ├── ProtocolError       what answers there is not a Heliograph server, or a newer one
    ├── FileDamaged         what was downloaded is not the file that was asked for
    └── StateError          the file with the client's state cannot be used
"""

from __future__ import annotations


class HeliographError(Exception):
    """Base of all errors of this client other than `ApiError`."""


class ConnectionLost(HeliographError):
    """The server cannot be reached, or the connection broke before the answer came. Calls are
    repeated by themselves; this is raised only by those that must not be (`auth.login`,
    `auth.change_password`, `chats.transfer_ownership`), and as the cause of `DeadlineExceeded`.

    `maybe_done` tells whether the server may have carried the call out.
    """

    def __init__(self, message: str, maybe_done: bool = True) -> None:
        super().__init__(message, maybe_done)
        self.maybe_done = maybe_done

    def __str__(self) -> str:
        return str(self.args[0])


class DeadlineExceeded(HeliographError):
    """No answer came before the deadline of the call, although it was repeated. It may have been
    carried out: repeat it, a send with the same `random_id`."""


class SessionEnded(HeliographError):
    """The server ended this login (logged out, ended from another device, password changed)."""


class Displaced(HeliographError):
    """More clients are connected with this login than a session may have connections, and this one
    was connected first: the server gave it up. It does not come back by itself, or they would send
    each other away for ever. The login is valid, and calls work; make another client for updates
    when it is this one that is wanted."""


class ClientClosed(HeliographError):
    """The client is closed; make another one."""


class ProtocolError(HeliographError):
    """The answer is not one of this protocol. Is the address that of a Heliograph server, and is
    the client new enough for it?"""


class FileDamaged(HeliographError):
    """What was downloaded is not the file of the message; it was deleted. Try again."""


class StateError(HeliographError):
    """The state file is unreadable, damaged, or belongs to another server."""
