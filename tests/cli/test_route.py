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


def test_the_example_of_the_page_does_what_the_page_says(run: Run, centre: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "dialplan.md").read_text()
    (centre / "example.yaml").write_text(page.partition("```yaml\n")[2].partition("```")[0])
    applied = run("apply example.yaml")
    assert applied.exit_code == 0, applied.output
    assert "+ numbering: country DE" in applied.output
    weekday, sunday = "2026-01-02T12:00", "2026-01-04T12:00"
    cases = [
        (f"0301234567 --as alice --at {weekday}", "by routes.berlin_by_day."),
        (f"0301234567 --as alice --at {sunday}", "Routes closed then: berlin_by_day"),
        ("0012125551234 --as alice", "leads to trunk cheap, by routes.abroad."),
        ("004312345678 --as bob", "Class: neighbours"),
        ("09001234567 --as alice", "is refused: forbidden."),
        ("09001234567 --as bob", "Allowed: local, national, neighbours"),
        ("112 --as bob", "leads to trunk landline, by emergency_numbers."),
    ]
    for words, expected in cases:
        assert expected in run(f"route {words}").output, words


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
