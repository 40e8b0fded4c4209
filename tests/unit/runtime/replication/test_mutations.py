"""The checks bite: with any one of the rules left out, a scenario or some seed finds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.unit.runtime.replication import mutations
from tests.unit.runtime.replication import test_replication as scenarios
from tests.unit.runtime.replication.mutations import Mutate

pytestmark = pytest.mark.soak

ATTEMPTS: list[Callable[[], None]] = [
    scenarios.test_a_copy_loses_exactly_what_the_new_leader_does_not_have,
    scenarios.test_a_leader_that_is_cut_off_serves_nobody,
    *(partial(scenarios.chaos, seed) for seed in range(60)),
]


@pytest.mark.parametrize(
    "mutate",
    [
        mutations.acknowledge_before_the_followers_have_it,
        mutations.acknowledge_before_the_sync,
        mutations.skip_the_check_of_epochs,
        mutations.forget_the_watermark,
        mutations.take_over_out_of_sync,
        mutations.never_ship_again,
    ],
)
def test_a_mutation_is_found(mutate: Mutate, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    for attempt in ATTEMPTS:
        try:
            attempt()
        except scenarios.Broken as error:
            print(f"{attempt}: {error}")
            return
        except Exception as error:  # something else went wrong with it: that proves nothing
            print(f"{attempt}: {error!r}")
    raise AssertionError("nothing was found")
