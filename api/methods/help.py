"""What a client has to know of the server."""

from __future__ import annotations

from api import types as t
from api.methods.registry import Params, method


@method("help.limits", to="gateway", result=t.LimitTable, auth=False, read=True)
class GetLimits(Params, frozen=True):
    """The limits of this server."""


@method("help.config", to="gateway", result=t.Config, auth=False, read=True)
class GetConfig(Params, frozen=True):
    """Where live connections go, and what this server is."""
