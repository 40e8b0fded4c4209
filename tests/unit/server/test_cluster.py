"""What `heliograph cluster start` finds on the nodes of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ray

from heliograph.server.cluster import look
from shells import cluster, registry
from shells.names import NODE_RESOURCE
from shells.settings import code_digest
from storage.node_folder import Content


def node(name: str, alive: bool) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": 4.0, NODE_RESOURCE + name: 1.0}}


def test_a_node_that_came_back_before_it_was_missed_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [node("b", True), node("a", True), node("b", True), node("c", False)]
    monkeypatch.setattr(ray, "nodes", lambda: told)
    assert registry.node_names() == ["a", "b"]


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


def test_other_code_is_told_from_this(tmp_path: Path) -> None:
    """What Ray keeps of actors names modules and classes: a version that has others must not be
    taken for the one that made them."""
    for name in ("serve_app.py", "actors/chat/state.py", "notes/of_no_room.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a = 1\n")
    before = code_digest(tmp_path)
    (tmp_path / "notes/of_no_room.py").write_text("a = 2\n")
    assert code_digest(tmp_path) == before
    (tmp_path / "actors/chat/state.py").rename(tmp_path / "actors/chat/log.py")
    moved = code_digest(tmp_path)
    (tmp_path / "serve_app.py").write_text("a = 2\n")
    assert len({before, moved, code_digest(tmp_path)}) == 3
    assert code_digest() == code_digest() != before
