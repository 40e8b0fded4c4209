"""Who writes to whom: contacts are mutual, and members of a group agree on who is in it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.population import chats
from sim.population.chats import Order, Sizes

orders = st.builds(
    Order.of,
    st.integers(0, 2**32),
    st.integers(0, 100),
    st.integers(0, 2_000),
    st.integers(0, 10_000),
    st.integers(1, 400),
)
some_sizes = st.builds(
    Sizes.draw, st.integers(0, 99), st.integers(0, 9), st.just(3), st.integers(3, 200), st.just(2.0)
)


@given(orders)
def test_an_order_has_everybody_once(order: Order) -> None:
    everybody = np.arange(order.first, order.first + order.size)
    places = order.places(everybody)
    assert sorted(places.tolist()) == list(range(order.size))
    assert order.people(places).tolist() == everybody.tolist()


@given(orders)
def test_contacts_are_mutual(order: Order) -> None:
    everybody = np.arange(order.first, order.first + order.size)
    others = chats.contact(order, everybody)
    assert chats.contact(order, others).tolist() == everybody.tolist()
    alone = int((others == everybody).sum())
    assert alone == order.size % 2, "one of an odd number is alone"


@given(orders, some_sizes)
def test_members_agree(order: Order, sizes: Sizes) -> None:
    everybody = np.arange(order.first, order.first + order.size)
    found = chats.groups(order, sizes, everybody)
    which, members = chats.members(order, found)
    of: dict[int, set[int]] = {}
    for index, number in enumerate(found.number.tolist()):
        here = set(members[which == index].tolist())
        assert everybody[index] in here
        assert of.setdefault(number, here) == here
        assert len(here) == found.size[index]
    assert sum(len(each) for each in of.values()) == order.size


def test_sizes_are_pareto() -> None:
    sizes = Sizes.draw(1, 1, 3, 200, 2.0).sizes
    assert (sizes.min(), sizes.max() <= 200) == (3, True)
    assert np.isclose((sizes >= 6).mean(), 0.25, atol=0.03)
    assert np.isclose((sizes >= 30).mean(), 0.01, atol=0.006)
