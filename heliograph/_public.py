"""What `heliograph` offers, beside the types of the contract, which are offered all."""

from api import types as _types
from api.errors import ApiError
from api.methods import Params
from api.types import MediaKind
from heliograph._client import Client
from heliograph._config import Backoff, Bounds, ConnectionState, Progress, Timeouts
from heliograph._errors import (
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    Displaced,
    FileDamaged,
    HeliographError,
    ProtocolError,
    SessionEnded,
    StateError,
)
from heliograph._files import kind_of
from heliograph._inbox import Delivery
from heliograph._methods import new_random_id
from heliograph._state import FileState, MemoryState, Saved, State
from heliograph._wire import Resync, UnknownUpdate

__all__ = [
    "ApiError",
    "Backoff",
    "Bounds",
    "Client",
    "ClientClosed",
    "ConnectionLost",
    "ConnectionState",
    "DeadlineExceeded",
    "Delivery",
    "Displaced",
    "FileDamaged",
    "FileState",
    "HeliographError",
    "MediaKind",
    "MemoryState",
    "Params",
    "Progress",
    "ProtocolError",
    "Resync",
    "Saved",
    "SessionEnded",
    "State",
    "StateError",
    "Timeouts",
    "UnknownUpdate",
    "kind_of",
    "new_random_id",
]

_TYPES = {
    name: value
    for name, value in vars(_types).items()
    if isinstance(value, type) and issubclass(value, _types.Record)
}
globals().update(_TYPES)
EVERYTHING = sorted([*__all__, *_TYPES])
