"""Tasks of a simulation on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import ray

T = TypeVar("T")


def run_on_ray(work: Callable[..., T], tasks: list[tuple[Any, ...]]) -> Iterator[tuple[int, T]]:
    """Call `work` with each of these arguments somewhere on the cluster (`RAY_ADDRESS`; without
    one, on this machine alone), and yield what each answers, with its index, as it is there. What
    has not begun is given up when the iterator is closed."""
    begun_here = not ray.is_initialized()
    if begun_here:
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    remote = ray.remote(work)
    waiting = {remote.remote(*task): index for index, task in enumerate(tasks)}
    try:
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            yield waiting.pop(ready), ray.get(ready)
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)
        if begun_here:
            ray.shutdown()
