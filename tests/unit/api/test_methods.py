"""Parameters: whatever comes is taken or refused, limits hold at their edges, and what was taken
survives being sent on."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET

from api import frames, limits
from api import methods as m
from api.visible import LINE, LINE_OR_NONE, TEXT_OR_NONE

METHODS = st.sampled_from(sorted(m.METHODS.values(), key=lambda method: method.name))
FIELDS = sorted({name for method in m.METHODS.values() for name in method.params.__struct_fields__})

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**53 - 1, 2**53, 2**63, 2**64, 10**400])
    | st.floats()
    | st.text(max_size=50)
    | st.sampled_from(["g1", "p1-2", "alice", "x" * 5_000, "\x00", "\u202e"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), values, max_size=6)
bodies = st.binary(max_size=200) | objects.map(lambda tree: json.dumps(tree).encode())


def taken(method: m.Method, body: bytes) -> m.Params | None:
    """The parameters, or None where they are refused; any other exception fails the test."""
    try:
        return m.decode_params(method, body)
    except msgspec.MsgspecError:
        return None


@given(METHODS, bodies)
@example(m.METHODS["messages.send"], b'{"chat_id":"g1","text":"\xff","random_id":1}')
@example(m.METHODS["messages.send"], b'{"chat_id":"g1","text":"\\ud800","random_id":1}')
@example(m.METHODS["messages.get"], b'{"ids":' + b"[" * 100_000)
@example(m.METHODS["users.me"], b'{"x":' * 50_000 + b"1" + b"}" * 50_000)
@example(m.METHODS["updates.ack"], b'{"pts":1e999}')
@example(m.METHODS["updates.ack"], b'{"pts":1' + b"0" * 10_000 + b"}")
@example(m.METHODS["updates.ack"], b"\xef\xbb\xbf{}")
def test_whatever_comes_is_taken_or_refused(method: m.Method, body: bytes) -> None:
    params = taken(method, body)
    if params is not None:
        assert isinstance(params, method.params)
        assert taken(method, msgspec.json.encode(params)) == params


@pytest.mark.parametrize("white", " \n\x1c\x1f\x85\xa0\u2028\u3000\ufeff")
def test_what_is_white_to_anybody_is_no_text(white: str) -> None:
    send = m.METHODS["messages.send"]
    body = {"chat_id": "g1", "random_id": 1, "text": 3 * white}
    assert taken(send, msgspec.json.encode(body)) is None
    assert taken(send, msgspec.json.encode({**body, "text": white + "x"})) is not None


FREE = (LINE, LINE_OR_NONE, TEXT_OR_NONE)
"""Patterns of what people write."""


def strings(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    pattern = schema.get("pattern", "")
    if pattern and pattern not in FREE:
        found = st.from_regex(pattern)
        return found.filter(lambda text: len(text) <= schema.get("maxLength", len(text)))
    short, long = schema.get("minLength", 0), schema.get("maxLength", 64)
    alphabet = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"] if pattern else ["Cs"])
    plain = st.text(alphabet, min_size=short, max_size=min(long, 64))
    return plain.filter(re.compile(pattern).search)


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema of this contract allows, in full."""
    if "anyOf" in schema:
        return st.one_of([fitting(part) for part in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"]
    if kind == "integer":
        low, high = schema["minimum"], schema["maximum"]
        return st.sampled_from([low, high]) | st.integers(low, high)
    if kind == "array":
        items = fitting(schema["items"])
        return st.lists(items, min_size=schema.get("minItems", 0), max_size=5)
    return {"boolean": st.booleans, "null": st.none}.get(kind, lambda: strings(schema))()


def schema_of(method: m.Method) -> dict[str, Any]:
    (shown,), components = msgspec.json.schema_components([method.params])
    found: dict[str, Any] = components[shown["$ref"].rpartition("/")[2]]
    return found


def fitting_objects(method: m.Method) -> st.SearchStrategy[dict[str, Any]]:
    schema = schema_of(method)
    fields = {name: fitting(part) for name, part in schema["properties"].items()}
    needed = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=fields)


@given(st.data())
def test_what_the_schema_allows_is_taken(data: st.DataObject) -> None:
    method = data.draw(METHODS)
    shown = data.draw(fitting_objects(method))
    params = m.decode_params(method, json.dumps(shown).encode())
    for name, value in shown.items():
        assert msgspec.to_builtins(getattr(params, name)) == value


@given(st.data())
def test_one_field_too_many_or_too_few_is_refused(data: st.DataObject) -> None:
    method = data.draw(METHODS)
    shown = data.draw(fitting_objects(method))
    extra = data.draw(
        st.text(max_size=10).filter(lambda n: n not in method.params.__struct_fields__)
    )
    assert taken(method, json.dumps({**shown, extra: 1}).encode()) is None
    for name in schema_of(method).get("required", ()):
        less = {key: value for key, value in shown.items() if key != name}
        assert taken(method, json.dumps(less).encode()) is None


def edges(method: m.Method) -> list[tuple[str, Any, Any]]:
    """Per bounded field: its name, a value at the bound, and one just beyond it."""
    found: list[tuple[str, Any, Any]] = []
    for name, schema in schema_of(method)["properties"].items():
        part = next((p for p in schema.get("anyOf", ()) if p.get("type") != "null"), schema)
        kind = part.get("type")
        if kind == "integer":
            found.append((name, part["minimum"], part["minimum"] - 1))
            found.append((name, part["maximum"], part["maximum"] + 1))
        elif kind == "string" and part.get("pattern", LINE) in FREE:
            found.append((name, "\U0001f600" * part["maxLength"], "x" * (part["maxLength"] + 1)))
            if part.get("minLength"):
                found.append((name, "x" * part["minLength"], "x" * (part["minLength"] - 1)))
        elif kind == "array":
            found.append((name, [1] * part["maxItems"], [1] * (part["maxItems"] + 1)))
            if part.get("minItems"):
                found.append((name, [1] * part["minItems"], []))
    return found


EDGES = [(method, *edge) for method in m.METHODS.values() for edge in edges(method)]
EXAMPLES: dict[str, Any] = {
    "username": "alice",
    **dict.fromkeys(("chat_id", "from_chat_id", "to_chat_id"), "g1"),
    "for_all": True,
    **dict.fromkeys(("add", "admin"), True),
    "user_ids": [1],
    "ids": [1],
    "random_ids": [1],
    "token": "x",
    **dict.fromkeys(("password", "old_password", "new_password"), "long enough"),
    **dict.fromkeys(("name", "title", "description", "text"), "x"),
    **dict.fromkeys(("user_id", "session_id", "random_id", "max_id", "pts"), 1),
    **dict.fromkeys(("id", "message_id", "upload_id", "size"), 1),
    "hash": "A" * 43,
}


@pytest.mark.parametrize(
    ("method", "field", "inside", "outside"),
    EDGES,
    ids=[f"{method.name}-{field}-{index}" for index, (method, field, *_) in enumerate(EDGES)],
)
def test_limits_hold_at_their_edges(
    method: m.Method, field: str, inside: Any, outside: Any
) -> None:
    shown = {name: EXAMPLES[name] for name in schema_of(method).get("required", ())}
    assert taken(method, json.dumps({**shown, field: inside}).encode()) is not None
    assert taken(method, json.dumps({**shown, field: outside}).encode()) is None


def test_every_number_and_list_and_free_text_is_bounded() -> None:
    """Put a limit on everything: a method whose parameters are not bounded cannot be declared."""
    for method in m.METHODS.values():
        for name, schema in schema_of(method)["properties"].items():
            for part in schema.get("anyOf", [schema]):
                kind = part.get("type", "enum")
                bounds = {"integer": "maximum", "array": "maxItems", "string": "maxLength"}
                bounded = bounds.get(kind) in part or "{" in part.get("pattern", "")
                assert bounded or kind in ("boolean", "null", "enum"), f"{method.name}: {name}"


def test_the_largest_request_fits_a_frame() -> None:
    send = m.SendMessage("p" + "9" * 16 + "-" + "9" * 16, "\x00" * limits.TEXT_CHARS_MAX, 2**53 - 1)
    frame = frames.encode({"id": 2**53 - 1, "method": "messages.send", "params": send})
    assert len(frame) <= limits.FRAME_BYTES_MAX
    assert frames.decode_client_frame(frame).method == "messages.send"


@pytest.mark.parametrize("name", ["alice\n", "alice ", " alice", "1alice", "aliče", "al-ice", ""])
def test_names_that_are_none(name: str) -> None:
    assert taken(m.METHODS["users.resolve"], json.dumps({"username": name}).encode()) is None


@pytest.mark.parametrize(
    "chat", ["g0", "g", "p1", "p1-", "p0-1", "g1\n", "G1", "g1-2", "g" + "1" * 17, "p1-2-3", "g٣"]
)
def test_chats_that_are_none(chat: str) -> None:
    assert taken(m.METHODS["chats.get"], json.dumps({"chat_id": chat}).encode()) is None


frame_objects = st.dictionaries(
    st.sampled_from(["id", "method", "params", "ack", "ping", "x"]), values, max_size=5
)


@given(st.binary(max_size=200) | frame_objects.map(lambda tree: json.dumps(tree).encode()))
@example(b'{"params":' + b"[" * 100_000)
@example(b'{"method":"\xff"}')
@example(b'{"method":"\\udfff"}')
@example(b'{"ping":' + b"9" * 10_000 + b"}")
@example(b"")
def test_whatever_comes_as_a_frame_is_taken_or_refused(frame: bytes) -> None:
    try:
        said = frames.decode_client_frame(frame)
    except msgspec.MsgspecError:
        pass
    else:
        for number in (said.id, said.ack, said.ping):
            assert number is UNSET or 0 <= number <= limits.JSON_INT_MAX
        assert said.method is UNSET or len(said.method) <= 64
