"""Changing the configuration without a running switch, and the same over the socket of one."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softswitch.cli.audit import who
from softswitch.config.api_key import hash_of
from softswitch.config.files import load_node
from softswitch.config.secrets import read_secrets, write_secrets
from softswitch.control import ControlServer
from softswitch.directory import ConfigCommands, Directory
from softswitch.store.journal import Journal
from softswitch.store.livestate import load
from softswitch.store.reader import read_facts
from tests.cli.conftest import Run, refused


class Serving:
    """Serves configuration commands on the control socket, as a switch does, in a thread of its own."""

    def __init__(self, config: Path) -> None:
        self.node = load_node(config)
        self.commands: list[str] = []
        self._ready, self._done = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    def __enter__(self) -> Serving:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        journal = Journal(self.node.state_dir, node=self.node.name)
        directory = Directory(self.node.sip.realm, read_secrets(self.node.secrets_path))
        directory.restore(load(self.node.state_dir, journal)[0])
        commands = ConfigCommands(directory, functools.partial(write_secrets, self.node.secrets_path))

        def handle(command: str, args: dict[str, Any], key: str) -> Any:
            self.commands.append(command)
            if command == "status":
                return {
                    "node": "node1",
                    "calls": 0,
                    "queues": {"sales": {"waiting": 2, "excluded": {"x": 1}}},
                }
            if not commands.knows(command):
                return [{"call": "c1", "from_number": "[red]\x1b[2J", "waited_s": 1.25}]
            outcome = commands.handle(command, args)
            journal.append(outcome.facts)
            return outcome.result

        server = ControlServer(self.node.control_path, handle)
        await server.start()
        self._ready.set()
        await self._done.wait()
        await server.close()
        journal.close()


@pytest.fixture(params=["stopped", "running"])
def either(request: pytest.FixtureRequest, centre: Path) -> Iterator[Path]:
    """The centre with its switch stopped, and once more with one running."""
    if request.param == "stopped":
        yield centre
        return
    with Serving(centre / "softswitch.yaml") as serving:
        yield centre
    assert serving.commands


def test_add_list_set_remove(run: Run, either: Path) -> None:
    assert "+ queue vip" in run("queue add vip --ring-timeout-s 7 --no-record").stdout
    assert "ring_timeout_s 7 → 9" in run("queue set vip --ring-timeout-s 9").stdout
    (vip,) = (row for row in json.loads(run("queue list --json").stdout) if row["name"] == "vip")
    assert (vip["ring_timeout_s"], vip["record"], vip["created_by"]) == (9, False, "command")
    assert "record no → -" in run("queue set vip --unset record").stdout
    assert "Nothing to change." in run("queue set vip --ring-timeout-s 9").stdout
    assert "- queue vip" in run("queue remove vip").stdout
    assert "vip" not in run("queue list").stdout


def test_apply_shows_the_difference_and_changes_all_or_nothing(run: Run, either: Path) -> None:
    text = (either / "centre.yaml").read_text()
    (either / "next.yaml").write_text(text.replace("  billing: {}", "  billing: {wrap_up_s: 3}\n  vip:"))
    dry = run("apply next.yaml --dry-run")
    assert "~ queue billing: wrap_up_s - → 3" in dry.stdout
    assert "1 added, 1 changed, 0 removed." in dry.stdout
    assert "Nothing was changed yet" in dry.stdout
    assert "vip" not in run("queue list").stdout
    assert "+ queue vip" in run("apply next.yaml").stdout
    assert "Nothing to change." in run("apply next.yaml").stdout
    back = run("apply centre.yaml")
    assert "No longer in the file, but kept: queue/vip. --prune removes them." in back.stdout
    assert "- queue vip" in run("apply centre.yaml --prune").stdout
    assert json.loads(run("apply centre.yaml --prune --json").stdout) == {
        "changes": [],
        "applied": True,
        "left": [],
    }


def test_a_mistake_in_the_file_is_named_with_its_line(run: Run, either: Path) -> None:
    text = (either / "centre.yaml").read_text().replace("{queue: sales}]", "{queue: sails}]")
    (either / "wrong.yaml").write_text(text.replace("  bob: {user: bob,", "  bob: {colour: red, user: rob,"))
    lines = text.splitlines()
    agent = next(n for n, line in enumerate(lines, 1) if line.startswith("  bob: {user: bob,"))
    step = next(n for n, line in enumerate(lines, 1) if "sails" in line)
    result = run("apply wrong.yaml")
    assert result.exit_code == 1
    key, first, second = result.stderr.splitlines()
    assert key.startswith(f"wrong.yaml:{agent}: agents.bob.colour: unknown key")
    assert first == (
        f"wrong.yaml:{agent}: agents.bob.user: there is no user 'rob';"
        " did you mean bob? allowed: alice, bob, sue"
    )
    assert second.startswith(
        f"wrong.yaml:{step}: flows.main.steps[1].menu.choices.1[1].queue: there is no queue"
    )
    assert "Nothing to change." in run("apply centre.yaml").stdout


def test_a_new_user_gets_a_password_once(run: Run, either: Path) -> None:
    result = run("user add dora --display Dora --permissions supervise,dial_out")
    assert "Password of dora: " in result.stdout
    password = result.stdout.split("Password of dora: ")[1].split()[0]
    assert len(password) >= 16
    for path in either.rglob("*"):
        if path.is_file() and path.name != "centre.yaml":
            assert password.encode() not in path.read_bytes()


def test_a_password_from_standard_input_is_the_one_that_is_stored(run: Run, either: Path) -> None:
    run("user add dora --password -", input="from stdin\n")
    assert "Nothing to change." in run("user", "set", "dora", "--password", "from stdin").stdout
    assert "ha1 changed" in run("user set dora --password other").stdout
    run("agent set bob --pin -", input="24680\n")
    assert read_secrets(either / "state" / "secrets.json")["agent/bob"] == "24680"


def test_a_refusal_is_one_line(run: Run, either: Path) -> None:
    assert "user 'alice' is still used by agents.alice.user, numbers.201.target" in refused(
        run("user remove alice")
    )
    assert "there is no queue 'sails'; did you mean sales?" in refused(run("queue remove sails"))
    assert "there is already a queue 'sales'" in refused(run("queue add sales"))
    assert "permissions[0]: 'boss' is not allowed here; allowed: supervise, dial_out" in refused(
        run("user set bob --permissions boss")
    )
    assert "ring_timeout_s: 'soon' is not allowed here; allowed: a number" in refused(
        run("queue set sales --ring-timeout-s soon")
    )


def test_a_flow_comes_from_a_file(run: Run, either: Path) -> None:
    (either / "night.yaml").write_text("language: zh\nsteps:\n  - say: goodbye\n")
    assert "+ flow night: language zh, steps 1 items" in run("flow add night --file night.yaml").stdout
    (either / "night.yaml").write_text("- say: goodbye\n- dance\n")
    assert "steps[1]: 'dance' is no step" in refused(run("flow set night --file night.yaml"))
    (either / "night.yaml").write_text("just text")
    assert "neither a list of steps" in refused(run("flow set night --file night.yaml"))


def test_pins_and_trunk_passwords_stay_out_of_the_journal(run: Run, either: Path) -> None:
    run("agent set bob --pin 90210")
    run("trunk add carrier --addresses 192.0.2.1,192.0.2.2:5070 --username u --password pretty-secret")
    journal = b"".join(path.read_bytes() for path in (either / "state" / "journal").iterdir())
    assert b"90210" not in journal
    assert b"pretty-secret" not in journal
    secrets = read_secrets(either / "state" / "secrets.json")
    assert (secrets["agent/bob"], secrets["trunk/carrier"]) == ("90210", "pretty-secret")
    assert (either / "state" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert "pretty-secret" not in run("trunk list --json").stdout


def test_what_needs_a_switch_says_so(run: Run, centre: Path) -> None:
    for command in (
        "status",
        "stop",
        "call list",
        "registration list",
        "agent sign-in alice",
        "call hang-up x",
        "call supervise x barge",
    ):
        assert "no switch is running at" in refused(run(command))


def test_live_commands_show_what_the_switch_answers(run: Run, centre: Path) -> None:
    with Serving(centre / "softswitch.yaml"):
        status = run("status").stdout
        assert "node: node1" in status
        assert "sales" in status
        assert json.loads(run("status --json").stdout)["calls"] == 0
        calls = run("call list").stdout
        assert "[red]" in calls
        assert "\x1b" not in calls
        assert "alice is signed in." in run("agent sign-in alice").stdout
        assert "alice is on_break." in run("agent status alice on_break --reason lunch").stdout
        assert "alice is signed out." in run("agent sign-out alice").stdout
        assert "Call c1 is hung up." in run("call hang-up c1").stdout
        assert "The switch is stopping." in run("stop").stdout


def test_a_store_in_use_without_a_socket_is_said(run: Run, centre: Path) -> None:
    journal = Journal(load_node(Path("softswitch.yaml")).state_dir, node="node1")
    try:
        assert "is in use by process" in refused(run("queue add vip"))
        assert "sales" in run("queue list").stdout
    finally:
        journal.close()


def test_a_damaged_secrets_file_is_said_and_kept(run: Run, centre: Path) -> None:
    (centre / "state" / "secrets.json").write_text("[]")
    assert "holds no secrets; restore it from a backup" in refused(run("queue list"))
    assert (centre / "state" / "secrets.json").read_text() == "[]"


def test_where_settings_are_looked_for(run: Run, centre: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (centre / "elsewhere").mkdir()
    monkeypatch.chdir(centre / "elsewhere")
    assert "there is no softswitch.yaml in this directory; give -c FILE" in refused(run("user list"))
    assert "alice" in run("user list -c ../softswitch.yaml").stdout
    monkeypatch.setenv("SOFTSWITCH_CONFIG", str(centre / "softswitch.yaml"))
    assert "alice" in run("user list").stdout
    assert "gone.yaml: cannot be read: No such file" in refused(run("user list -c gone.yaml"))


def test_a_mistake_in_the_settings_is_named_with_its_line(run: Run, centre: Path) -> None:
    (centre / "softswitch.yaml").write_text("media:\n  prots: 1-2\n")
    assert "softswitch.yaml:2: media.prots: unknown key; did you mean ports?" in refused(run("user list"))
    assert "softswitch.yaml:2: media.prots" in refused(run("run"))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("user lisst", "No such command 'lisst'"),
        ("user add", "Missing argument 'NAME'; see softswitch user add --help"),
        ("queue add x --colour red", "No such option '--colour'"),
        ("queue set sales --unset colour", "'colour' is no setting; allowed: strategy, require"),
        ("agent status alice asleep", "'asleep' is not one of 'available', 'not_available', 'on_break'"),
        ("cdr list --since yesterday", "'yesterday' is no time; allowed: 2026-01-31"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(run: Run, centre: Path, command: str, expected: str) -> None:
    assert expected in refused(run(command), 2)


def test_a_group_alone_prints_its_help(run: Run) -> None:
    result = run("user")
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


def test_a_prompt_that_is_not_there_is_refused(run: Run, centre: Path) -> None:
    (centre / "night.yaml").write_text("- say: wellcome\n")
    message = refused(run("flow add night --file night.yaml"))
    assert "flows.night.steps[0].say: there is no prompt 'wellcome'; did you mean welcome?" in message
    assert "there is no music 'jazz'; allowed: hold" in refused(run("queue set sales --music jazz"))
    (centre / "softswitch.yaml").write_text("prompts_dir: nowhere\n")
    assert "+ flow night" in run("flow add night --file night.yaml").stdout


def test_the_journal_says_who_has_changed_it(run: Run, either: Path) -> None:
    run("queue add vip")
    run("queue remove vip")
    facts = [fact for _, fact in read_facts(either / "state") if fact["type"] == "configuration_changed"]
    told = [fact["data"] for fact in facts if fact["data"]["name"] == "vip"]
    assert [(each["change"], each["by"]) for each in told] == [("add", who()), ("remove", who())]


def test_a_key_of_the_api_gets_a_token_that_is_shown_once(run: Run, either: Path) -> None:
    result = run("api-key add wallboard --role supervisor --expires 2030-01-01T00:00:00Z")
    token = result.stdout.split("Token of wallboard: ")[1].split()[0]
    assert token.startswith("ssk_")
    assert len(token) >= 43
    rotated = json.loads(run("api-key rotate wallboard --json").stdout)
    assert rotated["token"] not in (token, "")
    (row,) = json.loads(run("api-key list --json").stdout)
    assert (row["role"], row["enabled"], row["created_by"]) == ("supervisor", True, "command")
    stored = b"".join(path.read_bytes() for path in (either / "state" / "journal").iterdir())
    assert hash_of(rotated["token"]).encode() in stored
    for secret in (token, rotated["token"]):
        assert secret.encode() not in stored
    run("apply centre.yaml --prune")
    assert "wallboard" in run("api-key list").stdout
    assert "there is no api_key 'x'; use api-key add to make it" in refused(run("api-key rotate x"))
    assert "- api_key wallboard" in run("api-key remove wallboard").stdout
