"""What actors say to each other: all of it survives the wire, and no two are taken for another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import fields

from actors.addresses import user
from actors.kinds import KINDS
from runtime import wire
from runtime.messages import KNOWN, Arrived, Copied, Dedicate, Internal, Known, WhereIs
from runtime.refs import MAX_ID, Caller
from runtime.wire import Envelope, ReplyTo
from tests.unit.actors.filled import GREATEST, LEAST, filled


def _family(base: type) -> Iterator[type]:
    for child in base.__subclasses__():
        yield child
        yield from _family(child)


EVERY = sorted(_family(Internal), key=lambda kind: kind.__name__)
EACH = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)


@pytest.mark.parametrize("values", [LEAST, GREATEST], ids=["least", "greatest"])
@EACH
def test_it_survives_the_wire(kind: type[Internal], values: dict[Any, Any]) -> None:
    message = filled(kind, values)
    assert wire.decode_message(wire.encode(message)) == message
    assert type(wire.decode_message(wire.encode(message))) is kind


@EACH
def test_it_survives_the_outbox(kind: type[Internal]) -> None:
    message = filled(kind, GREATEST)
    raw = msgspec.Raw(wire.encode(message))
    envelope = Envelope(user(MAX_ID), Caller(1, 2, 3), ReplyTo("front", 4), raw)
    found = wire.decode_envelope(wire.encode(envelope))
    assert (found.target, found.caller, found.reply_to) == (
        envelope.target,
        envelope.caller,
        envelope.reply_to,
    )
    assert wire.decode_message(found.message) == message


@EACH
def test_versions_that_append_fields_understand_each_other(kind: type[Internal]) -> None:
    message = filled(kind, GREATEST)
    row = msgspec.msgpack.decode(wire.encode(message))
    newer = msgspec.msgpack.encode([*row, "a field of a newer version"])
    assert wire.decode_message(newer) == message
    optional = [field for field in fields(kind) if not field.required]
    older = msgspec.msgpack.encode(row[: len(row) - len(optional)])
    defaults = {field.name: field.default for field in optional}
    assert wire.decode_message(older) == msgspec.structs.replace(message, **defaults)


@EACH
def test_it_is_a_value(kind: type[Internal]) -> None:
    """Nobody can change it after it was sent, and equal ones are the same."""
    message = filled(kind, GREATEST)
    assert message.__struct_config__.frozen
    assert hash(message) == hash(filled(kind, GREATEST))


def test_tags_are_unique_and_said() -> None:
    """They are stored, in outboxes and timers. (`test_golden` holds which they are.)"""
    tags = [kind.__struct_config__.tag for kind in EVERY]
    assert all(isinstance(tag, str) and tag for tag in tags)
    assert len(set(tags)) == len(tags)


def test_a_message_without_a_tag_is_none() -> None:
    class Nameless(Struct, frozen=True, array_like=True):
        """It says no tag."""

    with pytest.raises(AssertionError, match="has no tag"):
        Known().add(Nameless)  # type: ignore[arg-type]


def test_every_message_is_on_the_wire_and_has_who_handles_it() -> None:
    """A message that nobody handles is one that nobody should be able to send; and one that two
    kinds of actors handle would not say whom it is to."""
    assert [kind for kind in EVERY if kind in KNOWN.by_tag.values()] == EVERY
    handled = [
        message
        for kind in KINDS.values()
        for message in (*kind.handlers, *kind.readers)
        if issubclass(message, Internal)
    ]
    by_engines = [Arrived, Copied, Dedicate, WhereIs]
    assert sorted((*handled, *by_engines), key=lambda kind: kind.__name__) == EVERY


def test_what_is_no_message_is_refused() -> None:
    for raw in (b"", b"\xc1", wire.encode(["Nobody", 1]), wire.encode(["LookUp", "extra"])[:-1]):
        with pytest.raises(msgspec.MsgspecError):
            wire.decode_message(raw)
