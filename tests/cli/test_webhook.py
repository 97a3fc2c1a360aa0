"""softswitch webhook: secrets that are shown once, dead letters, tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import softswitch.cli.webhook as webhook_commands
from softswitch.api import dead_letters
from softswitch.api.dead_letters import Written
from softswitch.webhook.outputs import DeadLetter, Place
from tests.cli.conftest import Run, refused

ADD = "webhook add crm --url https://crm.example.com/events --deadline-s 0.1"


def dead(number: int, webhook: str = "crm") -> DeadLetter:
    place = Place(number * 100, number * 100 + 100)
    return DeadLetter(
        webhook, place, f"n1-{number * 100}", "call_ended", "call:c1", 1e9, 3, "status 410", 2e9
    )


def test_the_secret_is_made_and_shown_once(run: Run, centre: Path) -> None:
    added = run(ADD).output
    secret = json.loads((centre / "state/secrets.json").read_text())["webhook/crm"]
    assert f"Secret of crm: {secret} (shown only now)" in added
    assert secret not in run("webhook list --json").output
    assert json.loads(run("webhook set crm --events agent_* --json").output)["changes"]
    assert json.loads((centre / "state/secrets.json").read_text())["webhook/crm"] == secret
    given = "whsec_" + "A" * 32
    assert given not in run("webhook", "set", "crm", "--secret", "-", input=given + "\n").output
    assert json.loads((centre / "state/secrets.json").read_text())["webhook/crm"] == given


def test_dead_letters(run: Run, centre: Path) -> None:
    run(ADD)
    assert run("webhook dead-letters").output == "There are no dead letters.\n"
    db = dead_letters.open_database(centre / "state/api.db")
    dead_letters.write(db, Written({}, [dead(1), dead(2), dead(3), dead(4, "gone")]))
    assert (centre / "state/api.db").stat().st_mode & 0o777 == 0o600
    assert "2001-09-09" in run("webhook dead-letters crm --limit 1").output
    rows = json.loads(run("webhook dead-letters --json").output)
    assert [(row["webhook"], row["event"], row["replay"]) for row in rows] == [
        ("crm", "n1-100", False),
        ("crm", "n1-200", False),
        ("crm", "n1-300", False),
        ("gone", "n1-400", False),
    ]
    assert json.loads(run("webhook list --json").output)[0]["dead_letters"] == 3
    assert run("webhook drop crm n1-100 n1-400").output == "1 dead letters are forgotten.\n"
    assert run("webhook drop gone --all").output == "1 dead letters are forgotten.\n"
    assert run("webhook replay crm n1-200").output == "1 dead letters will be sent again.\n"
    assert dead_letters.marked(db, "crm", 10) == [Place(200, 300)]
    assert json.loads(run("webhook replay crm --all --json").output) == {"count": 2}
    assert dead_letters.marked(db, "crm", 1) == [Place(200, 300)]
    db.close()
    assert "there is no webhook 'gone'; allowed: crm" in refused(run("webhook replay gone --all"))
    assert "or --all" in refused(run("webhook replay crm"), 2)
    assert "or --all" in refused(run("webhook drop crm n1-1 --all"), 2)


def test_the_oldest_dead_letters_go_first(centre: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MOST_DEAD", 3)
    db = dead_letters.open_database(centre / "state/api.db")
    dead_letters.write(db, Written({}, [*map(dead, range(5)), dead(0, "other")]))
    assert [row["position"] for row in dead_letters.listed(db, "crm")] == [300, 400, 500]
    assert dead_letters.counted(db) == {"crm": 3, "other": 1}
    db.close()


def test_a_test_that_nobody_answers(run: Run, centre: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_commands, "MORE_THAN_DEADLINE_S", 0.0)
    run(ADD)
    assert "nothing delivers webhooks; start softswitch run" in refused(run("webhook test crm"))
    assert "there is no webhook 'crn'; did you mean crm?" in refused(run("webhook test crn"))
    (centre / "state/api.db").write_bytes(b"no database" * 1000)
    assert "api.db: file is not a database" in refused(run("webhook dead-letters"))
