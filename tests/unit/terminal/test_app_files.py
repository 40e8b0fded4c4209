"""Files at a terminal that is not there, on the real actors in memory; and without a terminal,
through the HTTP front on loopback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import heliograph as h
from api import limits
from api import methods as m
from api.errors import ApiError
from heliograph.cli import app
from heliograph.terminal.login import LoginError
from heliograph.terminal.screens import PageScreen
from heliograph.terminal.script import save, send
from heliograph.terminal.widgets import Composer
from tests.unit.client.files_at_desk import Served, run
from tests.unit.terminal import test_app
from tests.unit.terminal.pilots import Driver
from tests.unit.terminal.test_app import chat_with_bob, client_of
from tests.unit.terminal.village import Village, VillageClient

Act = Callable[[Driver, VillageClient, VillageClient, str], Awaitable[None]]


def talk(act: Act) -> None:
    """Alice at her terminal, in her chat with Bob."""

    async def acted(driver: Driver, village: Village, bob: VillageClient) -> None:
        chat_id = await chat_with_bob(driver, village, bob)
        await act(driver, client_of(driver), bob, chat_id)

    test_app.talk(acted)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files to send, and a folder to save in."""
    for name in ("a.jpg", "b.jpg", "c.txt"):
        (tmp_path / name).write_text(f"content of {name}")
    (tmp_path / "down").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def history(bob: VillageClient, chat_id: str) -> list[tuple[str, str]]:
    """Texts, with the names of files."""
    page = await bob.history_page(chat_id)
    return [(one.text, one.media.name if one.media else "") for one in page.messages]


async def files_from_bob(bob: VillageClient, chat_id: str, folder: Path, *names: str) -> None:
    for name in names:
        done = await bob.upload(
            folder / name, kind="file", progress=lambda done, size: None, upload_id=1
        )
        await bob.send(chat_id, "", ticket=done.ticket)


# --- pictures of users and groups ----------------------------------------------------------------


def test_a_profile_picture_is_set_shown_and_removed(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        await driver.enter("/photo a.jpg")
        await driver.sees("everybody sees your picture now")
        photo = (await bob.user("alice")).photo
        assert photo is not None
        assert (photo.kind, photo.name, photo.size) == ("photo", "", 16)
        await driver.enter("/info @alice")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        await driver.sees("Photo  16 bytes")
        await driver.sees("▀▀▀▀")
        await driver.pilot.press("escape")
        await driver.enter("/photo c.txt")
        await driver.sees("this is no picture")
        assert (await bob.user("alice")).photo == photo
        await driver.enter("/photo remove")
        await driver.sees("you have no picture any more")
        assert (await bob.user("alice")).photo is None

    talk(act)


def test_the_other_of_a_chat_is_shown(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        await bob.update_profile(bio="likes\u00ad boats")
        await driver.enter("/info")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        await driver.sees("@bobby")
        await driver.sees("likes boats")
        await driver.sees("none")
        await driver.misses("▀")

    talk(act)


def test_a_group_gets_a_picture(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        await driver.enter("/photo group a.jpg")
        await driver.sees("this is for groups")
        await driver.enter("/group Club @bobby")
        await driver.sees("You added Bobby")
        await driver.enter("/photo group b.jpg")
        await driver.sees("You changed the picture of the group")
        group = driver.main.messenger.open_id
        photo = (await bob.chat(group)).photo
        assert photo is not None
        await driver.enter("/info")
        await driver.until(lambda: isinstance(driver.app.screen, PageScreen))
        await driver.sees("▀▀▀▀")
        await driver.pilot.press("escape")
        await driver.enter("/photo group remove")
        await driver.sees("You removed the picture of the group")
        assert (await bob.chat(group)).photo is None
        assert (await bob.user("alice")).photo is None

    talk(act)


# --- sending ----------------------------------------------------------------------------------


def test_a_file_is_sent(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        alice.flow.clear()
        await driver.enter("/file a.jpg look at this")
        await driver.sees("━━━━━━━━────────  50 %")
        await driver.enter("a text does not wait")
        await driver.until(lambda: "✓" in driver.conversation)
        alice.flow.set()
        await driver.until(lambda: driver.conversation.count("✓") == 2)
        assert "◷" not in driver.conversation
        await driver.sees("Photo  a.jpg  16 bytes  #2")
        assert await history(bob, chat_id) == [
            ("a text does not wait", ""),
            ("look at this", "a.jpg"),
        ]

    talk(act)


def test_an_album_and_a_recording(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        await driver.enter("/file *.jpg both")
        await driver.until(lambda: "b.jpg  16 bytes  #2" in driver.conversation)
        await driver.enter("/voice c.txt")
        await driver.sees("Voice message  16 bytes  #3")
        page = await bob.history_page(chat_id)
        assert [(one.text, bool(one.album)) for one in page.messages] == [
            ("both", True),
            ("", True),
            ("", False),
        ]
        assert len({one.album for one in page.messages[:2]}) == 1

    talk(act)


def test_an_upload_goes_on_after_an_outage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        driver.main.messenger.transfers._retry_s = 0.01
        alice.troubles = [h.DeadlineExceeded("no answer")] * 3
        await driver.enter("/file c.txt")
        await driver.until(lambda: "#1" in driver.conversation)
        assert len(alice.uploads) == 4
        assert len(set(alice.uploads)) == 1

    talk(act)


def test_what_is_refused_can_be_sent_again(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        alice.troubles = [ApiError("storage_full"), ApiError("hash_mismatch"), OSError(5, "broken")]
        await driver.enter("/file a.jpg")
        await driver.sees("Not sent: The server's disk is full.")
        await driver.enter("/retry")
        await driver.sees("Not sent: The bytes are not those of this hash.")
        await driver.enter("/retry")
        await driver.sees("Not sent: broken.")
        await driver.enter("/retry")
        await driver.sees("#1")
        ids = [upload_id for _, upload_id in alice.uploads]
        assert ids[0] == ids[1] != ids[2] == ids[3]

    talk(act)


def test_a_ticket_that_has_expired_is_renewed(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        await bob.block("alice")
        await driver.enter("/file a.jpg")
        await driver.sees("Not sent: You cannot write to this user.")
        await bob.unblock("alice")
        await driver.enter("/retry")
        await driver.sees("#1")
        assert len(alice.uploads) == 2
        assert len(set(alice.uploads)) == 1

    talk(act)


def test_one_of_an_album_can_be_dropped(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        alice.troubles = [ApiError("quota_exceeded")]
        await driver.enter("/file *.jpg both")
        await driver.sees("Not sent: There is no room for this")
        await driver.until(lambda: len(alice.uploads) == 2)
        assert await history(bob, chat_id) == []
        await driver.enter("/drop")
        await driver.sees("#1")
        assert await history(bob, chat_id) == [("both", "b.jpg")]

    talk(act)


def test_an_upload_is_cancelled(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        alice.flow.clear()
        await driver.enter("/file *.jpg")
        await driver.enter("/file c.txt")
        await driver.until(lambda: driver.conversation.count("◷") == 3)
        await driver.enter("/cancel")
        await driver.until(lambda: "◷" not in driver.conversation)
        await driver.until(lambda: sum(isinstance(p, m.CancelUpload) for p in alice.sent) == 3)
        await driver.enter("/cancel")
        await driver.sees("nothing is uploaded")
        await driver.enter("/file c.txt")
        await driver.until(lambda: [name for name, _ in alice.uploads] == ["a.jpg", "c.txt"])
        alice.flow.set()
        await driver.sees("#1")
        assert await history(bob, chat_id) == [("", "c.txt")]

    talk(act)


def test_a_wrong_path_stays_in_the_line(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        for line, words in (
            ("/file d.txt", "there is no file d.txt"),
            ("/file down", "down is a folder"),
            ("/file a.jpg " + "x" * (limits.CAPTION_CHARS_MAX + 1), "too long by 1 characters"),
        ):
            await driver.enter(line)
            await driver.sees(words)
            assert driver.main.query_one(Composer).text == line
            driver.main.query_one(Composer).put("")

    talk(act)


def test_paths_are_completed(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        composer = driver.main.query_one(Composer)
        await driver.pilot.press(*"/file c", "tab")
        await driver.until(lambda: composer.text == "/file c.txt ")
        assert composer.has_focus
        await driver.pilot.press("tab")
        await driver.until(lambda: not composer.has_focus)

    talk(act)


# --- saving -----------------------------------------------------------------------------------


def test_files_are_saved(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        await driver.enter("/save")
        await driver.sees("this chat has no 1 files")
        await files_from_bob(bob, chat_id, folder, "a.jpg", "b.jpg", "c.txt")
        await bob.send(chat_id, "text")
        await driver.enter("/save down")
        await driver.sees(f"saved as {folder}/down/c.txt")
        await driver.enter("/save 2 down")
        await driver.sees(f"saved as {folder}/down/b.jpg")
        await driver.enter("/save #1 down/picture.jpg")
        await driver.sees(f"saved as {folder}/down/picture.jpg")
        assert (folder / "down" / "picture.jpg").read_text() == "content of a.jpg"
        await driver.enter("/save #4")
        await driver.sees("this message has no file")
        await driver.enter("/save 4")
        await driver.sees("this chat has no 4 files")
        await driver.enter("/save c.txt")
        await driver.sees("c.txt is there already")

    talk(act)


def test_a_save_is_shown_goes_on_and_can_be_stopped(folder: Path) -> None:
    async def act(driver: Driver, alice: VillageClient, bob: VillageClient, chat_id: str) -> None:
        driver.main.messenger.transfers._retry_s = 0.01
        await files_from_bob(bob, chat_id, folder, "c.txt")
        alice.flow.clear()
        alice.troubles = [h.DeadlineExceeded("no answer"), OSError(28, "No space left", "down")]
        await driver.enter("/save down")
        await driver.sees("Saving c.txt")
        await driver.sees("50 %  8 bytes of 16 bytes")
        await driver.enter("/save down")
        await driver.sees("this file is being saved already")
        alice.flow.set()
        await driver.sees("down: No space left")
        assert alice.downloads == 2
        alice.flow.clear()
        await driver.enter("/save down")
        await driver.sees("Saving c.txt")
        await driver.enter("/cancel")
        await driver.sees("stopped; /save goes on")
        await driver.misses("Saving c.txt")
        alice.flow.set()
        await driver.enter("/save down")
        await driver.sees("saved as")

    talk(act)


# --- without a terminal -----------------------------------------------------------------------


def logged_in(served: Served, name: str, folder: Path) -> Path:
    state = folder / f"{name}.json"
    token = getattr(served.desk, name).token
    h.FileState(state).save(h.Saved(server=served.url, token=token))
    return state


def test_a_script_sends_and_saves(folder: Path) -> None:
    async def test(served: Served) -> None:
        alice, bob = (logged_in(served, name, folder) for name in ("alice", "bob"))
        paths = [folder / "a.jpg", folder / "b.jpg"]
        (text,) = await send(served.url, alice, "@bobby", "hello")
        both = await send(served.url, alice, "@bobby", "two", paths)
        assert [text.id, *(sent.id for sent in both)] == [1, 2, 3]
        place = await save(served.url, bob, "@alice", 2, 0, folder / "down")
        assert place == folder / "down" / "a.jpg"
        place = await save(served.url, bob, "@alice", 1, 3, folder / "new")
        assert place.read_text() == "content of b.jpg"
        with pytest.raises(ApiError, match="no such file"):
            await save(served.url, bob, "@alice", 3, 0, folder)
        with pytest.raises(LoginError, match="too long"):
            await send(served.url, alice, "@bobby", "x" * 2_000, paths)
        async with served.client() as client:
            found = await client.messages(served.chat, [2, 3])
        assert [one.text for one in found] == ["two", ""]
        assert found[0].album == found[1].album != 0

    run(test)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--file", "a.jpg"], "--to together with --send or --file"),
        (["--to", "@bobby", "--file", "none"], "there is no file none"),
        (["--to", "@bobby", "--file", "down"], "down is a folder"),
        (["--to", "@bobby", *["--file", "a.jpg"] * 11], "these are 11 files"),
        (["--to", "@bobby", "--file", "a.jpg"], "nobody is logged in"),
        (["--from", "@bobby", "--to", "@bobby", "--send", "x"], "--to together"),
        (["--from", "@bobby", "--save", "last"], "last is no number of a file"),
        (["--from", "@bobby", "--into", "a.jpg"], "a.jpg is there already"),
        (["--from", "@bobby"], "nobody is logged in"),
    ],
)
def test_wrong_use(folder: Path, arguments: list[str], words: str) -> None:
    url = ["--url", "http://127.0.0.1:9", "--state", str(folder / "state.json")]
    result = CliRunner().invoke(app, ["chat", *url, *arguments])
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
