"""When the web client is built and installed anew (`web/build.py`)."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

WEB = Path(__file__).resolve().parents[3] / "web"


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("heliograph_web_build", WEB / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _module()

LOCK = {
    "": {"name": "web"},
    "node_modules/solid": {"version": "1.0.0", "integrity": "sha512-a"},
    "node_modules/other-system": {"version": "2.0.0", "optional": True},
}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _lock(path: Path, packages: dict[str, Any]) -> None:
    _write(path, json.dumps({"packages": packages}))


@pytest.fixture
def web(tmp_path: Path) -> Path:
    for name in build.SOURCES:
        _write(tmp_path / name if "." in name else tmp_path / name / "one.ts", name)
    _lock(tmp_path / "package-lock.json", LOCK)
    return tmp_path


@pytest.fixture
def ran(web: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was run, instead of npm and Vite."""
    programs: list[str] = []

    def run(arguments: list[str], *_: object) -> None:
        programs.append(arguments[0])
        if arguments[0] == "vite":
            _write(Path(arguments[arguments.index("--outDir") + 1], "index.html"), "page")
        else:
            _installed(web)

    monkeypatch.setattr(build, "command", lambda _web, *words: list(words))
    monkeypatch.setattr(build, "_run", run)
    return programs


def _installed(web: Path, **changed: Any) -> None:
    there = {path: package for path, package in LOCK.items() if "solid" in path}
    _lock(web / "node_modules" / ".package-lock.json", {**there, **changed})


def test_nothing_is_done_twice(web: Path, ran: list[str]) -> None:
    build.ensure_built(web)
    build.ensure_built(web)
    assert ran == ["npm", "vite"]
    assert (web / "dist" / "index.html").read_text() == "page"
    assert not list(web.glob(".build-*"))


@pytest.mark.parametrize(
    "change",
    [
        lambda web: _write(web / "src" / "one.ts", "changed"),
        lambda web: _write(web / "src" / "deep" / "two.ts", ""),
        lambda web: (web / "src" / "one.ts").unlink(),
        lambda web: (web / "src" / "one.ts").rename(web / "src" / "two.ts"),
        lambda web: _write(web / "vite.config.ts", "changed"),
        lambda web: _write(web / "public" / "one.ts", "changed"),
        lambda web: _write(web / "scripts" / "one.ts", "changed"),
        lambda web: (web / "dist" / build.STAMP).unlink(),
    ],
)
def test_what_changed_is_built_again(
    web: Path, ran: list[str], change: Callable[[Path], object]
) -> None:
    build.ensure_built(web)
    change(web)
    build.ensure_built(web)
    assert ran == ["npm", "vite", "vite"]


def test_tests_are_no_part_of_it(web: Path, ran: list[str]) -> None:
    build.ensure_built(web)
    _write(web / "test" / "one.test.ts", "")
    build.ensure_built(web)
    assert ran == ["npm", "vite"]


def test_what_was_interrupted_is_not_taken_for_finished(
    web: Path, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build.ensure_built(web)
    _write(web / "src" / "one.ts", "changed")

    def cut(arguments: list[str], *_: object) -> None:
        _write(Path(arguments[arguments.index("--outDir") + 1], "index.html"), "half a page")
        raise build.NotBuiltError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(build, "_run", cut)
        with pytest.raises(build.NotBuiltError, match="no memory"):
            build.ensure_built(web)
    assert (web / "dist" / "index.html").read_text() == "page", "the one before stays"
    _write(web / ".build-left" / "dist" / "index.html", "half a page")  # by a power cut
    build.ensure_built(web)
    assert ran == ["npm", "vite", "vite"]
    assert not list(web.glob(".build-*"))


def test_who_has_a_build_needs_no_packages(web: Path, ran: list[str]) -> None:
    build.ensure_built(web)
    _installed(web, **{"node_modules/solid": {"version": "0.9.0"}})
    build.ensure_built(web)
    assert ran == ["npm", "vite"]
    build.ensure_installed(web)
    build.ensure_installed(web)
    assert ran == ["npm", "vite", "npm"]


def test_what_is_installed_is_what_the_lock_says(web: Path) -> None:
    assert not build.is_installed(web), "nothing is there"
    _installed(web)
    assert build.is_installed(web)
    _installed(web, **{"node_modules/other-system": LOCK["node_modules/other-system"]})
    assert build.is_installed(web)
    _installed(web, **{"node_modules/solid": {"version": "1.0.1", "integrity": "sha512-b"}})
    assert not build.is_installed(web), "another version"
    _installed(web, **{"node_modules/more": {"version": "1.0.0"}})
    assert not build.is_installed(web), "one that the lock does not know"
    _lock(web / "node_modules" / ".package-lock.json", {})
    assert not build.is_installed(web), "one is missing"
    _write(web / "node_modules" / ".package-lock.json", '{"packages": {')
    assert not build.is_installed(web), "written in part"


def test_an_installation_that_fails_says_what_to_do(
    web: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = [sys.executable, "-c", "print('no way there'); raise SystemExit(1)"]
    monkeypatch.setattr(build, "command", lambda *_: fails)
    _installed(web, **{"node_modules/solid": {"version": "0.9.0"}})
    with pytest.raises(build.NotBuiltError, match=r"(?s)no way there.*make install"):
        build.ensure_built(web)
    assert not (web / "node_modules" / ".package-lock.json").exists(), "it is begun anew"


def test_the_sources_are_those_of_the_client() -> None:
    assert all((WEB / name).exists() for name in build.SOURCES)
    others = {"build.py", "node_modules", "dist", "test", "vitest.config.ts"}
    there = {p.name for p in WEB.iterdir() if not p.name.startswith((".", "__"))}
    assert there - others <= set(build.SOURCES), "does it change what is built?"
