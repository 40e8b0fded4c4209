"""In this folder, hosts speak the language of `kit`, not the messenger's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime import wire
from tests.unit.runtime import kit


@pytest.fixture(autouse=True, scope="module")
def _language() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "decode_message", kit.decode_said)
        yield
