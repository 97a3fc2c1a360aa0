"""A backup taken while facts are written gives the same system; a bad one gives nothing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from softswitch.store.backup import BackupError, back_up, restore
from softswitch.store.livestate import load
from softswitch.store.lock import StoreLocked
from softswitch.store.segments import journal_directory
from softswitch.store.verify import verify
from tests.store.facts import answered_call, copy_all, fact, journal, rows


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    log = journal(state, segment_bytes=3000)
    for number in range(4):
        for each in answered_call(f"c{number}"):
            log.append([each])
    log.append([fact("agent_signed_in", {"acd/agent/ann": {"signed_in": True}}, agent="ann", user="u")])
    log.close()
    (state / "secrets.json").write_text('{"trunk": "s3cret"}')
    return state


def test_the_restored_system_is_the_same(state: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "b.tar.gz", tmp_path / "again"
    back_up(state, file)
    assert file.stat().st_mode & 0o777 == 0o600
    restore(file, again)
    assert load(again) == load(state)
    assert (again / "secrets.json").read_text() == '{"trunk": "s3cret"}'
    assert (again / "secrets.json").stat().st_mode & 0o777 == 0o600
    for each in (state, again):
        copy_all(each)
    assert rows(again) == rows(state)
    assert verify(again).good


def test_while_the_switch_writes(state: Path, tmp_path: Path) -> None:
    """Half a record at the end is of the next moment; what is written afterwards as well."""
    log = journal(state)
    newest = max(journal_directory(state).glob("*.jsonl"))
    with newest.open("ab") as torn:
        torn.write(b'{"half": ')
    manifest = back_up(state, tmp_path / "b.tar.gz")
    log.close()
    restore(tmp_path / "b.tar.gz", tmp_path / "again")
    _, position = load(tmp_path / "again")
    assert position == manifest.log_position
    later = journal(tmp_path / "again")
    later.append([fact("agent_signed_out", {"acd/agent/ann": None}, agent="ann", user="u")])
    later.close()
    assert "acd/agent/ann" not in load(tmp_path / "again")[0]


def test_a_state_that_is_there_is_not_overwritten(state: Path, tmp_path: Path) -> None:
    back_up(state, tmp_path / "b.tar.gz")
    with pytest.raises(BackupError, match="has a journal already; move it away"):
        restore(tmp_path / "b.tar.gz", state)


def test_not_into_the_directory_of_a_running_switch(state: Path, tmp_path: Path) -> None:
    back_up(state, tmp_path / "b.tar.gz")
    running = journal(tmp_path / "other")
    for segment in journal_directory(tmp_path / "other").glob("*.jsonl"):
        segment.unlink()
    with pytest.raises(StoreLocked):
        restore(tmp_path / "b.tar.gz", tmp_path / "other")
    running.close()


def test_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no journal"):
        back_up(tmp_path / "empty", tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()


def test_a_place_that_cannot_be_written(state: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot be written"):
        back_up(state, tmp_path / "nowhere" / "b.tar.gz")


@pytest.mark.parametrize("cut", [0, 10, 400, -30])
def test_a_file_that_was_cut_restores_nothing(state: Path, tmp_path: Path, cut: int) -> None:
    file = tmp_path / "b.tar.gz"
    back_up(state, file)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(BackupError):
        restore(file, tmp_path / "again")
    assert not (tmp_path / "again" / "secrets.json").exists()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "journal/../../evil", "journal/x.jsonl"])
def test_an_archive_with_paths_of_its_own_writes_none_of_them(state: Path, tmp_path: Path, name: str) -> None:
    file, forged = tmp_path / "b.tar.gz", tmp_path / "forged.tar.gz"
    back_up(state, file)
    with tarfile.open(file) as tar, tarfile.open(forged, "w:gz") as out:
        for member in tar:
            out.addfile(member, tar.extractfile(member))
        evil = tarfile.TarInfo(name)
        evil.size = 4
        out.addfile(evil, io.BytesIO(b"evil"))
    restore(forged, tmp_path / "deep" / "again")
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert "evil" not in written and "x.jsonl" not in written


def test_a_changed_byte_is_found(state: Path, tmp_path: Path) -> None:
    file, forged = tmp_path / "b.tar.gz", tmp_path / "forged.tar.gz"
    back_up(state, file)
    with tarfile.open(file) as tar, tarfile.open(forged, "w:gz") as out:
        for member in tar:
            data = tar.extractfile(member)
            assert data is not None
            text = data.read().replace(b"s3cret", b"guess!")
            out.addfile(member, io.BytesIO(text))
    with pytest.raises(BackupError, match="is damaged"):
        restore(forged, tmp_path / "again")
    assert not (tmp_path / "again" / "secrets.json").exists()
