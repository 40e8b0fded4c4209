"""All stores of a backup as one, wherever they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple, TypeVar

from heliograph.admin.cut import History
from heliograph.admin.reader import Partitions, Reading
from storage.backup.chunks import Cut

R = TypeVar("R")
READERS_MAX = 256
"""They are asked at the same time: what they answer shall be of the same time."""


class Node(NamedTuple):
    """A node of the cluster. `hosts`: those in its folder; `read` starts a reader there."""

    hosts: tuple[str, ...]
    read: Callable[[], Reading]


class Stores:
    """Use as a context manager, which closes the readers. `here` reads what is in this machine's
    folder; `nodes`: others, which are read only where that is asked for."""

    def __init__(self, here: Reading, nodes: Sequence[Node] = ()) -> None:
        self.nodes = nodes
        self._stack = ExitStack()
        self._threads = self._stack.enter_context(ThreadPoolExecutor(READERS_MAX, "readers"))
        self.here = here
        self._on: dict[Node, Reading] = {}
        self._at: dict[str, Reading] = {}
        self.partitions: Partitions = {}

        self._stack.callback(here.close)

    def __enter__(self) -> Stores:
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    def on(self, node: Node) -> Reading:
        """The reader on a node."""
        if node not in self._on:
            reader = self._on[node] = node.read()
            self._stack.callback(reader.close)
        return self._on[node]

    def add(self, reader: Reading, found: Partitions) -> None:
        """These stores are followed by that reader."""
        self.partitions.update(found)
        self._at.update(dict.fromkeys(found, reader))

    def owners(self) -> dict[int, str]:
        """Which store a partition is in."""
        return {number: name for name, numbers in self.partitions.items() for number in numbers}

    def catch_up(self) -> dict[str, int]:
        return _merged(self._ask(lambda reader: reader.catch_up()))

    def histories(self) -> dict[str, History]:
        return _merged(self._ask(lambda reader: reader.histories()))

    def last_with_rows(self, cut: Mapping[str, int]) -> dict[str, int]:
        return _merged(self._ask(lambda reader: reader.last_with_rows(self._of(reader, cut))))

    def not_shown(self, cut: Mapping[str, int]) -> list[str]:
        late = self._ask(lambda reader: reader.not_shown(self._of(reader, cut)))
        return [name for names in late for name in names]

    def settle(self, cut: Mapping[str, int]) -> None:
        self._ask(lambda reader: reader.settle(self._of(reader, cut)))

    def pieces(
        self, store: str, partition: int, salt: int
    ) -> Iterator[tuple[list[Cut], Callable[[list[str]], list[bytes]]]]:
        """The chunks of a partition, some at a time, with what gives those that one lacks."""
        reader = self._at[store]
        reader.begin(store, partition, salt)
        while piece := reader.more():
            yield piece, reader.packed

    def _of(self, reader: Reading, cut: Mapping[str, int]) -> dict[str, int]:
        return {name: record for name, record in cut.items() if self._at[name] is reader}

    def _ask(self, work: Callable[[Reading], R]) -> list[R]:
        """Of the readers that follow something."""
        readers = list(dict.fromkeys(self._at.values()))
        if len(readers) == 1:
            return [work(readers[0])]
        return list(self._threads.map(work, readers))


def _merged(answers: list[dict[str, R]]) -> dict[str, R]:
    return {name: value for answer in answers for name, value in answer.items()}
