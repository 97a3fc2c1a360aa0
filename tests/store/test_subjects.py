"""Numbers are in one file only, and when one is taken out of it everything else stays as it was."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.cli.main import main
from softswitch.store.chain import ChainKeeper, broken_days, read_chain
from softswitch.store.erasure import InUse, erase_without_switch, files_with, require_unused
from softswitch.store.livestate import load, write_snapshot
from softswitch.store.migrate import migrate
from softswitch.store.queries import open_views
from softswitch.store.reader import read_facts
from softswitch.store.reports import REPORTS, Period
from softswitch.store.segments import journal_directory, list_segments, segment_path
from softswitch.store.subjects import Subjects, normalised, subjects_path
from softswitch.store.verify import verify
from tests.store.facts import Fact, answered_call, copy_all, fact, journal, rows

CALLER, OTHER = "+493012345678", "+493087654321"
AT = 1_800_000_000.0


def calls(number: str, name: str = "c", count: int = 3) -> list[Fact]:
    """Calls of a number, which stands in facts and state as SIP has it."""
    facts = []
    for each in range(count):
        call = f"{name}{each}"
        of = answered_call(call)
        of[0]["data"] |= {"from_number": number, "to_number": "+49305550100"}
        of[0]["keep"] = {f"call/{call}": {"remote": f"<sip:{number}@192.0.2.9>;tag=a", "number": number}}
        of.insert(1, fact("leg_started", call=call, leg=f"{call}.l1", direction="inbound", address=number,
                          trunk="carrier"))  # fmt: skip
        of.insert(2, fact("alarm_raised", code="emergency_call", message=f"emergency call, number {number}"))
        of[-2]["keep"] = {f"call/{call}": None, f"last_agent/{number}": {"agent": "alice", "until": 9}}
        facts += of
    return facts


def written(state_dir: Path) -> None:
    at = [AT]
    log = journal(state_dir, wall=lambda: at[0], monotonic=lambda: at[0], segment_bytes=9000)
    log.append(calls(CALLER))
    log.append(calls(OTHER, "d", 2))
    at[0] += 86400
    log.append(calls(OTHER, "e", 1))
    log.close()
    write_snapshot(state_dir, *load(state_dir))
    copy_all(state_dir)
    keeper = ChainKeeper(state_dir)
    while keeper.turn():
        pass
    keeper.close()


def sums(state_dir: Path) -> list[dict[str, Any]]:
    db = open_views(state_dir)
    try:
        return [row for name in ("queues", "agents", "numbers", "trunks", "reasons")
                for row in REPORTS[name].run(db, Period(AT - 900, AT + 2 * 86400))]  # fmt: skip
    finally:
        db.close()


def test_the_journal_has_references_and_its_readers_the_numbers(tmp_path: Path) -> None:
    written(tmp_path)
    found = {path.name for path in files_with([tmp_path], CALLER)}
    assert found == {"subjects.jsonl", "softswitch.db"}
    told = [each for _, each in read_facts(tmp_path)]
    assert [each["data"] for each in told] == [
        each["data"] for each in (*calls(CALLER), *calls(OTHER, "d", 2), *calls(OTHER, "e", 1))
    ]
    state, _ = load(tmp_path)
    assert set(state) == {f"last_agent/{CALLER}", f"last_agent/{OTHER}"}


def test_after_an_erasure_the_number_is_nowhere_and_nothing_else_has_changed(tmp_path: Path) -> None:
    written(tmp_path)
    before, days = sums(tmp_path), read_chain(tmp_path)
    assert len(erase_without_switch(tmp_path, "node1", "00493012345678")) == 1
    assert files_with([tmp_path], CALLER) == []
    assert files_with([tmp_path], OTHER) != []
    assert sums(tmp_path) == before
    found = verify(tmp_path)
    assert found.good, (found.differences, found.damage)
    assert broken_days(tmp_path) == (days, []) and days
    incremental = rows(tmp_path)
    copy_all(tmp_path, rebuild=True)
    assert rows(tmp_path) == incremental
    assert set(load(tmp_path)[0]) == {f"last_agent/{OTHER}"}
    with sqlite3.connect(tmp_path / "softswitch.db") as db:
        callers = {row[0] for row in db.execute("SELECT from_number FROM calls")}
    db.close()
    assert OTHER in callers and len(callers) == 2
    assert all(each == OTHER or each.startswith("erased:") for each in callers)
    assert erase_without_switch(tmp_path, "node1", CALLER) == []


def test_who_calls_again_is_somebody_new(tmp_path: Path) -> None:
    written(tmp_path)
    erase_without_switch(tmp_path, "node1", CALLER)
    log = journal(tmp_path)
    log.append(calls(CALLER, "again", 1))
    log.close()
    copy_all(tmp_path)
    db = open_views(tmp_path)
    assert len(db.execute("SELECT DISTINCT from_number FROM calls").fetchall()) == 3
    db.close()
    assert verify(tmp_path).good


def test_what_is_in_use_is_not_erased(tmp_path: Path) -> None:
    log = journal(tmp_path)
    log.append(calls(CALLER, count=1)[:5])
    log.close()
    with pytest.raises(InUse, match="call/c0"):
        erase_without_switch(tmp_path, "node1", CALLER)
    assert files_with([tmp_path], CALLER)
    require_unused({"configuration": {"numbers": ["+4930123456789"]}}, CALLER)


def test_what_is_only_remembered_is_forgotten(tmp_path: Path) -> None:
    log = journal(tmp_path)
    replies = {"command/k1": {"reply": {"number": CALLER}}, "command/k2": {"reply": {"number": OTHER}}}
    log.append([{"type": "command_done", "data": {}, "keep": {f"last_agent/{CALLER}": {}, **replies}}])
    log.close()
    assert len(erase_without_switch(tmp_path, "node1", CALLER)) == 1
    assert [*load(tmp_path)[0]] == ["command/k2"]


def test_commands(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "softswitch.yaml").write_text(f"run_dir: {tmp_path}\nstate_dir: {tmp_path}\n")
    config = ["-c", str(tmp_path / "softswitch.yaml")]
    exported = json.loads(CliRunner().invoke(main, ["subject", "export", CALLER, *config]).output)
    assert [call["call"] for call in exported["calls"]] == ["c0", "c1", "c2"]
    assert len(exported["recordings"]) == 3 and exported["numbers"] == [CALLER]
    erased = CliRunner().invoke(main, ["subject", "erase", CALLER, "--reason", "asked", "--json", *config])
    assert erased.exit_code == 0, erased.output
    assert json.loads(erased.output)["still_in"] == []
    assert json.loads(CliRunner().invoke(main, ["subject", "export", CALLER, *config]).output)["calls"] == []


def test_a_journal_of_a_former_version_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as former:
        former.setattr(Subjects, "protect", lambda self, text: text)
        written(tmp_path)
    before = [(each["at"], each["type"], each["data"]) for _, each in read_facts(tmp_path)]
    assert files_with([journal_directory(tmp_path)], CALLER)
    assert migrate(tmp_path, "node1") == len(before)
    assert [(each["at"], each["type"], each["data"]) for _, each in read_facts(tmp_path)] == before
    assert {path.name for path in files_with([tmp_path], CALLER)} == {"subjects.jsonl"}
    copy_all(tmp_path)
    assert verify(tmp_path).good
    assert erase_without_switch(tmp_path, "node1", CALLER)
    assert files_with([tmp_path], CALLER) == []


def test_without_room_for_a_new_number_it_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = journal(tmp_path)
    with monkeypatch.context() as full:
        full.setattr("softswitch.store.subjects.os.write", lambda descriptor, data: len(data) // 2)
        assert log._subjects.protect(f'"{CALLER}"'.encode()) == f'"{CALLER}"'.encode()
    assert subjects_path(tmp_path).read_bytes() == b""
    log.append([fact("call_started", call="c1", from_number=CALLER)])
    log.append([fact("call_started", call="c2", from_number=CALLER)])
    log.close()
    directory = journal_directory(tmp_path)
    raw = segment_path(directory, list_segments(directory)[0]).read_bytes()
    assert raw.count(CALLER.encode()) == 0 and raw.count(b"subject:") == 2


_NUMBERS = st.from_regex(r"\+?[0-9]{5,17}", fullmatch=True)
_TEXTS = st.one_of(
    _NUMBERS, st.builds("<sip:{}@host>".format, _NUMBERS), st.builds("call from {}".format, _NUMBERS),
    st.builds("https://x.example/pop?n=%2B{}#x".format, st.from_regex(r"[0-9]{7,12}", fullmatch=True)),
    st.builds("sip:x@y?to=%2B{}".format, st.from_regex(r"[0-9]{7,12}", fullmatch=True)),
    st.text(max_size=20), st.integers(-(1 << 62), 1 << 62), st.floats(allow_nan=False), st.none(),
)  # fmt: skip


@settings(max_examples=50)
@given(st.recursive(_TEXTS, lambda inner: st.lists(inner) | st.dictionaries(st.text() | _NUMBERS, inner)))
def test_whatever_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    subjects = Subjects(tmp_path_factory.mktemp("subjects"))
    text = orjson.dumps({"data": value})
    protected = subjects.protect(text)
    orjson.loads(protected)
    assert subjects.open(protected) == text
    assert Subjects(subjects._path.parent).open(protected) == text


@pytest.mark.parametrize(("text", "expected"), [("+49 30 12", "493012"), ("004930", "4930"), ("12", "12")])
def test_normalised(text: str, expected: str) -> None:
    assert normalised(text) == expected
