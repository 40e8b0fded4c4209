"""How peers are configured: only on loopback, in their own folder, with an archive or without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.peers import debian, ejabberd, postgres, prosody, synapse
from sim.peers.postgres import Postgres
from sim.peers.program import Failed

FOLDER = Path("/somewhere/else")
DATABASE = Postgres(30_001, "secret", 1)


def test_ejabberd() -> None:
    bare, kept = ejabberd.settings(30_000, None), ejabberd.settings(30_000, DATABASE)
    assert bare["modules"] == {"mod_register": {}}
    assert not any(name.startswith("sql") for name in bare)
    assert kept["modules"]["mod_mam"] == {"db_type": "sql", "default": "always"}
    assert (kept["sql_port"], kept["sql_password"]) == (30_001, "secret")
    for found in (bare, kept):
        (listener,) = found["listen"]
        assert (listener["ip"], listener["port"]) == ("127.0.0.1", 30_000)
        assert json.loads(json.dumps(found)) == found


def test_prosody() -> None:
    bare = prosody.settings(FOLDER, 30_000, archive=False)
    kept = prosody.settings(FOLDER, 30_000, archive=True)
    assert '"mam"' in kept
    assert '"mam"' not in bare
    assert '"offline"' in bare
    for found in (bare, kept):
        assert 'interfaces = { "127.0.0.1" }\nc2s_ports = { 30000 }\n' in found
        assert 'data_path = "/somewhere/else/data"' in found
        assert found.count("{") == found.count("}")


def test_synapse() -> None:
    found = synapse.settings(FOLDER, 30_000, DATABASE)
    (listener,) = found["listeners"]
    assert (listener["bind_addresses"], listener["port"]) == (["127.0.0.1"], 30_000)
    assert found["database"]["args"]["port"] == 30_001
    assert all(path.startswith("/somewhere/else/") for path in paths(found))
    assert json.loads(json.dumps(found)) == found
    assert synapse.logging(FOLDER)["root"]["handlers"] == ["file"]


def paths(found: dict[str, object]) -> list[str]:
    return [value for value in found.values() if isinstance(value, str) and value.startswith("/")]


def test_a_folder_that_is_closed_to_postgresql(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(Failed, match=r"PostgreSQL runs as somebody, to whom /.* is closed: choose"):
        postgres._check_open(closed / "open" / "postgres", "somebody")


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "version_of", lambda package: "1" if package == "here" else "")
    assert debian.missing(("here", "there", "nowhere")) == "there, nowhere"
    assert debian.missing(("here",)) == ""


def test_nothing_that_is_installed_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy"
    monkeypatch.setattr(debian, "POLICY", policy)
    with debian._nothing_starts():
        assert policy.read_text() == "#!/bin/sh\nexit 101\n"
        assert policy.stat().st_mode & 0o111
    assert not policy.exists()
    policy.write_text("another's")
    with debian._nothing_starts():
        assert policy.read_text() == "another's"
    assert policy.exists()
