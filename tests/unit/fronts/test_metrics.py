"""Figures as Prometheus reads them."""

from __future__ import annotations

from random import Random

from prometheus_client.parser import text_string_to_metric_families

from actors.kinds import KINDS
from api.ambient import monotonic_s
from fronts.metrics import DESCRIPTIONS, prometheus_text
from runtime.engine import Engine
from runtime.pipeline import Pipeline
from runtime.placement import Placement
from shells import host
from storage.memory import MemoryStore


def shown(*figures: dict[str, object]) -> dict[tuple[str, str], float]:
    """Values by name and process."""
    families = text_string_to_metric_families(prometheus_text(list(figures)).decode())
    return {
        (sample.name, sample.labels["process"]): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_figure_is_shown_of_every_process_that_has_it() -> None:
    assert shown(
        {"host": "host-0", "pid": 1, "uptime_s": 1.5, "turns_total": 10},
        {"host": "host-1", "pid": 2, "uptime_s": 2, "turns_total": 2**53},
        {"edge": "edge-0", "pid": 3, "uptime_s": 3, "connections": 0},
        {"service": "auth", "pid": 4, "password_hashes_total": 5},
    ) == {
        ("heliograph_uptime_s", "host-0"): 1.5,
        ("heliograph_uptime_s", "host-1"): 2,
        ("heliograph_uptime_s", "edge-0"): 3,
        ("heliograph_turns_total", "host-0"): 10,
        ("heliograph_turns_total", "host-1"): 2**53,
        ("heliograph_connections", "edge-0"): 0,
        ("heliograph_password_hashes_total", "auth"): 5,
    }


def test_what_only_grows_is_a_counter_and_the_rest_are_gauges_with_a_text() -> None:
    text = prometheus_text([{"host": "h", **dict.fromkeys(DESCRIPTIONS, 1)}]).decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) == len(DESCRIPTIONS)
    for family in families:
        total = family.type == "counter"
        name = family.name.removeprefix("heliograph_") + ("_total" if total else "")
        assert total == name.endswith("_total")
        assert family.documentation == DESCRIPTIONS[name]


def test_every_figure_of_a_host_is_shown() -> None:
    store, placement = MemoryStore(), Placement(1, 1)
    engine = Engine(
        kinds=KINDS, placement=placement, led=[0], store=store, clock=int, rng=Random(0)
    )

    async def nobody(host: str, parcel: bytes) -> bytes:
        raise ConnectionError("there is no other host")

    pipeline = Pipeline(engine, store, nobody, lambda error: None)
    figures = host.figures("host-0", pipeline, monotonic_s())
    assert {name for name, _ in shown(figures)} == {
        f"heliograph_{name}" for name in figures if name not in ("host", "pid")
    }


def test_figures_of_nobody_are_no_figures() -> None:
    assert shown() == {}
    assert shown({"host": "host-0", "pid": 1}) == {}
