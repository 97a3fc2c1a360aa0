"""The journal as webhooks read it: over segments and damage every record is found again by its place."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from softswitch.api.webhook_log import WebhookLog, feed_from
from softswitch.store.journal import Journal
from softswitch.store.segments import complete_end, journal_directory, list_segments, segment_path
from softswitch.webhook.outputs import Place

NUMBER = "+4930123456"


def write(state_dir: Path, count: int = 200) -> None:
    journal = Journal(state_dir, node="n1", segment_bytes=4096)
    for number in range(count):
        fact = {
            "type": "call_x",
            "data": {"number": number, "from": NUMBER},
            "keep": {"call/c": "x" * number},
        }
        journal.append([fact])
    journal.close()


def read_all(log: WebhookLog, until: int) -> dict[Place, dict[str, object]]:
    """Every fact by its place, which begins where the former ended, as the engine has it."""
    found, after = {}, 0
    while after < until:
        facts, end = log.read_on(after, until)
        assert end > after
        begin = after
        for position, fact in facts:
            found[Place(begin, position)] = fact
            begin = position
        after = end
    return found


def test_every_record_is_found_again_by_its_place(tmp_path: Path) -> None:
    write(tmp_path)
    assert len(list_segments(journal_directory(tmp_path))) > 3
    log = WebhookLog(tmp_path)
    end = complete_end(journal_directory(tmp_path))
    found = read_all(log, end)
    assert [fact["data"] for fact in found.values()] == [{"number": n, "from": NUMBER} for n in range(200)]
    assert all(set(fact) == {"id", "type", "at", "node", "tenant", "data"} for fact in found.values())
    assert log.read_again(found) == {place.position: fact for place, fact in found.items()}
    assert log.read_on(end, end) == ([], end)
    middle = [*found][100].position
    assert max(position for position, _ in log.read_on(0, middle)[0]) <= middle


def test_damage_and_what_is_no_longer_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path)
    directory = journal_directory(tmp_path)
    first, second, *rest = list_segments(directory)
    damaged = bytearray(segment_path(directory, second).read_bytes())
    damaged[1:40] = b"#" * 39
    segment_path(directory, second).write_bytes(damaged)
    log, end = WebhookLog(tmp_path), rest[-1]
    found = read_all(log, end)
    assert log.read_again(found) == {place.position: fact for place, fact in found.items()}
    assert "no fact" in caplog.text
    places = [Place(10, 400), Place(5, 5), Place(end, end + 10**9), Place(second, second + 50)]
    assert set(log.read_again(places).values()) == {None}
    segment_path(directory, first).unlink()
    assert log.read_on(0, end) == ([], second)
    assert "the journal begins at" in caplog.text
    gone = next(iter(found))
    assert log.read_again([gone]) == {gone.position: None}


def test_what_is_no_feed_raises() -> None:
    async def run(answer: bytes) -> None:
        path = Path(tempfile.mkdtemp(prefix="ss-")) / "feed"

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readline() == b'{"facts":true,"from":7}\n'
            writer.write(answer)
            writer.close()

        async with await asyncio.start_unix_server(serve, path):
            assert [facts async for facts in feed_from(path, 7)] == [[]]
        path.unlink()

    asyncio.run(run(b'{"log_position": 8, "type": "of_another_form"}\n{"torn'))
    with pytest.raises(ValueError, match="unexpected"):
        asyncio.run(run(b"HTTP/1.1 400\n"))
    with pytest.raises(OSError):
        asyncio.run(asyncio.wait_for(anext(feed_from(Path("/nowhere"), 0)), 5))
