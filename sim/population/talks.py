"""Which chats sessions are about, and who is in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.population import chats, partitions
from sim.population.arrays import Bools, Ints
from sim.population.block import WIDE, Block
from sim.population.model import Model
from sim.population.partitions import Partitions
from sim.population.people import Sessions

GROUPS = 500
"""Layers of groups are numbered from here."""


@dataclass(frozen=True)
class Talks:
    """The chats that sessions are about, one element each. `others`: how many are in it beside who
    writes; `members`: those of all chats, chat after chat."""

    partition: Partitions
    in_group: Bools
    others: Ints
    members: Ints

    @classmethod
    def of(cls, partition: Partitions, in_group: Bools, which: Ints, members: Ints) -> Talks:
        """`which`: the chat of each member, in any order."""
        in_order = np.argsort(which, kind="stable")
        others = np.bincount(which, minlength=len(partition))
        return cls(partition, in_group, others, members[in_order])


def talks_of(rng: np.random.Generator, model: Model, block: Block, begun: Sessions) -> Talks:
    """Which chat each session is about."""
    count, habits = len(begun.who), model.chats
    in_group = rng.random(count) >= habits.private
    wide = (rng.random(count) < habits.wide) * WIDE
    rank = np.searchsorted(habits.ranks, rng.random(count), side="right")
    layer = np.where(in_group, GROUPS + rng.integers(0, habits.group_layers, count), rank) + wide
    partition = np.zeros(count, np.uint16)
    nobody = np.zeros(0, np.int64)
    which, members = [nobody], [nobody]
    by_layer = np.argsort(layer, kind="stable")
    layers, firsts, counts = np.unique(layer[by_layer], return_index=True, return_counts=True)
    for number, first, stop in zip(layers, firsts, firsts + counts, strict=True):
        for order, circle in block.orders(int(number)):
            mine = by_layer[first:stop]
            mine = mine[(begun.who[mine] >= circle.start) & (begun.who[mine] < circle.stop)]
            if not len(mine):
                continue
            who = begun.who[mine]
            if number % WIDE < GROUPS:
                other = chats.contact(order, who)
                partition[mine] = _private(model, block, who, other)
                which.append(mine)
                members.append(other)
            else:
                found = chats.groups(order, model.sizes[number % WIDE - GROUPS], who)
                partition[mine] = _group(model, block, int(number), circle, found)
                index, people = chats.members(order, found)
                others = people != who[index]
                which.append(mine[index[others]])
                members.append(people[others])
    return Talks.of(partition, in_group, np.concatenate(which), np.concatenate(members))


def _private(model: Model, block: Block, who: Ints, other: Ints) -> Partitions:
    low, high = np.minimum(who, other), np.maximum(who, other)
    ids = block.first_id + low, block.first_id + high
    hashed = partitions.of_private_chats(*ids, model.layout.partitions)
    return model.layout.settle(hashed, lambda: block.regions(low))


def _group(
    model: Model, block: Block, layer: int, circle: range, found: chats.Groups
) -> Partitions:
    """The number in a group's id is a hash in the real thing; here it says which group it is."""
    distinct, back = np.unique(found.number, return_inverse=True)
    ids = ((block.block * 2 * WIDE + layer) * block.size + circle.start + distinct) * 2 + 1
    hashed = partitions.of_groups(ids, model.layout.partitions)[back]
    region = block.regions(np.array([circle.start]))
    return model.layout.settle(hashed, lambda: np.repeat(region, len(back)))
