"""Tokens: what is made is understood, and nothing else is."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ApiError
from api.methods import SayHello
from fronts.tokens import new_token, parse_token
from runtime.refs import MAX_ID

IDS = st.integers(1, MAX_ID)
SECRET = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")


@given(IDS, IDS)
def test_a_token_says_whose_it_is_and_proves_it(user_id: int, session_id: int) -> None:
    token, token_hash = new_token(user_id, session_id)
    assert parse_token(token) == (user_id, session_id, token_hash)
    assert len(token) <= 128, f"it fits {SayHello.__name__}"


def test_no_two_tokens_are_alike_and_the_hash_does_not_tell_the_secret() -> None:
    made = [new_token(7, 9) for _ in range(100)]
    assert len({token for token, _ in made}) == len({kept for _, kept in made}) == 100
    token, kept = made[0]
    assert base64.urlsafe_b64decode(token.rpartition(".")[2] + "=") != kept


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "1.2",
        f"1.2.{SECRET}.x",
        f"0.2.{SECRET}",
        f"1.0.{SECRET}",
        f"-1.2.{SECRET}",
        f"1.{MAX_ID + 1:x}.{SECRET}",
        f"{MAX_ID + 1:x}.2.{SECRET}",
        f"g.2.{SECRET}",
        f"1.2.{SECRET[:-1]}",
        f"1.2.{SECRET}A",
        f"1.2.{SECRET}=",
        f"1.2.{SECRET[:-1]}é",
        f"1.2.{SECRET[:-1]}*",
        f"1.2.{SECRET[:-1]} ",
        "1.2.",
    ],
)
def test_anything_else_is_no_token(token: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_token(token)
    assert caught.value.code == "unauthorized"
    assert SECRET not in str(caught.value)


@given(st.text(max_size=128))
def test_no_text_breaks_the_parser(text: str) -> None:
    with pytest.raises(ApiError):
        parse_token(text)
    with pytest.raises(ApiError):
        parse_token(f"1.2.{text}")
