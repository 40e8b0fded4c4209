"""What there is to say of a process that serves requests (a station), and of who asks it.

Requests (items) come from `sources`: the fronts and peers that send it batches of their own. A
batch goes off when something waits and fewer than `flying` are on their way; it holds all that
waits, `batch_items` at most (`runtime.link`: 128 KiB). The station's loop executes batches as they
come, `batch_s` for each and some work for each item. After `step_items` of them, and at the end of
a batch, what was executed may be committed: one commit at a time, `commit_s` and `commit_item_s`
for each item, beside the loop; the next takes all that was executed meanwhile (`runtime.pipeline`).
It hears of a commit between two steps. A loop that has nothing else to do may wait for its commit,
which holds it up (`at_once`; `runtime.journal`).
With its commit an item is done, and with its last one a batch has landed, and the next may go.

An item that finds `limit` waiting at the sources is refused; its client comes back as
`heliograph._retry` does: after `retry_after_s` or the backoff, whichever is longer, until
`patience_s` after the first attempt.

Left out: fronts that give up a request after `REQUEST_DEADLINE_S` and hosts that execute it all the
same (with many fronts, a queue may be so long before it refuses), that batches of different fronts
take turns after each step, and batches that are lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from heliograph._config import Backoff, Timeouts
from runtime.link import FLYING_MAX, QUEUED_REQUESTS_MAX
from runtime.pipeline import COMMANDS_PER_STEP

MEAN_OF = 64


@dataclass(frozen=True)
class Station:
    """See the module. `work_s` is the mean work of an item, `work_sigma` the sigma of its logarithm
    (0: always the same); they only shape the noise. `travel_s` is the way from a source to the
    station, and back."""

    work_s: float
    work_sigma: float = 0.0
    batch_s: float = 0.0
    commit_s: float = 0.0
    commit_item_s: float = 0.0
    at_once: bool = False
    travel_s: float = 0.0
    sources: int = 1
    flying: int = FLYING_MAX
    batch_items: int = 400
    step_items: int = COMMANDS_PER_STEP
    limit: int = QUEUED_REQUESTS_MAX
    retry_after_s: float = 1.0
    backoff: Backoff = field(default_factory=Backoff)
    patience_s: float = Timeouts().call_s

    def __post_init__(self) -> None:
        if self.work_s <= 0:
            raise ValueError("work_s must be positive")
        if min(self.sources, self.flying, self.batch_items, self.step_items, self.limit) < 1:
            raise ValueError("there is at least one source, batch, item and place")

    @property
    def in_flight_max(self) -> int:
        """Items that are in batches on their way, at most."""
        return self.sources * self.flying * self.batch_items

    @property
    def room(self) -> int:
        """Items that are not executed yet when one is refused: those that wait, and those on their
        way, all batches being full, and half of one of them executed."""
        return self.limit + self.in_flight_max - self.sources * self.batch_items // 2

    @property
    def cpu_item_s(self) -> float:
        """What an item costs the loop at full load, beside its work: its share of a full batch."""
        return self.batch_s / self.batch_items

    @property
    def other_item_s(self) -> float:
        """The time between two items at least, whatever the loop can do: of the commits, and of
        batches that wait for two of them (the one under way, and their own) before the next."""
        landing_s = 2 * (self.commit_s + self.travel_s)
        return max(self.commit_item_s, landing_s / self.in_flight_max)

    @property
    def capacity_per_s(self) -> float:
        """Items that it can do at most, of its mean work."""
        return 1 / max(self.work_s + self.cpu_item_s, self.other_item_s)

    def wait_s(self, failures: int, share: float) -> float:
        """How long a client waits after so many refusals in a row; `share`: drawn from [0, 1)."""
        return max(self.retry_after_s, self.backoff.wait_s(failures, lambda: share))

    @cached_property
    def ages_s(self) -> tuple[float, ...]:
        """How long ago a client first asked, at the mean, when it comes back after 1, 2, …
        refusals; after more it has given up."""
        ages: list[float] = []
        age_s = self._mean_wait_s(1)
        while age_s < self.patience_s:
            ages.append(age_s)
            age_s += self._mean_wait_s(len(ages) + 1)
        return tuple(ages)

    def _mean_wait_s(self, failures: int) -> float:
        return sum(self.wait_s(failures, (i + 0.5) / MEAN_OF) for i in range(MEAN_OF)) / MEAN_OF
