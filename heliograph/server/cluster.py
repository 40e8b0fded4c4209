"""`heliograph cluster start` and `stop`: Heliograph on the nodes of a Ray cluster that is there.

Starting comes back when clients can come; Ray keeps everything running from then on. It may be
repeated at any time: what runs already goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from heliograph.server.config import ServerConfig
from heliograph.server.layout import LayoutError, lay_out
from heliograph.server.main import settings_of, wait_until_ready, write_run_file
from heliograph.server.node import node_environment
from heliograph.server.up import PARTITIONS, REPLICATED_PARTITIONS
from storage import node_folder
from storage.folder import VERSION, Description

if TYPE_CHECKING:
    from actors.runtime.settings import Settings

log = logging.getLogger("heliograph.server")

COPIES = 3
"""As many as there are nodes, up to this, if it is not said otherwise."""
JOIN_STEP_S = 0.25
READY_S_MAX = 90.0


class ClusterError(Exception):
    """Heliograph cannot be started on this cluster; the message says why."""


def connect(data: Path) -> Any:
    """Connect to the Ray cluster that this machine is a node of. Raises ClusterError."""
    os.environ.update(node_environment(data))
    import ray

    from actors.runtime.process import log_to
    from actors.runtime.transport import NAMESPACE

    log_to(data, "cluster")
    try:
        return ray.init(
            address=os.environ.get("RAY_ADDRESS", "auto"),
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (ConnectionError, RuntimeError) as error:
        raise ClusterError(
            f"no Ray runs on this machine ({error}); start it with: heliograph cluster node"
        ) from error


def start(
    config: ServerConfig, nodes: int | None, wait_s: float, say: Callable[[str], None]
) -> ServerConfig:
    """Start Heliograph on the nodes of the cluster, and wait until it answers on each; returns the
    configuration with what the cluster was made with. Raises ClusterError."""
    begun_s = time.monotonic()
    context = connect(Path(config.data))
    from ray import serve

    import serve_app
    from actors.runtime import cluster

    known = node_folder.look(Path(config.data)).cluster
    names = wait_for_nodes(nodes or (known.hosts if known else 1), wait_s, say)
    looked = {name: cluster.look_at(name) for name in names}
    try:
        layout = lay_out({name: content for name, (_, content) in looked.items()}, nodes)
    except LayoutError as error:
        raise ClusterError(str(error)) from error
    homes = [cluster.Home(name, looked[name][0]) for name in layout.homes]
    copies = config.copies or min(COPIES, len(homes))
    if layout.cluster is not None and config.copies not in (0, layout.cluster.copies):
        raise ClusterError(
            f"this cluster was made with {layout.cluster.copies} copies; start it with --copies "
            f"{layout.cluster.copies}"
        )
    made = layout.cluster or make(homes, copies)
    config = replace(
        config,
        cluster_id=made.cluster_id,
        partitions=made.partitions,
        hosts=made.hosts,
        copies=made.copies,
        edges=made.hosts,
    )
    settings = replace(settings_of(config), fronts=made.hosts)
    say(f"Starting Heliograph on {', '.join(layout.homes)} ...")
    listen = {"host": config.host, "port": config.port}
    unchanged = _started_before(settings)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(cluster.start_on, homes, settings)
        serve.start(proxy_location="EveryNode", http_options=listen)
        if not (unchanged and _front_is_there()):
            serve.run(serve_app.application(settings), name=serve_app.APP, route_prefix="/")
        started.result()
    for address in addresses(layout.homes) if config.everywhere else [config.shown_host]:
        wait_until_ready(f"http://{address}:{config.port}", READY_S_MAX)
    write_run_file(config, str(context.address_info["gcs_address"]))
    log.info("ready after %.1f s", time.monotonic() - begun_s)
    return config


def _started_before(settings: Settings) -> bool:
    from actors.runtime import cluster

    with contextlib.suppress(RuntimeError):
        return cluster.settings() == settings
    return False


def _front_is_there() -> bool:
    """Whether Serve has begun to run the front again by itself, as it does after a restart of all
    machines. To deploy the same again would replace its replicas one by one, half a minute each."""
    from ray import serve

    import serve_app

    found = serve.status().applications.get(serve_app.APP)
    return found is not None and found.status in ("RUNNING", "DEPLOYING")


def wait_for_nodes(count: int, wait_s: float, say: Callable[[str], None]) -> list[str]:
    """Wait until so many nodes have joined; returns the names of all. Raises ClusterError."""
    from actors.runtime import cluster

    end_s = time.monotonic() + wait_s
    told = ""
    while len(names := cluster.node_names()) < count:
        if time.monotonic() > end_s:
            raise ClusterError(
                f"{count} nodes are wanted, {len(names)} came: {', '.join(names) or 'none'}"
            )
        if told != (now := f"{len(names)} of {count} nodes are there"):
            say(told := now)
        time.sleep(JOIN_STEP_S)
    return names


def addresses(names: Sequence[str]) -> list[str]:
    """Where these nodes are."""
    import ray

    from actors.runtime.names import NODE_RESOURCE

    wanted = {NODE_RESOURCE + name for name in names}
    found = [
        str(node["NodeManagerAddress"])
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"] and wanted & node["Resources"].keys()
    ]
    return [f"[{address}]" if ":" in address else address for address in found]


def make(homes: list[Any], copies: int) -> Description:
    """A new cluster: its description goes to each node's data folder. Raises ClusterError."""
    from actors.runtime import cluster

    if copies > len(homes):
        raise ClusterError(f"{copies} copies need as many nodes; there are {len(homes)}")
    made = Description(
        version=VERSION,
        cluster_id=secrets.token_hex(8),
        partitions=PARTITIONS if copies == 1 else REPLICATED_PARTITIONS,
        hosts=len(homes),
        created_ms=time.time_ns() // 1_000_000,
        copies=copies,
    )
    for number, home in enumerate(homes):
        cluster.claim(home, made, f"host-{number}")
    return made


def stop(data: Path) -> None:
    """Ask the clients to come back later, let the hosts finish and close their folders, and take
    Heliograph out of the cluster; Ray stays. Raises ClusterError."""
    connect(data)
    from ray import serve

    from actors.runtime import cluster

    with contextlib.suppress(RuntimeError):
        settings = cluster.settings()
        cluster.stop(settings)
        cluster.end(settings)
    serve.shutdown()  # type: ignore[no-untyped-call]
    (data / "run.json").unlink(missing_ok=True)
