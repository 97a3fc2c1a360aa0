"""python -m bench report: the page says what was measured, on what, and what was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import report, report_page
from bench.__main__ import BENCHES, benches, main, parser_of
from bench.calls import lost
from bench.peers import PEERS

MACHINE = {
    "cpu": "a CPU",
    "cores": 2,
    "memory_mib": 4096,
    "kernel": "6.1",
    "python": "3.11.2",
    "python_ms": 4.0,
}


def result(figures: dict[str, float], **more: Any) -> dict[str, Any]:
    spread = {name: [0.9 * value, 1.1 * value] for name, value in figures.items()}
    return {"bench": "x", "figures": figures, "spread": spread, "failed": 0, "machine": MACHINE, **more}


def document(*parts: dict[str, Any], load: float = 0.1) -> dict[str, Any]:
    return {
        "date": "2026-01-01",
        "minutes": 3,
        "long": False,
        "load_before": load,
        "versions": {"kamailio": "5.6.3"},
        "parts": [{"title": "Calls", "command": "setup", "status": 0, **part} for part in parts],
    }


def page(tmp_path: Path, *parts: dict[str, Any], load: float = 0.1) -> str:
    return report_page.write(document(*parts, load=load), tmp_path).read_text()


COMPARED = result({"cost": 2.0, "kamailio.cost": 1.0, "ratio.kamailio.cost": 2.0}, notes=["sippy is missing"])


def test_a_comparison_is_a_table_and_a_plot_with_the_spread(tmp_path: Path) -> None:
    text = page(tmp_path, {"result": COMPARED})
    assert "| figure | softswitch | kamailio | / kamailio |" in text
    assert "| `cost` | 2 (1.8 to 2.2) | 1 (0.9 to 1.1) | 2 (1.8 to 2.2) |" in text
    assert "![Calls](calls.svg)" in text
    assert "Left out: sippy is missing" in text
    drawn = (tmp_path / "calls.svg").read_text()
    assert "<svg" in drawn
    assert "kamailio" in drawn


def test_machine_versions_and_whether_it_was_shared(tmp_path: Path) -> None:
    quiet, busy = page(tmp_path, {"result": COMPARED}), page(tmp_path, {"result": COMPARED}, load=3.0)
    assert "| machine | a CPU, 2 cores, 4096 MiB |" in quiet
    assert "| kamailio | 5.6.3 |" in quiet
    assert "nothing else was running" in quiet
    assert "the machine was shared" in busy


def test_growth_is_drawn_over_the_load(tmp_path: Path) -> None:
    figures = {"cost_at_2.5": 4.0, "cost_at_20": 2.0, "growth_slope": -0.33, "limit.cost_at_2.5": 1.0}
    text = page(tmp_path, {"title": "Calls, growth", "result": result(figures)})
    assert report_page.by_system(result(figures))[0]["softswitch"]["cost_at_2.5"][0] == 4.0
    assert "(calls-growth.svg)" in text
    assert "slope -0.33" in (tmp_path / "calls-growth.svg").read_text().replace("−", "-")


def test_points_of_the_growth_are_in_order() -> None:
    figures = {"cost_at_20": (2.0, 2.0, 2.0), "cost_at_2.5": (4.0, 4.0, 4.0), "other": (1.0, 1.0, 1.0)}
    assert report_page.growth_of(figures) == {"cost": [(2.5, 4.0), (20.0, 2.0)]}


def test_what_failed_or_was_not_measured_is_on_the_page_without_figures(tmp_path: Path) -> None:
    failed = result({}, failed=3, problems=["1 of 4\nmore"])
    text = page(tmp_path, {"result": failed}, {"result": None, "said": "SIPp is not installed\n"})
    assert "No figures: 3 calls failed." in text
    assert "- 1 of 4\n" in text
    assert "Not measured: SIPp is not installed" in text


def test_the_same_results_make_the_same_page(tmp_path: Path) -> None:
    samples = "at,memory_mib\n0,500\n10,501\n"
    source = tmp_path / "results.json"
    source.write_text(json.dumps(document({"result": COMPARED, "samples": samples}, {"result": COMPARED})))
    pages = []
    for name in ("a", "b"):
        assert main(["report", "--from", str(source), "--output", str(tmp_path / name)]) == 0
        pages.append({path.name: path.read_text() for path in (tmp_path / name).iterdir()})
    assert pages[0] == pages[1]
    assert pages[0].keys() == {"README.md", "calls.svg", "results.json"}


def test_results_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--from", str(tmp_path / "nothing.json")]) == 2
    assert "has no results of a report" in capsys.readouterr().err
    assert main(["report", "--only", "nothing"]) == 2
    assert "--only nothing: allowed are acd" in capsys.readouterr().err


@pytest.mark.parametrize("part", report.PARTS, ids=lambda part: part.title)
def test_every_part_is_a_command_in_both_forms(part: report.Part) -> None:
    for long in (False, True):
        words = part.words(long)
        assert words[0] in BENCHES
        assert parser_of(benches()).parse_args([*words, "--json"]).bench == words[0]


def test_remarks_of_whoever_put_the_results_together_are_shown(tmp_path: Path) -> None:
    with_remarks = {**document({"result": COMPARED}), "remarks": "Two parts ran at the same time."}
    text = report_page.write(with_remarks, tmp_path).read_text()
    assert "\nTwo parts ran at the same time.\n" in text


def test_the_page_in_the_tree_is_that_of_its_results(tmp_path: Path) -> None:
    made = report_page.write(report.read(report.PLACE / "results.json"), tmp_path)
    assert made.read_text() == (report.PLACE / "README.md").read_text()


def test_versions_are_found() -> None:
    for peer in PEERS.values():
        if peer.found():
            assert peer.version()[:1].isdigit(), peer.name


def test_a_generator_that_did_not_get_all_back_refuses_the_figures() -> None:
    assert lost({"lost": 0, "sent": 10, "received": 10}) == ()
    assert lost({"lost": 1, "sent": 10, "received": 10})
    assert lost({"lost": 0, "sent": 10, "received": 9})
