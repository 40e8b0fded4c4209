"""`heliograph cluster start` and `stop`: Heliograph on the nodes of a Ray cluster that is there.

Starting comes back when clients can come; Ray keeps everything running from then on. It may be
repeated at any time: what runs already goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from api.urls import bracketed
from heliograph.failing import Told
from heliograph.server.config import COPIES, ServerConfig
from heliograph.server.environment import entrance_file
from heliograph.server.haproxy import Entrance
from heliograph.server.layout import LayoutError, is_pooled, lay_out
from heliograph.server.main import wait_until_ready, write_run_file
from heliograph.server.node import node_environment
from heliograph.server.parts import deploy, entrance_of, serve_options, settings_of
from heliograph.server.up import PARTITIONS
from storage import node_folder
from storage.folder import check_unchanged, describe
from storage.node_folder import Content
from storage.port import DataFolderError

if TYPE_CHECKING:
    from shells.settings import Settings

log = logging.getLogger("heliograph.server")

JOIN_STEP_S = 0.25
READY_S_MAX = 90.0
SERVE_GONE_S_MAX = 60.0
NODES_AT_ONCE = 64
SERVE_CONTROLLER = "SERVE_CONTROLLER_ACTOR"


class ClusterError(Told):
    """Heliograph cannot be started on this cluster; the message says why."""


def connect(data: Path) -> Any:
    """Connect to the Ray cluster that this machine is a node of. Raises ClusterError."""
    os.environ.update(node_environment(data))
    import ray

    from shells.process import log_to
    from shells.registry import NAMESPACE

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
    from shells import cluster
    from shells.settings import code_digest

    known = node_folder.look(Path(config.data)).cluster
    roster = cluster.seats(known.cluster_id) if known and known.copies > 1 else {}
    count = nodes or len([*filter(is_pooled, roster)]) or (known.hosts if known else 1)
    least = count if known is None or known.copies == 1 else 1
    names = wait_for_nodes(count, least, wait_s, say)
    looked = look(names, say)
    contents = {name: content for name, (_, content) in looked.items()}
    try:
        layout = lay_out(contents, nodes, roster)
    except LayoutError as error:
        raise ClusterError(str(error)) from error
    homes, own = (
        {host: cluster.Home(node, looked[node][0]) for host, node in some.items()}
        for some in (layout.homes, layout.own)
    )
    copies, shards = config.copies or min(COPIES, len(homes)), config.shards or None
    try:
        made = layout.cluster or describe(PARTITIONS, len(homes), copies=copies, shards=shards)
        check_unchanged("this cluster", made, copies=config.copies or None, shards=shards)
    except DataFolderError as error:
        raise ClusterError(str(error)) from error
    for host in layout.newcomers:
        cluster.claim(homes[host], made, host)
        if layout.cluster is not None:
            say(f"Node {layout.homes[host]} joins as {host}.")
    for host in layout.missing:
        say(f"{host} is missing; after {config.replace_after_s:g} s others get its copies.")
    config = replace(
        config,
        cluster_id=made.cluster_id,
        partitions=made.partitions,
        hosts=made.hosts,
        copies=made.copies,
        shards=made.shard_count,
        edges=made.hosts,
    )
    settings = replace(settings_of(config), code=code_digest())
    say(f"Starting Heliograph on {', '.join(layout.homes.values())} ...")
    entrance = entrance_of(config)
    for node in layout.homes.values():
        cluster.work_on(node, Entrance.write, entrance, entrance_file(Path(looked[node][0])))
    unchanged = _started_before(settings)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(cluster.start_on, homes | own, settings)
        serve.start(proxy_location="EveryNode", http_options=serve_options(config))
        if not (unchanged and len(homes) <= _fronts() <= len(homes) + len(layout.missing)):
            deploy(serve_app.application(settings, fronts=len(homes)))
        started.result()
    for address in addresses(layout.homes.values()) if config.everywhere else [config.shown_host]:
        wait_until_ready(f"http://{address}:{config.port}", READY_S_MAX)
    write_run_file(config, str(context.address_info["gcs_address"]))
    log.info("ready after %.1f s", time.monotonic() - begun_s)
    return config


def _started_before(settings: Settings) -> bool:
    from shells import registry

    with contextlib.suppress(RuntimeError):
        return registry.settings() == settings
    return False


def _fronts() -> int:
    """On how many nodes Serve runs the front, or has begun to run it again by itself, as it does
    after a restart of all machines. To deploy the same again would replace them one by one."""
    from ray import serve

    import serve_app

    found = serve.status().applications.get(serve_app.APP)
    if found is None or found.status not in ("RUNNING", "DEPLOYING"):
        return 0
    states = found.deployments["Front"].replica_states
    return sum(count for state, count in states.items() if state != "STOPPING")


def look(names: Iterable[str], say: Callable[[str], None]) -> dict[str, tuple[str, Content]]:
    """The path of each node's data folder, and what is in it. A node that does not answer for a
    minute is left out. Not sooner: a head that was started again takes the nodes that it remembers
    for alive until they have come back, or until it has missed them for a while."""
    from shells import cluster

    found = {}
    with ThreadPoolExecutor(NODES_AT_ONCE) as pool:
        looks = {name: pool.submit(cluster.look_at, name) for name in names}
        for name, waiting in looks.items():
            try:
                found[name] = waiting.result()
            except TimeoutError:
                say(f"Node {name} does not answer.")
    return found


def wait_for_nodes(count: int, least: int, wait_s: float, say: Callable[[str], None]) -> list[str]:
    """Wait until so many nodes have joined; returns the names of all. Raises ClusterError if not
    even the least number came."""
    from shells import registry

    end_s = time.monotonic() + wait_s
    told = ""
    while len(names := registry.node_names()) < count:
        if time.monotonic() > end_s and len(names) >= least:
            break
        if time.monotonic() > end_s:
            raise ClusterError(
                f"{count} nodes are wanted, {len(names)} came: {', '.join(names) or 'none'}"
            )
        if told != (now := f"{len(names)} of {count} nodes are there"):
            say(told := now)
        time.sleep(JOIN_STEP_S)
    return names


def addresses(names: Iterable[str]) -> list[str]:
    """Where these nodes are."""
    import ray

    from shells.names import NODE_RESOURCE

    wanted = {NODE_RESOURCE + name for name in names}
    found = [
        str(node["NodeManagerAddress"])
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"] and wanted & node["Resources"].keys()
    ]
    return [*map(bracketed, found)]


def stop(data: Path) -> None:
    """Ask the clients to come back later, let the hosts finish and close their folders, and take
    Heliograph out of the cluster; Ray stays. Raises ClusterError."""
    connect(data)
    from ray import serve

    from shells import cluster

    cluster.stop()
    cluster.end()
    serve.shutdown()  # type: ignore[no-untyped-call]
    _wait_until_serve_is_gone()
    (data / "run.json").unlink(missing_ok=True)


def _wait_until_serve_is_gone() -> None:
    """`serve.shutdown` does not wait for long, but Serve goes on ending whatever it finds: also
    what the next start deploys. Raises ClusterError."""
    import ray

    end_s = time.monotonic() + SERVE_GONE_S_MAX
    controller = {"name": SERVE_CONTROLLER, "namespace": "serve"}
    while controller in ray.util.list_named_actors(all_namespaces=True):
        if time.monotonic() > end_s:
            raise ClusterError("Ray Serve does not end; its logs on the head say more")
        time.sleep(JOIN_STEP_S)
