"""Names that the nodes of a cluster and what is started on them agree upon."""

from __future__ import annotations

NODE_RESOURCE = "heliograph-node-"
"""Before the name of a node: the resource that its Ray is started with, and its actors ask for."""

DATA_VARIABLE = "HELIOGRAPH_DATA"
"""Where the processes of a node find the path of its data folder."""
