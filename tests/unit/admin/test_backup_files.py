"""The bytes of files: backed up, checked, and brought back to where they belong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lmdb
import pytest

from api.files import chunk_hash, file_id
from heliograph.admin import backup as backing
from heliograph.admin import files
from heliograph.admin.checking import FilesIn
from heliograph.admin.media import ChunksIn, MediaStores, chunks_in
from heliograph.admin.reader import Reader
from heliograph.admin.stored import verify_folder
from media.here import CHUNKS
from media.placement import ranking
from runtime.replication.protocol import Seat
from storage.backup.fill import NewFolder
from storage.backup.index import held_in
from storage.backup.repository import Repository
from storage.chunk_changes import Checked
from storage.chunks import ChunkStore
from storage.folder import VERSION, DataFolder, Description
from tests.unit.admin.test_commands import admin
from tests.unit.media.desk import Desk, parts_of
from tests.unit.storage.test_backup import break_chunk

MEDIA = ("media-0", "media-1")
NOTE = b"a short file"
FILM = b"".join(bytes([n]) * (512 * 1024) for n in range(3)) + b"end"
PARTS = [chunk_hash(part) for part in parts_of(FILM)]
FILM_ROOT = file_id(PARTS)
NAMES = {chunk_hash(NOTE), FILM_ROOT, *PARTS}


class Server:
    """A data folder with a chat to which a short file and one of four parts were sent."""

    def __init__(self, path: Path) -> None:
        self.data, self.repo, self.new = path / "data", path / "repository", path / "new"
        desk = Desk()
        for content in (NOTE, FILM):
            desk.alice.send(desk.chat, desk.alice.upload(content).ticket)
        desk.town.settle()
        self.chat = desk.chat
        folder = NewFolder(self.data)
        for name, rows in desk.town.stored():
            folder.add_store(name, {p: list(rows.rows(p)) for p in rows.partitions})
        folder.finish(Description(VERSION, "cluster", 8, 2, 1))
        for name, data in desk.chunks.chunks.items():
            self.put(name, data, *desk.chunks.holders[name])

    def put(self, name: bytes, data: bytes, *roots: bytes, media: str = "") -> None:
        with self.store(media or owners(name)[0]) as store:
            store.put(name, data, 1_000)
            for root in roots:
                store.hold(root, [name], 1_000)

    @contextmanager
    def store(self, media: str, data: Path | None = None) -> Iterator[ChunkStore]:
        with closing(ChunkStore((data or self.data) / media / CHUNKS)) as store:
            yield store

    def drop(self, name: bytes, data: Path | None = None) -> None:
        for media in MEDIA:
            with self.store(media, data) as store:
                facts = store.facts([name])[0]
                if facts is not None:
                    assert store.drop(name, facts.touched_ms, store.holders(name))

    def flip(self, name: bytes, media: str) -> None:
        """A bit of what is stored of a chunk."""
        path = str(self.data / media / CHUNKS)
        with lmdb.open(path, max_dbs=4, map_size=1 << 30) as env:
            chunks = env.open_db(b"chunks", create=False)
            with env.begin(write=True) as txn:
                body = bytearray(txn.get(name, db=chunks))
                body[-1] ^= 1
                txn.put(name, bytes(body), db=chunks)

    def back_up(self, *options: str, code: int = 0) -> dict[str, Any]:
        done = admin("backup", "--data", self.data, "--to", self.repo, "--json", *options)
        assert done.exit_code == code, done.stderr
        made: dict[str, Any] = json.loads(done.stdout)
        return made

    def restore(self) -> int:
        return admin("restore", "--from", self.repo, "--data", self.new).exit_code

    def index(self) -> set[bytes]:
        repository = Repository.open(self.repo)
        found = repository.latest().files
        assert found is not None
        return {held.name for held in held_in(repository.rows(found.index))}


def elsewhere(work: Callable[..., None], *arguments: Any) -> None:
    """In another process, as a media actor is."""
    process = get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def owners(name: bytes) -> list[str]:
    return ranking(name, {media: Seat(media, media) for media in MEDIA})


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def findings(data: Path) -> list[str]:
    return [finding.what for finding in verify_folder(data).findings]


def test_all_files_come_back_to_where_they_belong(server: Server) -> None:
    """With who holds them: so that they are found, and go when nobody needs them."""
    made = server.back_up()
    assert made["file_chunks"] == made["new_file_chunks"] == len(NAMES)
    assert admin("check", "--from", server.repo).exit_code == 0
    assert server.restore() == 0
    assert verify_folder(server.new).counts["files"] == 2
    assert findings(server.new) == []
    for name in NAMES:
        for media in MEDIA:
            with server.store(media, server.new) as store:
                there = media == owners(name)[0]
                assert (store.get(name) is not None) == there
                root = name if name == chunk_hash(NOTE) else FILM_ROOT
                assert store.holders(name) == [root] * there


def test_every_copy_is_made_that_there_shall_be(server: Server) -> None:
    server.back_up()
    done = admin("restore", "--from", server.repo, "--data", server.new, "--copies", 2)
    assert done.exit_code == 0, done.stderr
    for media in MEDIA:
        with server.store(media, server.new) as store:
            assert all(store.get(name) for name in NAMES)


def test_what_the_repository_has_is_not_read_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[bytes]] = []
    read = Reader.file_chunks

    def counting(self: Reader, names: Sequence[bytes]) -> list[bytes | None]:
        asked.append(names)
        return read(self, names)

    monkeypatch.setattr(Reader, "file_chunks", counting)
    monkeypatch.setattr(files, "PIECE", 2)
    server.back_up()
    assert sorted(name for names in asked for name in names) == sorted(NAMES)
    assert max(map(len, asked)) == 2, "no more are in memory"
    asked.clear()
    made = server.back_up()
    assert (made["file_chunks"], made["new_file_chunks"], asked) == (len(NAMES), 0, [])
    server.put(chunk_hash(b"more"), b"more")
    assert server.back_up()["new_file_chunks"] == 1


def test_a_damaged_copy_is_passed_over(server: Server) -> None:
    name = PARTS[1]
    for media in MEDIA:
        server.put(name, parts_of(FILM)[1], FILM_ROOT, media=media)
    server.flip(name, MEDIA[0])
    assert server.back_up()["damaged"] == []
    assert server.restore() == 0
    assert findings(server.new) == []


def test_a_chunk_that_is_nowhere_whole_is_told_and_never_written(server: Server) -> None:
    name = PARTS[1]
    server.flip(name, owners(name)[0])
    made = server.back_up(code=1)
    assert made["damaged"] == [f"chunk {name.hex()} of files has no whole copy"]
    assert server.index() == NAMES - {name}
    assert not Repository.open(server.repo).size(name.hex())
    checked = admin("check", "--from", server.repo)
    assert checked.exit_code == 1
    assert "1 of its 5 chunks are missing" in checked.stdout
    assert server.restore() == 1
    assert findings(server.new) == ["1 of its 5 chunks are missing"]


def test_the_list_of_a_files_parts_is_missed_too(server: Server) -> None:
    server.drop(FILM_ROOT)
    assert findings(server.data) == ["1 of its 1 chunks are missing"]


def test_a_chunk_that_is_known_to_be_damaged_is_missed(server: Server) -> None:
    with server.store(owners(PARTS[3])[0]) as store:
        store.commit([Checked(PARTS[3], False)], 2_000)
    assert findings(server.data) == ["1 of its 5 chunks are missing"]


def test_what_comes_or_goes_around_the_moment_is_there(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that is deleted after the moment needs its file in a backup of the moment, though
    it may be collected at once; and so does one that was sent just before, whose file was not there
    yet when the files were looked at first."""
    find_cut = backing.find_cut
    late = chunk_hash(b"late")

    def meanwhile(*arguments: Any) -> Any:
        elsewhere(server.put, late, b"late", late)
        found = find_cut(*arguments)
        elsewhere(server.drop, PARTS[2])
        return found

    monkeypatch.setattr(backing, "find_cut", meanwhile)
    server.back_up()
    assert server.index() == NAMES | {late}
    assert server.restore() == 0
    assert findings(server.new) == []


def test_a_damaged_chunk_of_a_backup_is_found(server: Server) -> None:
    server.back_up()
    path = Repository.open(server.repo).chunk_path(PARTS[0].hex())
    break_chunk(path)
    checked = admin("check", "--from", server.repo)
    assert checked.exit_code == 1
    assert str(path) in checked.stdout
    assert path.with_name(f"{path.name}.damaged").exists()
    assert server.back_up()["new_file_chunks"] == 1
    assert admin("check", "--from", server.repo).exit_code == 0, "older backups have it again, too"


def test_what_a_backup_has_damaged_is_not_there(server: Server) -> None:
    server.back_up()
    repository = Repository.open(server.repo)
    manifest = repository.latest()
    assert manifest.files is not None
    found = FilesIn(repository, manifest.files)
    assert found.get(FILM_ROOT) == b"".join(PARTS)
    break_chunk(repository.chunk_path(FILM_ROOT.hex()))
    assert found.get(FILM_ROOT) is None


def test_a_damaged_chunk_does_not_end_the_restore(server: Server) -> None:
    server.back_up()
    path = Repository.open(server.repo).chunk_path(PARTS[0].hex())
    break_chunk(path)
    done = admin("restore", "--from", server.repo, "--data", server.new, "--json")
    assert done.exit_code == 1
    (lost,) = json.loads(done.stdout)["lost"]
    assert str(path) in lost
    assert lost in done.stderr
    assert findings(server.new) == ["1 of its 5 chunks are missing"]


def test_a_damaged_list_of_chunks_does_not_end_the_restore(server: Server) -> None:
    server.back_up()
    repository = Repository.open(server.repo)
    files = repository.latest().files
    assert files is not None
    (index,) = files.index
    repository.chunk_path(index.hash).unlink()
    done = admin("restore", "--from", server.repo, "--data", server.new, "--json")
    assert done.exit_code == 1
    assert f"a list of {len(NAMES)} chunks" in json.loads(done.stdout)["lost"][0]
    assert verify_folder(server.new).counts["users"]


def test_a_backup_without_files_says_so(server: Server) -> None:
    assert server.back_up("--without-files")["file_chunks"] == 0
    assert "without files" in admin("backups", "--from", server.repo).stdout
    assert admin("check", "--from", server.repo).exit_code == 0
    done = admin("restore", "--from", server.repo, "--data", server.new, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["files"] is False
    assert "this backup is without files" in done.stderr
    assert findings(server.new) == ["1 of its 1 chunks are missing"] * 2


def test_the_files_of_one_chat_are_brought_back(server: Server) -> None:
    server.back_up()
    for name in NAMES:
        server.drop(name)
    other = chunk_hash(b"of another chat")
    server.put(other, b"of another chat", other)
    arguments = ("restore", "--chat", server.chat, "--from", server.repo, "--data", server.data)
    done = admin(*arguments)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert findings(server.data) == []
    with server.store(owners(PARTS[0])[0]) as store:
        assert store.holders(PARTS[0]) == [FILM_ROOT]
    shutil.rmtree(server.repo / "chunks" / PARTS[0].hex()[:2])
    server.drop(PARTS[0])
    done = admin(*arguments)
    assert done.exit_code == 1
    assert f"chunk {PARTS[0].hex()} of its file is in no backup" in done.stdout


def test_a_damaged_chunk_does_not_end_the_restore_of_a_chat(server: Server) -> None:
    """Not even that which names the parts."""
    server.back_up()
    for name in NAMES:
        server.drop(name)
    break_chunk(Repository.open(server.repo).chunk_path(FILM_ROOT.hex()))
    arguments = ("restore", "--chat", server.chat, "--from", server.repo, "--data", server.data)
    done = admin(*arguments, "--json")
    assert done.exit_code == 1
    (lost,) = json.loads(done.stdout)["lost"]
    assert f"chunk {FILM_ROOT.hex()}" in lost
    assert findings(server.data) == ["1 of its 1 chunks are missing"], "the short one is there"


def test_a_damaged_store_is_a_finding_and_the_rest_is_checked(server: Server) -> None:
    """And nothing is written beside it."""
    server.back_up()
    folder = server.data / MEDIA[1]
    (folder / CHUNKS / "data.mdb").write_bytes(b"no database" * 1_000)
    report = verify_folder(server.data)
    (finding,) = report.findings
    assert f"the chunks of {folder} cannot be read" in finding.what
    assert report.counts["files"] == 2
    for command in (
        ("backup", "--data", server.data, "--to", server.repo),
        ("restore", "--chat", server.chat, "--from", server.repo, "--data", server.data),
    ):
        done = admin(*command)
        assert done.exit_code == 2
        assert f"the chunks of {folder} cannot be read" in done.stderr


def test_a_backup_that_lacks_a_media_actor_says_so(server: Server) -> None:
    shutil.rmtree(server.data / MEDIA[0])
    assert server.back_up(code=1)["damaged"] == ["media-0 could not be looked at"]
    assert "1 damaged" in admin("backups", "--from", server.repo).stdout
    assert server.back_up("--without-files")["damaged"] == []


def test_a_store_that_cannot_be_read_has_nothing() -> None:
    class Broken:
        def has(self, name: bytes) -> bool:
            raise lmdb.CorruptedError

    assert not ChunksIn([Broken()]).has(NOTE)  # type: ignore[list-item]
    assert not MediaStores({"media-0": Broken()}, 1).has(NOTE)  # type: ignore[dict-item]


def test_where_not_all_media_actors_are_nothing_is_missed(server: Server) -> None:
    """They are on other nodes."""
    shutil.rmtree(server.data / MEDIA[0])
    with chunks_in(server.data, DataFolder.look(server.data).description) as found:
        assert found is None
    assert findings(server.data) == []
