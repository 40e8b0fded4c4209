"""Every method of the client refuses what cannot be meant, before anything is sent. The methods are
read from the class, so that a new one is tried as well."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import heliograph
from api.errors import ApiError
from heliograph._methods import Methods
from tests.unit.client.driving import CHAT, PASSWORD, client_of, run
from tests.unit.client.fake_server import Server

ODD = ("\ud83d", "a\udcff", b"bytes", 1.5, object(), ["\ud83d"], float("nan"), 2**70)
FITTING = {"str": "word", "int": 1, "bool": True, "Iterable[int]": [1], "MediaKind": "file"}


def parameters() -> Iterator[tuple[str, str]]:
    for name, method in inspect.getmembers(Methods, inspect.isfunction):
        if not name.startswith("_") and name != "call":
            for parameter in list(inspect.signature(method).parameters)[1:]:
                if parameter not in (
                    "timeout_s",
                    "users",
                    "user_ids",
                    "ids",
                    "message_ids",
                    "random_ids",
                    "page",
                    "oldest_first",
                ):
                    yield name, parameter


async def finish(call: Any) -> None:
    if isinstance(call, AsyncIterator):
        async for _ in call:
            pass
    else:
        await call


@pytest.mark.parametrize(("name", "odd"), [*parameters()])
def test_an_odd_argument_is_refused_and_not_sent(name: str, odd: str) -> None:
    signature = inspect.signature(getattr(Methods, name))

    async def test(server: Server) -> None:
        async with client_of(server, live=False) as client:
            await client.register("alice", PASSWORD)
            heard = len(server.asked)
            for value in ODD:
                fitting = {
                    each.name: CHAT
                    if each.name.endswith("chat_id")
                    else FITTING.get(str(each.annotation).partition(" | ")[0], 1)
                    for each in list(signature.parameters.values())[1:]
                    if each.default is inspect.Parameter.empty
                }
                with pytest.raises((ApiError, TypeError)) as refused:
                    await finish(getattr(client, name)(**{**fitting, odd: value}))
                if isinstance(refused.value, ApiError):
                    assert refused.value.code == "invalid_params"
            assert len(server.asked) == heard

    run(test)


@pytest.mark.parametrize("text", ["\ud83d", "a" * 100_000, 5, None, b"x"])
def test_a_text_that_is_none_is_not_sent(text: Any) -> None:
    async def test(server: Server) -> None:
        async with client_of(server, live=False) as client:
            await client.register("alice", PASSWORD)
            with pytest.raises(ApiError) as refused:
                await client.send("g1", text)
            assert refused.value.code == "invalid_params"
            with pytest.raises(TypeError):
                await client.call(text)

    run(test)


@pytest.mark.parametrize(
    "server", ["chat.example.org", "ftp://x", "http://", "http://x:99999", "http://\ud83d", 5, None]
)
def test_an_address_that_is_none(server: Any) -> None:
    with pytest.raises(ValueError, match="is no address of a server"):
        heliograph.Client(server)


@pytest.mark.parametrize("token", ["\ud83d", "я", 5, b"x"])
def test_a_token_that_is_none(token: Any) -> None:
    with pytest.raises(ValueError, match="a token is"):
        heliograph.Client("http://127.0.0.1:1", token=token)


def test_a_scheme_may_be_large() -> None:
    assert heliograph.Client("HTTP://127.0.0.1:1/").server == "http://127.0.0.1:1"
