"""The process that runs a server: a local Ray cluster, hosts, edges, and the HTTP front.

Started by `heliograph.server.supervisor` as `python -m heliograph.server.main CONFIG`. It says
`ready` on its standard output when clients can come, and stops cleanly on SIGTERM or SIGINT.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from heliograph.server import local_nodes, parts
from heliograph.server.children import adopt_orphans, end_descendants, end_workers_of
from heliograph.server.config import RunFile, ServerConfig, decode_config, ray_membership
from heliograph.server.environment import ray_environment, serve_environment
from heliograph.server.handover import FAILED as FAILED_ZYGOTE
from heliograph.server.handover import FOLDER_VARIABLE
from heliograph.server.local_nodes import LocalNodes
from heliograph.server.ray_processes import RayProcesses
from heliograph.server.supervisor import FAILED, READY
from heliograph.server.watching import STEP_S, Lost, Watch

if TYPE_CHECKING:
    import httpx2


log = logging.getLogger("heliograph.server")

HEALTH_S = 2.0
FAILURES_MAX = 5
HTTP_S_MAX = 2.0
STOP_S_MAX = 22.0
"""More than it may take (`shells.cluster`), less than a supervisor waits."""


def environment(config: ServerConfig) -> dict[str, str]:
    """What Ray and Serve are told by the environment, before they are imported."""
    return {
        "RAY_TMPDIR": local_nodes.temporary(config.temporary),
        FOLDER_VARIABLE: config.temporary,
        "RAY_enable_worker_prestart": "1",  # what workers are forked from begins to import at once
        **ray_membership(Path(config.data)),
        **ray_environment(),
        **serve_environment(Path(config.temporary) / "haproxy", config.port, Path(config.data)),
    }


def start(config: ServerConfig) -> tuple[str, LocalNodes]:
    """Start everything and wait until it answers; returns Ray's address and nodes."""
    import ray

    begun_s = time.monotonic()
    nodes = LocalNodes(
        config.nodes,
        num_cpus=max(4, os.cpu_count() or 1),
        object_store_memory=100 * 1024 * 1024,
    )
    context: Any = ray.init(
        address=nodes.start(),
        namespace="heliograph",
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    log.info("ray is up after %.1f s", time.monotonic() - begun_s)
    in_worker(parts.start, config)
    wait_until_ready(config.url)
    for failed in Path(config.temporary).glob(f"*{FAILED_ZYGOTE}"):
        log.warning("workers are not forked, and start more slowly: %s", failed.read_text())
    log.info("ready after %.1f s", time.monotonic() - begun_s)
    return str(context.address_info["address"]), nodes


def in_worker(
    work: Callable[[str], None], config: ServerConfig, seconds: float | None = None
) -> None:
    """Call it in a worker of Ray, which has imported what it needs, and ends afterwards: this
    process stays small. Raises what it raises, or TimeoutError."""
    import ray

    task = ray.remote(num_cpus=0, max_calls=1, max_retries=0)(work)
    ray.get(task.remote(config.encode()), timeout=seconds)


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


def watch(stopping: threading.Event, nodes: LocalNodes, url: str) -> None:
    """Come back when asked to stop. Raises Lost when this process cannot go on."""
    import httpx2

    with httpx2.Client(base_url=url, timeout=HTTP_S_MAX, trust_env=False) as client:
        watching = Watch(
            RayProcesses(),
            nodes.names[1:],
            nodes.start_one,
            end_workers_of,
            lambda: http_trouble(client),
        )
        answers = RayAnswers()
        while not stopping.wait(STEP_S):
            watching.step(time.monotonic())
            answers.step(time.monotonic())


def http_trouble(client: httpx2.Client) -> str:
    """What is wrong with what clients of this server see; empty if nothing is."""
    import httpx2

    try:
        answer = client.get("/readyz")
    except httpx2.HTTPError as error:
        return f"does not answer: {type(error).__name__}"
    return "" if answer.status_code == 200 else f"is not ready: {answer.text.strip()[:200]}"


class RayAnswers:
    """Whether Ray still answers: it may stand still, and not be dead."""

    def __init__(self) -> None:
        self._failures = 0
        self._due_s = 0.0

    def step(self, now_s: float) -> None:
        """Raises Lost when it did not for too long."""
        import ray

        if now_s < self._due_s:
            return
        self._due_s = now_s + HEALTH_S
        try:
            alive = any(node["Alive"] for node in ray.nodes())  # type: ignore[no-untyped-call]
        except Exception as error:
            log.warning("the cluster does not answer: %s", error)
            alive = False
        self._failures = 0 if alive else self._failures + 1
        if self._failures >= FAILURES_MAX:
            raise Lost("the Ray cluster is lost")


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
    from shells.process import log_to

    log_to(Path(config.data), "server")
    stopping = threading.Event()
    on_signals(lambda: end(0))  # nobody is connected, and what is not durable was never there
    run_file: Path | None = None
    try:
        address, nodes = start(config)
        on_signals(stopping.set)
        run_file = write_run_file(config, address)
        print(READY, flush=True)
        watch(stopping, nodes, config.url)
        stop(config)
    except BaseException as error:
        log.exception("the server failed")
        print(f"{FAILED}: {reason(error)}", flush=True)
        end(1)
    finally:
        if run_file is not None:
            run_file.unlink(missing_ok=True)


def on_signals(do: Callable[[], None]) -> None:
    """What to do when asked to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: do())


def stop(config: ServerConfig) -> None:
    """Stop cleanly, and end what is left of the cluster."""
    try:
        in_worker(parts.stop, config, STOP_S_MAX)
    except TimeoutError:
        log.warning("not all that should stop did in time")
    except Exception as error:
        log.warning("no worker stops the server (%s): this process does", reason(error))
        parts.stop(config.encode())
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
