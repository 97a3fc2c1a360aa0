"""The command line steering a centre elsewhere, over its API and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from softswitch.cli.main import main
from tests.api.past import Past
from tests.peers.ports import free_port
from tests.system.running import RunningSystem


class Remote:
    """`softswitch` in a directory without any settings."""

    def __init__(self, url: str, key: str) -> None:
        self._environment = {"SOFTSWITCH_URL": url, "SOFTSWITCH_KEY": key}

    def __call__(self, *words: str) -> Result:
        return CliRunner(env=self._environment).invoke(main, [*words])


@pytest.fixture
def remote(
    api_system: RunningSystem, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Remote:
    monkeypatch.chdir(tmp_path)
    return Remote(api_system.node.api.origin, keys["admin"])


def test_it_shows_and_changes_what_is_there(remote: Remote, api_system: RunningSystem) -> None:
    assert json.loads(remote("status", "--json").stdout)["node"] == "node1"
    added = remote("user", "add", "rita", "--password", "rita-secret")
    assert added.exit_code == 0, added.output
    users = [each["name"] for each in json.loads(remote("user", "list", "--json").stdout)]
    assert "rita" in users
    assert remote("user", "set", "rita", "--display", "Rita").exit_code == 0
    assert remote("user", "remove", "rita").exit_code == 0
    done = remote("agent", "sign-in", "anna")
    assert done.exit_code == 0, done.output
    api_system.command("agent.sign_out", name="anna")


def test_records_come_from_there(remote: Remote, past: Past) -> None:
    done = remote("cdr", "list", "--agent", "anna", "--json")
    assert done.exit_code == 0, done.output
    calls = json.loads(done.stdout)
    assert past.conversation["call"] in [each["call"] for each in calls]
    recorded = remote("recording", "search", "--from", past.conversation["from_number"], "--json")
    assert past.conversation["call"] in [each["call"] for each in json.loads(recorded.stdout)]
    done = remote("report", "queues", "--from", "8h", "--only", "sales", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report[0]["answered"] >= 1
    assert "sales" in [each["queue"] for each in json.loads(remote("top", "--json").stdout)["queues"]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("user", "add", "anna", "--password", "x"), "there is already a user 'anna'"),
        (("user", "remove", "nobody"), "there is no user 'nobody'"),
        (("queue", "add", "q", "--strategy", "luck"), "strategy: 'luck' is not allowed here; allowed: "),
        (("backup", "x.tar"), "this is done on the machine of the switch"),
    ],
)
def test_refusals_are_those_of_the_switch(remote: Remote, words: tuple[str, ...], told: str) -> None:
    done = remote(*words)
    assert done.exit_code == 1
    assert told in done.output


def test_nobody_answers_there(keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = Remote(f"http://127.0.0.1:{free_port()}", keys["admin"])("status")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "cannot reach the API at http://127.0.0.1:" in done.output


def test_without_a_key_it_says_where_to_put_one(remote: Remote, api_system: RunningSystem) -> None:
    done = Remote(api_system.node.api.origin, "")("status")
    assert done.exit_code == 1
    assert "set SOFTSWITCH_KEY to one of its API keys" in done.output


def test_a_key_that_is_not_known(remote: Remote, api_system: RunningSystem) -> None:
    done = Remote(api_system.node.api.origin, "ssk_wrong")("status")
    assert done.exit_code == 1
    assert done.output.startswith("this token is not known, or has expired")
