"""The checkers bite: a defect in the production code is found within some dozens of seeds."""

from __future__ import annotations

import pytest

from sim.world.world import run
from tests.unit.world.mutations import MUTATIONS, REPLICATED, Mutation, Replicated

SEEDS_MAX = 40

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_defect_is_found(mutation: Mutation) -> None:
    with mutation():
        assert any(run(seed).reasons for seed in range(SEEDS_MAX))


@pytest.mark.parametrize("defect", REPLICATED.values(), ids=REPLICATED)
def test_a_defect_of_replication_is_found(defect: Replicated) -> None:
    with defect.mutation():
        assert any(run(seed, 3, defect.faults).reasons for seed in range(SEEDS_MAX))
