"""The parts of a server that run on Ray, started and stopped: hosts, media actors, edges and the
HTTP front. What is called in a worker of Ray imports there what it needs, or has it already
(`heliograph.server.zygote`)."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fronts.secrets import cluster_token, front_secret
from heliograph.server import local_nodes
from heliograph.server.config import ServerConfig, decode_config
from heliograph.server.environment import entrance_file
from heliograph.server.haproxy import Entrance
from storage import node_folder

if TYPE_CHECKING:
    from ray.serve import Application

    from shells.settings import Settings

DEPLOYED_STEP_S = 0.05
log = logging.getLogger("heliograph.server")


def settings_of(config: ServerConfig) -> Settings:
    """The runtime's part of the configuration."""
    from shells.settings import Settings

    return Settings(
        data=config.data,
        cluster_id=config.cluster_id,
        partitions=config.partitions,
        hosts=config.hosts,
        copies=config.copies,
        shards=config.shards,
        replace_after_s=config.replace_after_s,
        edges=config.edges,
        dedicated=config.dedicated,
        resident_max=config.resident_max,
        ws_host=config.host,
        ws_port=config.ws_port,
        ws_url=config.ws_url,
        files_port=config.files_port,
        proxies=config.proxies,
        registration=config.registration,
        version=config.version,
        user_quota_bytes=config.user_quota_bytes,
        chat_quota_bytes=config.chat_quota_bytes,
        proxy_header=config.proxy_header,
        connections_per_address_max=config.connections_per_address_max,
        exempt=config.exempt,
        floods=config.floods,
        flood_exempt=config.flood_exempt,
        reserved_names=config.reserved_names,
        common_passwords=config.common_passwords,
        port=config.port,
        public_url=config.public_url,
        origins=config.origins,
        allow_origins=config.allow_origins,
    )


def entrance_of(config: ServerConfig) -> Entrance:
    """What clients meet on the HTTP port. Fronts are on loopback behind it: `serve_options`."""
    return config.entrance(front_secret(cluster_token()))


def serve_options(config: ServerConfig) -> dict[str, Any]:
    """Where Serve's own parts listen: HAProxy is told otherwise (`heliograph.server.haproxy`)."""
    return {"host": "127.0.0.1", "port": config.port}


def start(encoded: str) -> None:
    """Start all parts of the server with this configuration, in a worker of the Ray of this
    machine, and wait until they run."""
    from ray import serve

    import serve_app
    from shells.process import log_to

    config = decode_config(encoded)
    log_to(Path(config.data), "start")
    begun_s = time.monotonic()
    settings = settings_of(config)
    entrance_of(config).write(entrance_file(Path(config.data)))
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(_start_actors, config, settings)
        serve.start(http_options=serve_options(config))
        log.info("serve is up after %.1f s", time.monotonic() - begun_s)
        deploy(serve_app.application(settings))
        log.info("the front is up after %.1f s", time.monotonic() - begun_s)
        made.result()
    log.info("all is up after %.1f s", time.monotonic() - begun_s)


def deploy(application: Application) -> None:
    """Have Serve run the front, and wait until it does. Raises RuntimeError where it cannot."""
    from ray import serve

    import serve_app

    target = serve.RunTarget(target=application, name=serve_app.APP, route_prefix="/")
    serve.run_many(  # it would look only once a second
        [target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False
    )
    while (found := serve.status().applications[serve_app.APP]).status != "RUNNING":
        if found.status == "DEPLOY_FAILED":
            raise RuntimeError(f"the front does not start: {found.message}")
        time.sleep(DEPLOYED_STEP_S)


def _start_actors(config: ServerConfig, settings: Settings) -> None:
    from shells import cluster

    if config.nodes == 1:
        cluster.start(settings)
        return
    folders = [str(local_nodes.folder(Path(config.data), number)) for number in range(config.nodes)]
    homes = {
        host: cluster.Home(Path(path).name, path)
        for path in folders
        for host in node_folder.look(Path(path)).hosts
    }
    cluster.start_on(homes, settings)


def stop(encoded: str) -> None:
    """Stop them cleanly: the clients are asked to come back, the hosts close their folders. What is
    left of the cluster then holds nothing."""
    from shells import cluster
    from shells.process import log_to

    log_to(Path(decode_config(encoded).data), "stop")
    begun_s = time.monotonic()
    cluster.stop()
    log.info("stopped cleanly after %.1f s", time.monotonic() - begun_s)
