"""Heliograph: the Python client and the command line of a cloud messenger.

Everything public is here; the modules whose names begin with an underscore are not. What methods
answer and what updates carry are the types of the contract, by the same names.
"""

from api.errors import ApiError
from api.methods import Params
from api.types import (
    Action,
    Authorization,
    Chat,
    Config,
    Contact,
    ContactChanged,
    Delivered,
    Dialog,
    Dialogs,
    Difference,
    History,
    Member,
    Message,
    MessageNew,
    Presence,
    ProfileChanged,
    ReadInbox,
    ReadMark,
    ReadOutbox,
    Sent,
    Session,
    Status,
    Typing,
    User,
)
from heliograph._client import Client
from heliograph._config import Backoff, Bounds, ConnectionState, Timeouts
from heliograph._errors import (
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    HeliographError,
    ProtocolError,
    SessionEnded,
    StateError,
)
from heliograph._inbox import Delivery
from heliograph._methods import new_random_id
from heliograph._state import FileState, MemoryState, Saved, State
from heliograph._wire import Resync, UnknownUpdate

__all__ = [
    "Action",
    "ApiError",
    "Authorization",
    "Backoff",
    "Bounds",
    "Chat",
    "Client",
    "ClientClosed",
    "Config",
    "ConnectionLost",
    "ConnectionState",
    "Contact",
    "ContactChanged",
    "DeadlineExceeded",
    "Delivered",
    "Delivery",
    "Dialog",
    "Dialogs",
    "Difference",
    "FileState",
    "HeliographError",
    "History",
    "Member",
    "MemoryState",
    "Message",
    "MessageNew",
    "Params",
    "Presence",
    "ProfileChanged",
    "ProtocolError",
    "ReadInbox",
    "ReadMark",
    "ReadOutbox",
    "Resync",
    "Saved",
    "Sent",
    "Session",
    "SessionEnded",
    "State",
    "StateError",
    "Status",
    "Timeouts",
    "Typing",
    "UnknownUpdate",
    "User",
    "new_random_id",
]
