"""The contract that the web client is built from is what the structs say."""

from pathlib import Path
from typing import Literal

import pytest
from msgspec import UNSET, Struct, UnsetType

from api.typescript import _interface, contract

COMMITTED = Path(__file__).parents[3] / "web" / "src" / "contract" / "contract.ts"


def test_the_committed_contract_is_that_of_the_structs() -> None:
    assert COMMITTED.read_text() == contract(), (
        "python -m api.typescript > web/src/contract/contract.ts"
    )


class Sample(Struct, omit_defaults=True, tag="sample", tag_field="type"):
    """What there can be."""

    needed: int
    left_out: str = ""
    unset: list[int] | UnsetType = UNSET
    words: Literal["a", "b"] | None = None
    inner: "list[Literal['a', 'b']]" = []


def test_what_a_default_leaves_out_is_optional() -> None:
    assert _interface(Sample) == (
        "/** What there can be. */\n"
        "export interface Sample {\n"
        '  type: "sample";\n'
        "  needed: number;\n"
        "  left_out?: string;\n"
        "  unset?: number[];\n"
        '  words?: "a" | "b";\n'
        '  inner?: ("a" | "b")[];\n'
        "}\n"
    )


def test_a_type_that_is_not_known_is_an_error() -> None:
    class Strange(Struct):
        what: set[int]

    with pytest.raises(TypeError):
        _interface(Strange)
