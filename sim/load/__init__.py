"""Load: real clients on real sockets against a running server.

`app` is `heliograph load`.
"""

from sim.load.cli import app

__all__ = ["app"]
