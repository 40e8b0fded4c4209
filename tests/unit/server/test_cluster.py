"""What `heliograph cluster start` finds on the nodes of a cluster."""

from __future__ import annotations

from typing import Any

import pytest
import ray

from heliograph.server.cluster import look
from shells import cluster
from shells.names import NODE_RESOURCE
from storage.node_folder import Content


def node(name: str, alive: bool) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": 4.0, NODE_RESOURCE + name: 1.0}}


def test_a_node_that_came_back_before_it_was_missed_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [node("b", True), node("a", True), node("b", True), node("c", False)]
    monkeypatch.setattr(ray, "nodes", lambda: told)
    assert cluster.node_names() == ["a", "b"]


def test_a_node_that_does_not_answer_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_at(name: str) -> tuple[str, Content]:
        if name == "b":
            raise TimeoutError
        return f"/data/{name}", Content()

    monkeypatch.setattr(cluster, "look_at", look_at)
    said: list[str] = []
    assert look(["a", "b", "c"], said.append) == {
        "a": ("/data/a", Content()),
        "c": ("/data/c", Content()),
    }
    assert said == ["Node b does not answer."]
