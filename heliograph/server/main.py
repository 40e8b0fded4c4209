"""The process that runs a server: a local Ray cluster, hosts, edges, and the HTTP front.

Started by `heliograph.server.supervisor` as `python -m heliograph.server.main CONFIG`. It says
`ready` on its standard output when clients can come, and stops cleanly on SIGTERM or SIGINT.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import resource
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from heliograph.server.children import adopt_orphans, end_descendants
from heliograph.server.config import RunFile, ServerConfig, decode_config, ray_membership
from heliograph.server.supervisor import FAILED, READY

if TYPE_CHECKING:
    from actors.runtime.settings import Settings

log = logging.getLogger("heliograph.server")

INLINE_BYTES_MAX = 1024 * 1024
"""What Ray carries inside a call (100 KiB if not told). Each call costs about half a millisecond,
so under load batches should be large (`actors.runtime.link`, `actors.runtime.fronts`)."""
FRONT_PORTS_FROM, FRONT_PORTS, FRONT_PORT_RANGES = 20_000, 100, 97
"""Where the front's replicas listen on loopback: a range for each server of the machine."""
HEALTH_S = 2.0
FAILURES_MAX = 5


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def raise_file_limit() -> int:
    """Let this process and its children open as many files as they may; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return min(soft, 1_000_000)


def environment(config: ServerConfig) -> dict[str, str]:
    """What Ray and Serve are told by the environment, before they are imported."""
    folder = Path(config.temporary) / "haproxy"
    folder.mkdir(exist_ok=True)
    front_ports = FRONT_PORTS_FROM + config.port % FRONT_PORT_RANGES * FRONT_PORTS
    return {
        **ray_membership(Path(config.data)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "RAY_enable_metrics_collection": "0",
        "RAY_enable_open_telemetry": "0",
        "RAY_LOG_TO_DRIVER": "0",
        "RAY_max_direct_call_object_size": str(INLINE_BYTES_MAX),
        "RAY_gcs_server_request_timeout_seconds": "10",
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "actors.edge.bounded:bound_websockets",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(Path(__file__).with_name("haproxy.sh")),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        # Not the ports of all servers of a machine: one would answer for another.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(front_ports),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(front_ports + FRONT_PORTS),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_MAXCONN": str(min(20_000, (raise_file_limit() - 200) // 3)),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "60",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "HELIOGRAPH_PYTHON": sys.executable,
    }


def settings_of(config: ServerConfig) -> Settings:
    """The runtime's part of the configuration."""
    from actors.runtime.settings import Settings

    return Settings(
        data=config.data,
        cluster_id=config.cluster_id,
        partitions=config.partitions,
        hosts=config.hosts,
        edges=config.edges,
        dedicated=config.dedicated,
        resident_max=config.resident_max,
        ws_host=config.host,
        ws_port=config.ws_port,
        ws_url=config.ws_url,
        proxies=config.proxies,
        registration=config.registration,
        version=config.version,
    )


def start(config: ServerConfig) -> str:
    """Start everything and wait until it answers; returns Ray's address."""
    import ray
    from ray import serve

    begun_s = time.monotonic()
    context: Any = ray.init(
        include_dashboard=False,
        num_cpus=max(4, os.cpu_count() or 1),
        object_store_memory=100 * 1024 * 1024,
        namespace="heliograph",
        log_to_driver=False,
        logging_level=logging.WARNING,
        _temp_dir=str(Path(config.temporary) / "ray"),
    )
    log.info("ray is up after %.1f s", time.monotonic() - begun_s)
    import serve_app
    from actors.runtime import cluster

    settings = settings_of(config)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(cluster.start, settings)
        serve.start(http_options={"host": config.host, "port": config.port})
        log.info("serve is up after %.1f s", time.monotonic() - begun_s)
        serve.run(serve_app.application(settings), name=serve_app.APP, route_prefix="/")
        log.info("the front is up after %.1f s", time.monotonic() - begun_s)
        made.result()
    wait_until_ready(config.url)
    log.info("ready after %.1f s", time.monotonic() - begun_s)
    return str(context.address_info["address"])


def wait_until_ready(url: str, deadline_s: float = 60.0) -> None:
    """Ask /readyz until it says yes. Raises TimeoutError."""
    import httpx2

    end_s = time.monotonic() + deadline_s
    with httpx2.Client(timeout=2.0, trust_env=False) as client:
        while time.monotonic() < end_s:
            with contextlib.suppress(httpx2.HTTPError):
                if client.get(f"{url}/readyz").status_code == 200:
                    return
            time.sleep(0.05)
    raise TimeoutError(f"the server does not answer at {url}")


def watch(stopping: threading.Event) -> None:
    """Come back when asked to stop. Raises RuntimeError when the cluster is lost."""
    import ray

    failures = 0
    while not stopping.wait(HEALTH_S):
        try:
            ray.get_actor("host-0", namespace="heliograph")
            alive = any(node["Alive"] for node in ray.nodes())  # type: ignore[no-untyped-call]
        except Exception as error:
            log.warning("the cluster does not answer: %s", error)
            alive = False
        failures = 0 if alive else failures + 1
        if failures >= FAILURES_MAX:
            raise RuntimeError("the Ray cluster is lost")


def write_run_file(config: ServerConfig, ray_address: str) -> Path:
    path = Path(config.data) / "run.json"
    run = RunFile(
        config.url,
        config.ws_url,
        os.getpid(),
        ray_address,
        config.cluster_id,
        config.temporary,
    )
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(run))
    draft.rename(path)
    return path


def main() -> None:
    config = decode_config(sys.argv[1])
    adopt_orphans()
    os.environ.update(environment(config))
    from actors.runtime.process import log_to

    log_to(Path(config.data), "server")
    stopping = threading.Event()

    def heed_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())

    heed_signals()
    run_file: Path | None = None
    try:
        address = start(config)
        heed_signals()  # Ray put its own in their place
        run_file = write_run_file(config, address)
        print(READY, flush=True)
        watch(stopping)
        stop(config)
    except BaseException as error:
        log.exception("the server failed")
        print(f"{FAILED}: {reason(error)}", flush=True)
        end(1)
    finally:
        if run_file is not None:
            run_file.unlink(missing_ok=True)


def stop(config: ServerConfig) -> None:
    """Stop cleanly: the clients are asked to come back, the hosts close their folders; what is
    left of the cluster holds nothing and is ended."""
    from actors.runtime import cluster

    begun_s = time.monotonic()
    cluster.stop(settings_of(config))
    log.info("stopped cleanly after %.1f s", time.monotonic() - begun_s)
    (Path(config.data) / "run.json").unlink(missing_ok=True)
    end(0)


def end(code: int) -> None:
    """End this process and all that it started, also where nobody is left to supervise it."""
    end_descendants()
    logging.shutdown()
    os._exit(code)


def reason(error: BaseException) -> str:
    """An error in one line. Ray tells the error of an actor as a trace in its text, whose last line
    names it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^[\w.]+\.\w+: ", "", lines[-1].strip())


if __name__ == "__main__":
    main()
