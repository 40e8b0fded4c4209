"""The AsyncAPI document: valid to a foreign tool, and true of every frame of a real connection."""

from __future__ import annotations

import copy
import json
import re
import warnings
from typing import Any

import jsonschema
import msgspec
import pytest

from api import asyncapi, frames
from api import methods as m
from api.asyncapi import document, tree
from tests.unit.fronts.kit import Client, Server, settled
from tests.unit.runtime.fake_time import run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own field names
    from asyncapi3.models.asyncapi import AsyncAPI3


def test_a_foreign_reader_takes_it() -> None:
    AsyncAPI3.model_validate(json.loads(document()))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (["info", "title"], None),
        (["operations", "users-me", "action"], "sing"),
        (["operations", "users-me", "channel"], {}),
        (["components", "messages", "event", "payload"], 3),
    ],
)
def test_the_foreign_reader_would_see_what_is_wrong(path: list[str], wrong: Any) -> None:
    broken = json.loads(document())
    place = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    with pytest.raises(ValueError, match="validation error"):
        AsyncAPI3.model_validate(broken)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    shown = json.loads(document())
    for target in set(re.findall(r'"\$ref":"#/([^"]+)"', document().decode())):
        place = shown
        for step in target.split("/"):
            place = place[step]
    for schema in shown["components"]["schemas"].values():
        plain = {key: part for key, part in schema.items() if key != "discriminator"}
        jsonschema.Draft202012Validator.check_schema(plain)


def test_every_live_method_is_an_operation_with_its_errors() -> None:
    operations = tree()["operations"]
    live = [method for method in m.METHODS.values() if method.wire != "http"]
    assert m.METHODS["session.hello"] in live
    assert len(operations) == len(live) + len(asyncapi.HEARD) + len(asyncapi.SAID)
    for method in live:
        shown = operations[method.name.replace(".", "-")]
        assert shown["x-errors"] == list(method.errors)
        assert shown["x-read"] == method.read


def check(message: str, frame: Any) -> None:
    """The frame is as the document says of this message."""
    schema = copy.deepcopy(tree()["components"]["messages"][message]["payload"])
    whole = {**schema, "components": tree()["components"]}
    jsonschema.Draft202012Validator(whole).validate(frame)


def test_the_frames_of_a_connection_are_as_it_says() -> None:
    async def main() -> None:
        async with Server() as server:
            alice, bob = await server.register("alice"), await server.register("bobby")
            chat = await server.private(alice, bob)
            client = Client(server.gateway)
            await client.hello(alice)
            client.say({"ping": 3})
            client.say({"ack": 0})
            await client.ask(m.GetDialogs())
            await client.ask(m.GetChat("g1"))
            await server.call(bob, m.SetTyping(chat))
            await server.send(bob, chat, "hi")
            await server.call(alice, m.UpdateProfile(bio="new"))
            await server.call(alice, m.AddContact(bob.id))
            await client.ask(m.MarkRead(chat, 1))
            await settled()
            server.restart()
            await settled()
            await client.ask(m.GetDifference(0))
            seen = set()
            asked = ["session-hello", "chats-dialogs", "", "messages-read", "updates-difference"]
            for frame in client.socket.frames:
                kind = next(key for key in ("update", "event", "pong", "pts", "id") if key in frame)
                if kind == "id":
                    name = asked[frame["id"] - 1]
                    kind = f"{name}-answer" if "result" in frame else "refusal"
                check(kind, frame)
                seen.add(kind)
            answers = {f"{name}-answer" for name in asked if name}
            assert seen == {*asyncapi.SAID, *answers, "refusal"}

    run(main)


@pytest.mark.parametrize("name", asyncapi.HEARD)
def test_what_a_client_says_is_taken_as_the_document_has_it(name: str) -> None:
    frame = {name: 7}
    check(name, frame)
    assert getattr(frames.decode_client_frame(json.dumps(frame).encode()), name) == 7
    for wrong in ({name: None}, {name: -1}, {name: 7, "more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            check(name, wrong)
        with pytest.raises(msgspec.ValidationError):
            frames.decode_client_frame(json.dumps(wrong).encode())


def test_a_request_is_taken_as_the_document_has_it() -> None:
    request = {"id": 1, "method": "messages.read", "params": {"chat_id": "g1", "max_id": 1}}
    check("messages-read", request)
    for wrong in ({**request, "params": {}}, {**request, "id": None}, {"id": 1}):
        with pytest.raises(jsonschema.ValidationError):
            check("messages-read", wrong)
