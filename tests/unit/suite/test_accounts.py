"""The accounts that the bench of residents makes by the million are as those that people make."""

from __future__ import annotations

from pathlib import Path

from actors import addresses
from actors.session.messages import Attach
from fronts.tokens import parse_token
from heliograph.admin.stored import verify_folder
from runtime.refs import NOBODY
from tests.bench.accounts import person, populate
from tests.bench.memory_bench import Host
from tests.bench.waking import wake_us

PAIRS = 3


def test_accounts_that_are_made_are_whole_and_their_tokens_are_taken(tmp_path: Path) -> None:
    populate(tmp_path, PAIRS, lambda made: None)
    report = verify_folder(tmp_path)
    assert report.clean, report.findings
    assert report.counts["users"] == report.counts["sessions"] == 2 * PAIRS
    assert report.counts["chats"] == report.counts["messages"] == PAIRS
    host = Host(tmp_path / "host-0", 100)

    def refused(token: str) -> int:
        """How many were refused when this one has come, too."""
        user_id, session_id, token_hash = parse_token(token)
        session = addresses.session(user_id, session_id)
        host.post(session, Attach("front", 1, token_hash), NOBODY)
        return host.engine.refusals

    tokens = [person(number).token for number in range(2 * PAIRS)]
    assert [refused(token) for token in tokens] == [0] * len(tokens)
    assert refused(tokens[0][:-2] + "AA") == 1
    host.store.close()


def test_every_kind_is_woken(tmp_path: Path) -> None:
    populate(tmp_path, PAIRS, lambda made: None)
    assert wake_us(tmp_path, PAIRS).keys() == {"session", "user", "chat"}
