"""The figures of a run, as `--json` prints them. Pure.

Latencies stand there twice: from when something was meant to begin (`p99_ms`), and from when it
began (`service_p99_ms`). The first is what people feel; the second is what the server took for it.
"""

from __future__ import annotations

from typing import Any

from sim.load.histogram import quantile_ms
from sim.load.meter import longest_gap_s, percentile
from sim.load.notices import kept_rate, notices
from sim.load.outcome import Latencies, Outcome
from sim.load.plan import Plan


def figures(plan: Plan, outcome: Outcome, floor: Outcome | None = None) -> dict[str, Any]:
    """All figures of an outcome; `floor`: what the bare floor reached."""
    found = {
        **shape(plan),
        **_rates(outcome),
        **_times(outcome),
        **_faults(outcome),
        **_of_the_load(plan, outcome),
        "latencies": {kind: each.figures() for kind, each in sorted(outcome.latencies.items())},
    }
    if outcome.storms:
        found["storms"] = [storm.figures() for storm in outcome.storms]
    if plan.fanout:
        found["deliveries_per_s"] = found.pop("delivered_per_s")
    if floor is not None:
        found |= _floor(outcome, floor)
    return found


def shape(plan: Plan) -> dict[str, Any]:
    """What was asked for, in a few words."""
    if plan.fanout:
        of = {"fanout": plan.fanout}
    elif len(plan.chats) == 1 and plan.chats[0].private:
        of = {"pairs": plan.chats[0].count}
    else:
        of = {"chats": sum(each.count for each in plan.chats), "users": plan.users}
    loop = {"rate": plan.rate} if plan.rate else {"window": plan.slots}
    idle = {"idle": plan.idle} if plan.idle else {}
    return {**of, **loop, **idle}


def title(url: str, plan: Plan) -> str:
    """What was measured, in one line."""
    told = ", ".join(f"{name} {value:g}" for name, value in shape(plan).items())
    return f"{url}: {told}, {plan.seconds:g} s"


def _rates(outcome: Outcome) -> dict[str, Any]:
    found = {
        "seconds": round(outcome.seconds, 3),
        "sent_per_s": round(outcome.sent / outcome.seconds, 1),
        "delivered_per_s": round(outcome.delivered / outcome.seconds, 1),
    }
    if outcome.connects:
        found["connects_per_s"] = round(outcome.connects / outcome.seconds, 1)
    if outcome.moved_bytes:
        found["files_mb_per_s"] = round(outcome.moved_bytes / 1e6 / outcome.seconds, 1)
    return found


def _times(outcome: Outcome) -> dict[str, Any]:
    delivery = outcome.latencies.get("delivery", Latencies())
    answer = outcome.latencies.get("answer", Latencies())
    return {
        "p50_ms": quantile_ms(delivery.intended, 50),
        "p99_ms": quantile_ms(delivery.intended, 99),
        "p999_ms": quantile_ms(delivery.intended, 99.9),
        "max_ms": quantile_ms(delivery.intended, 100),
        "service_p50_ms": quantile_ms(delivery.service, 50),
        "service_p99_ms": quantile_ms(delivery.service, 99),
        "ack_p50_ms": quantile_ms(answer.intended, 50),
        "ack_p99_ms": quantile_ms(answer.intended, 99),
        "ack_service_p50_ms": quantile_ms(answer.service, 50),
        "ack_service_p99_ms": quantile_ms(answer.service, 99),
    }


def _faults(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    return {
        "sent": outcome.acknowledged,
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "reordered": verdict.reordered,
        "corrupted": verdict.corrupted,
        "unanswered": verdict.unanswered,
        "reordered_by_retry": verdict.reordered_by_retry,
        "verified": outcome.verified,
        "examples": verdict.examples,
        "errors": dict(sorted(outcome.errors.items())),
        "success_percent": round(outcome.success_percent, 2),
        "aborted": outcome.aborted,
        "gaps": outcome.gaps,
        "paced": outcome.paced,
        "unavailable_s": round(longest_gap_s(outcome.ack_line), 3),
        "gap_p95_s": round(percentile(sorted(outcome.worst_gaps), 95), 3),
        "gap_max_s": round(max(outcome.worst_gaps, default=0.0), 3),
    }


def _of_the_load(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    cpu_s = sum(outcome.cpu_s)
    found = {
        "client_cpu_s": round(cpu_s, 3),
        "client_us_per_message": round(cpu_s / max(outcome.sent, 1) * 1e6, 1),
        "client_cpu_percent": [round(100 * each / outcome.seconds, 1) for each in outcome.cpu_s],
        "machine_busy_percent": round(100 * outcome.machine_busy, 1),
        "late_p99_ms": quantile_ms(outcome.late, 99),
        "late_max_ms": quantile_ms(outcome.late, 100),
        "notices": notices(outcome),
    }
    if plan.rate:
        found["due_per_s"] = round(outcome.due / outcome.seconds, 1)
        found["left_per_s"] = round(outcome.left / outcome.seconds, 1)
        found["kept_rate"] = kept_rate(outcome)
    return found


def _floor(outcome: Outcome, floor: Outcome) -> dict[str, Any]:
    bare = {**_rates(floor), **_times(floor)}
    return {
        "floor_per_s": bare["sent_per_s"],
        "floor_p50_ms": bare["p50_ms"],
        "floor_p99_ms": bare["p99_ms"],
        "floor_client_us_per_message": round(sum(floor.cpu_s) / max(floor.sent, 1) * 1e6, 1),
        "floor_ratio": round(outcome.sent / outcome.seconds / bare["sent_per_s"], 4),
    }
