"""Load: real clients on real sockets against a running server.

`command` is `heliograph load`.
"""

from sim.load.cli import command

__all__ = ["command"]
