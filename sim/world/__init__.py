"""World: the production code of hosts, edges and clients in one process, in simulated time, over a
simulated network and disks that fail as a seed says; see docs/simulation.md.

`app` holds `heliograph sim world`.
"""

from sim.world.cli import app

__all__ = ["app"]
