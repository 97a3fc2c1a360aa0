"""softswitch route on a stored configuration."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run, refused


def test_where_a_number_leads(run: Run, centre: Path) -> None:
    assert run("trunk add carrier --addresses 192.0.2.10 --caller-id +49305550").exit_code == 0
    told = json.loads(run("route 0049301234567 --as sue --json").output)
    assert told["ways"] == [{"trunk": "carrier", "number": "0049301234567", "shown": "+49305550"}]
    output = run("route 100 --as alice").output
    assert "leads to flow main, by numbers.100." in output
    output = run("route 0049301234567 --as alice --at 2026-01-02T12:00Z").output
    assert "is refused: forbidden." in output
    assert "at 2026-01-02T12:00:00+00:00" in output
    output = run("route 0049301234567 --as sue").output
    assert "Class: other" in output and "carrier" in output


def test_who_asks_is_named(run: Run, centre: Path) -> None:
    assert "give --as USER or --from-trunk TRUNK" in refused(run("route 100"), 2)
    assert "there is no user 'nobody'" in refused(run("route 100 --as nobody"))


def test_contradictions_are_named_with_file_and_line(run: Run, centre: Path) -> None:
    text = (centre / "centre.yaml").read_text()
    (centre / "wrong.yaml").write_text(f"{text}\nroutes:\n  all:\n    trunks:\n      - nowhere\n")
    line = len(text.splitlines()) + 5
    assert f"wrong.yaml:{line}: routes.all.trunks[0]: there is no trunk 'nowhere'" in refused(
        run("apply wrong.yaml")
    )
