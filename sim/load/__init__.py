"""Load: real clients on real sockets against a running server.

`command` is `heliograph load`; `python -m sim.load` runs it too.
"""

from sim.load.cli import command

__all__ = ["command"]
