"""`heliograph admin`: what the operator of a server can do with it."""

from heliograph.admin.commands import app

__all__ = ["app"]
