"""Peers: the same load on Heliograph and on other servers that people use, which are run as
programs; see docs/benchmarks.md.

`app` holds `heliograph bench peers`.
"""

from sim.peers.cli import app

__all__ = ["app"]
