"""softswitch flow show, test, history; flows in files of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, refused

TALK = """flow main
conversation who chooses
hear welcome main_menu
press 1
hear queue_sales
expect queue sales
"""


def test_a_stored_flow_is_drawn(run: Run, centre: Path) -> None:
    shown = run("flow show main")
    assert shown.exit_code == 0 and shown.output.startswith("flowchart TD\n")
    assert run("flow show main --svg").output.startswith("<svg ")
    assert "there is no flow 'man'; did you mean main?" in refused(run("flow show man"))


def test_conversations_are_gone_through(run: Run, centre: Path) -> None:
    Path("good.txt").write_text(TALK)
    Path("bad.txt").write_text(TALK.replace("hear queue_sales", "hear goodbye"))
    good = run("flow test good.txt")
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "1 of 1 conversations went as written.")
    bad = run("flow test good.txt bad.txt")
    assert bad.exit_code == 1
    assert "bad.txt:5: expected to hear goodbye\n       but the caller hears queue_sales" in bad.output
    rows = json.loads(run("flow test bad.txt --json").output)
    assert (rows[0]["conversation"], rows[0]["failure"]["line"]) == ("who chooses", 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flow main\nconversation a\nshout\n", "talk.txt:3: 'shout' is nothing that a caller does"),
        ("flow none\nconversation a\nhear x\n", "talk.txt:2: there is no flow 'none'"),
    ],
)
def test_a_file_that_is_no_conversation_is_refused(run: Run, centre: Path, text: str, said: str) -> None:
    Path("talk.txt").write_text(text)
    assert said in refused(run("flow test talk.txt"))
    assert "none.txt: cannot be read" in refused(run("flow test none.txt"))


def test_flows_of_files_are_applied_and_their_mistakes_shown_with_file_and_line(
    run: Run, centre: Path
) -> None:
    Path("flows").mkdir()
    Path("flows/night.yaml").write_text("- say: closed\n- hang_up\n")
    Path("centre.yaml").write_text("flow_files: flows/*.yaml\n" + Path("centre.yaml").read_text())
    assert "night" in run("apply centre.yaml").output
    assert "closed" in run("flow show night").output
    Path("flows/night.yaml").write_text(
        "- say: closed\n- loop: {steps: [{say: closed}]}\n- say: nothing_like_it\n"
    )
    result = run("apply centre.yaml")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert any("night.yaml:2" in line and "a loop needs a limit" in line for line in lines)
    assert any("night.yaml:3" in line and "there is no prompt 'nothing_like_it'" in line for line in lines)
    from_file = run("flow show main --centre centre.yaml")
    assert "a loop needs a limit" in from_file.stderr


def test_history_needs_a_switch(run: Run, centre: Path) -> None:
    assert "no switch" in refused(run("flow history main")).lower()


def test_flows_in_python_are_checked_by_apply(run: Run, centre: Path) -> None:
    Path("python").mkdir()
    Path("softswitch.yaml").write_text("python_flows: python\n" + Path("softswitch.yaml").read_text())
    written = Path("centre.yaml").read_text()
    Path("centre.yaml").write_text(written.replace("flows:\n", "flows:\n  asks: {steps: [python: ask]}\n", 1))
    assert "there is no ask.py in python_flows" in refused(run("apply centre.yaml"))
    Path("python/ask.py").write_text("def flow(call):\n    yield Say(open('x'))\n")
    told = refused(run("apply centre.yaml"))
    assert told.split("python/")[-1].startswith("ask.py:2: there is no open in a flow")
    Path("python/ask.py").write_text("def flow(call):\n    yield Say('welcome')\n")
    assert run("apply centre.yaml").exit_code == 0
    Path("talk.txt").write_text("flow asks\nconversation a\nhear welcome\nexpect hang up\n")
    assert run("flow test talk.txt").exit_code == 0
