"""What a client is told of parameters that are wrong, and which refusals there are."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from api import asyncapi, frames
from api import methods as m
from api.errors import ERRORS, ApiError
from api.openapi import document, tree
from api.refusals import PATTERNS

REGISTER = {"username": "alice", "password": "long enough", "name": "Alice"}
SEND = {"chat_id": "g1", "text": "x", "random_id": 1}


def refusal(name: str, body: Any) -> ApiError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ApiError) as caught:
        m.params_in(m.METHODS[name], raw)
    return caught.value


@pytest.mark.parametrize(
    ("name", "body", "field", "words"),
    [
        ("auth.register", {**REGISTER, "username": "al"}, "/username", "username must have 5 to"),
        ("auth.register", {**REGISTER, "password": "x"}, "/password", "at least 8 characters"),
        ("auth.register", {**REGISTER, "name": " "}, "/name", "name must be one line in"),
        ("auth.register", {"username": "alice"}, "/password", "password is missing"),
        ("messages.send", {**SEND, "text": "x" * 4097}, "/text", "at most 4096 characters"),
        ("messages.send", {**SEND, "chat_id": "x"}, "/chat_id", "chat id must be the id of a"),
        ("messages.send", {**SEND, "random_id": 0}, "/random_id", "random id must be at least 1"),
        ("messages.send", {**SEND, "random_id": "1"}, "/random_id", "must be a whole number"),
        ("messages.send", {**SEND, "random_id": 1.5}, "/random_id", "must be a whole number"),
        ("messages.send", {**SEND, "text": None}, "/text", "must be a text; leave it out"),
        ("messages.send", {**SEND, "a/b~c": 1}, "/a~1b~0c", "there is no field 'a/b~c'"),
        ("users.get", {"user_ids": [1, 0]}, "/user_ids/1", "each of user ids must be at least 1"),
        ("users.get", {"user_ids": []}, "/user_ids", "must have at least 1 entries"),
        ("users.get", {"user_ids": 1}, "/user_ids", "must be a list"),
        ("chats.rename", {"chat_id": "p1-2", "title": "x"}, "/chat_id", "the id of a group"),
        ("media.begin", b'{"upload_id":1e999,"size":1}', "/upload_id", "upload id is not a value"),
        ("chats.set_admin", {"chat_id": "g1", "user_id": 1, "admin": 1}, "/admin", "true or false"),
        ("users.me", [], "", "the parameters are a JSON object"),
        ("users.me", None, "", "the parameters are a JSON object"),
    ],
)
def test_what_is_wrong_is_told_by_its_field_and_in_words(
    name: str, body: Any, field: str, words: str
) -> None:
    error = refusal(name, body)
    assert error.code == "invalid_params"
    assert error.field == field
    assert words in error.detail
    assert error.problem().field == field


@pytest.mark.parametrize("body", [b"{", b"{}{}", b'{"x":"\xff"}', b'{"username":"\\ud800"}'])
def test_what_is_no_json_is_a_bad_request(body: bytes) -> None:
    error = refusal("users.resolve", body)
    assert (error.code, error.field) == ("bad_request", "")


def test_every_pattern_has_words_for_people() -> None:
    shown = set(re.findall(r'"pattern":"((?:[^"\\]|\\.)*)"', document().decode()))
    assert {json.loads(f'"{regex}"') for regex in shown} <= PATTERNS.keys()


@pytest.mark.parametrize("method", m.METHODS.values(), ids=lambda method: method.name)
def test_null_is_nowhere_taken(method: m.Method) -> None:
    for name in method.params.__struct_fields__:
        error = refusal(method.name, {name: None})
        assert error.code == "invalid_params"
        assert error.field == f"/{name}" or "is missing" in error.detail


@pytest.mark.parametrize("name", frames.ClientFrame.__struct_fields__)
def test_null_is_in_no_frame(name: str) -> None:
    frame: dict[str, Any] = {"id": 1, "method": "users.me", name: None}
    try:
        said = frames.decode_client_frame(json.dumps(frame).encode())
    except msgspec.ValidationError:
        return
    assert name == "params"
    with pytest.raises(ApiError):
        m.params_in(m.METHODS["users.me"], said.params)


def test_null_is_in_no_schema() -> None:
    for told in (document(), asyncapi.document()):
        assert b'"null"' not in told
        assert b":null" not in told


def test_every_error_is_declared_somewhere() -> None:
    """What is in the registry and cannot be raised is a promise to nobody."""
    of_addresses = {"not_found", "unknown_method", "method_not_allowed"}
    declared = {code for method in m.METHODS.values() for code in method.errors}
    for path in tree()["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                declared |= set(re.findall(r"`(\w+)`", answer["description"]))
    assert declared | of_addresses >= ERRORS.keys()
