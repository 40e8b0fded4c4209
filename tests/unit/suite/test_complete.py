"""What is there for each method and each update, in places that nothing else asks for."""

import inspect
from pathlib import Path
from typing import get_args

import pytest

from api import methods as m
from api import types as t
from sim.world import program
from tests.unit.actors.test_group import ACTIONS, Circle
from tests.unit.actors.test_keeping import SAMPLES, Place
from tests.unit.actors.town import Town

PROTOCOL = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
CHANGES = [method for method in m.METHODS.values() if method.to == "chat" and not method.read]
CHANGED = {method.params for method in CHANGES}
NEEDS_FILES = {"chats.set_photo"}
"""The world has no media."""


def tag(kind: type) -> str:
    return str(kind.__struct_config__.tag)  # type: ignore[attr-defined]


@pytest.mark.parametrize("update", get_args(t.Update), ids=tag)
def test_the_protocol_tells_of_every_update(update: type) -> None:
    table = PROTOCOL.split("### Types of updates")[1].split("\n#")[0]
    assert f"`{tag(update)}`" in table


@pytest.mark.parametrize("method", CHANGES, ids=lambda method: method.name)
def test_people_of_the_world_do_whatever_changes_a_chat(method: m.Method) -> None:
    done = f"m.{method.params.__name__}(" in inspect.getsource(program)
    assert done or method.name in NEEDS_FILES


def test_who_may_is_said_of_every_change_of_a_chat() -> None:
    circle = Circle(Town())
    assert {type(make(circle)) for make, _ in ACTIONS.values()} >= CHANGED


def test_what_stays_is_said_of_every_change_of_a_chat() -> None:
    place = Place()
    assert {type(make(place)[1]) for make, _ in SAMPLES.values()} >= CHANGED
