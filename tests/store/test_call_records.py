"""Every example of docs/call-records.md comes out as it stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.facts import copy_all, rows
from tests.store.written import Example, Play, examples, markdown, played


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.title)
def test_example(example: Example, tmp_path: Path) -> None:
    came, told = played(example, tmp_path), example.tables
    assert [markdown(table) for table in came] == [markdown(table) for table in told]
    incremental = rows(tmp_path)
    copy_all(tmp_path, rebuild=True)
    assert rows(tmp_path) == incremental


def test_a_line_that_nobody_understands_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dances"):
        Play(tmp_path).run("alice dances")


def test_a_clock_set_back_makes_nothing_longer(tmp_path: Path) -> None:
    (hold,) = [example for example in examples() if example.title == "Hold"]
    play = Play(tmp_path)
    for number, line in enumerate(hold.steps):
        play.world.clock_set_back = 3600.0 * (number > 3)
        play.run(line)
    play.world.journal.close()
    copy_all(tmp_path)
    spent = [row[11] for row in rows(tmp_path)["segments"] if row[3] == "hold"]
    assert spent == [7.0]
