"""softswitch calendar show on a stored configuration."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run, refused


def test_the_example_of_the_page_is_shown(run: Run, centre: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "queues.md").read_text()
    example = page.partition("## Opening hours")[2].partition("```yaml\n")[2].partition("queues:\n")[0]
    (centre / "example.yaml").write_text(example)
    applied = run("apply example.yaml")
    assert applied.exit_code == 0, applied.output
    told = json.loads(run("calendar show office --on 2026-12-23 --days 4 --json").output)
    assert [(day["day"], day["hours"], day["name"]) for day in told["days"]] == [
        ("Wed", "08:00-12:00, 13:00-18:00", ""),
        ("Thu", "08:00-12:00", "Christmas Eve"),
        ("Fri", "closed", "Christmas Day"),
        ("Sat", "closed", "Second Day of Christmas"),
    ]
    assert told["time_zone"] == "Europe/Berlin" and told["until"]
    shown = run("calendar show office").output.splitlines()
    assert shown[0].startswith("office, Europe/Berlin: ") and len(shown) == 9
    assert "office  Europe/Berlin  DE" in run("calendar list").output


def test_mistakes(run: Run, centre: Path) -> None:
    assert "there is no calendar 'office'" in refused(run("calendar show office"))
    assert run("calendar add office").exit_code == 0
    assert "--on 'tomorrow' is no date; allowed: YYYY-MM-DD" in refused(
        run("calendar show office --on tomorrow")
    )
