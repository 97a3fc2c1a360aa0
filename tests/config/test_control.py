"""The control socket, both sides over a real one."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from softswitch.config.errors import CONFLICT, INVALID, NOT_FOUND, ConfigError, Problem
from softswitch.control import CommandError as Refused
from softswitch.control import (
    ControlClient,
    ControlServer,
    NotRunning,
    bind_control_socket,
    only_reads,
    refused,
)


class Switch:
    """Stands for the one who carries commands out."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.keys: list[str] = []
        self.released = asyncio.Event()

    def handle(self, command: str, args: dict[str, Any], key: str) -> Any:
        self.seen.append((command, args))
        self.keys.append(key)
        if command == "refuse":
            raise Refused("no such call", "see softswitch call list", code=NOT_FOUND)
        if command == "misconfigured":
            raise ConfigError([Problem(("users", "a", 0), "is wrong"), Problem((), "is wrong too")])
        if command == "fail":
            raise ZeroDivisionError("secret detail")
        if command == "later":
            return self._later()
        if command == "hold":
            return self._held(len([each for each in self.seen if each[0] == "hold"]))
        if command == "release":
            self.released.set()
        return {"echo": args, "count": len(self.seen)}

    async def _later(self) -> str:
        await asyncio.sleep(0)
        return "later"

    async def _held(self, number: int) -> str:
        await self.released.wait()
        return f"held {number}"


def talk(path: Path, switch: Switch, client: Callable[[], Any]) -> Any:
    """Run a blocking client against a server."""

    async def both() -> Any:
        server = ControlServer(path, switch.handle)
        await server.start()
        try:
            return await asyncio.to_thread(client)
        finally:
            await server.close()

    return asyncio.run(both())


def exchange(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """What comes back for raw lines until the server closes or has answered each."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(os.fspath(path))
        raw.sendall(b"".join(lines))
        raw.shutdown(socket.SHUT_WR)
        return [orjson.loads(line) for line in raw.makefile("rb")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


def test_commands_are_answered_in_order(path: Path) -> None:
    def client() -> list[Any]:
        with ControlClient(path) as control:
            return [control.call("a", {"x": [1, "é"]}), control.call("later")]

    assert talk(path, Switch(), client) == [{"echo": {"x": [1, "é"]}, "count": 1}, "later"]


def test_only_the_owner_may_use_it_and_it_is_gone_afterwards(path: Path) -> None:
    mode = talk(path, Switch(), lambda: stat.S_IMODE(path.stat().st_mode))
    assert mode == 0o600
    assert not path.exists()


def test_a_refusal_says_what_and_what_to_do(path: Path) -> None:
    def client() -> Refused:
        with ControlClient(path) as control, pytest.raises(Refused) as caught:
            control.call("refuse")
        return caught.value

    error = talk(path, Switch(), client)
    assert (error.message, error.hint, error.code) == (
        "no such call",
        "see softswitch call list",
        NOT_FOUND,
    )
    assert str(error) == "no such call; see softswitch call list"


def test_mistakes_in_a_configuration_arrive_with_their_paths(path: Path) -> None:
    def client() -> Refused:
        with ControlClient(path) as control, pytest.raises(Refused) as caught:
            control.call("misconfigured")
        return caught.value

    assert talk(path, Switch(), client).problems == (
        Problem(("users", "a", 0), "is wrong"),
        Problem((), "is wrong too"),
    )


def test_a_failure_tells_the_log_and_not_the_client(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def client() -> str:
        with ControlClient(path) as control:
            with pytest.raises(Refused) as caught:
                control.call("fail")
            assert control.call("still there")["count"] == 2
        return str(caught.value)

    message = talk(path, Switch(), client)
    assert "failed to carry out fail" in message
    assert "secret detail" not in message
    assert "ZeroDivisionError: secret detail" in caplog.text


def test_the_key_goes_to_who_carries_it_out(path: Path) -> None:
    switch = Switch()

    def client() -> None:
        with ControlClient(path) as control:
            control.call("a", key="k1")
            control.call("b")

    talk(path, switch, client)
    assert switch.keys == ["k1", ""]


def test_of_two_requests_with_one_key_the_second_waits_for_the_first(path: Path) -> None:
    """While others are served."""
    switch = Switch()

    def ask(raw: socket.socket) -> None:
        raw.connect(os.fspath(path))
        raw.sendall(orjson.dumps({"command": "hold", "key": "k"}) + b"\n")

    def others() -> None:
        """On a connection of their own: what came before on others has been looked at then."""
        with ControlClient(path) as control:
            control.call("other", key="k2")

    def client() -> list[str]:
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            ask(first)
            others()
            ask(second)
            others()
            assert [each[0] for each in switch.seen] == ["hold", "other", "other"]
            with ControlClient(path) as control:
                control.call("release")
            lines = [raw.makefile("rb") for raw in (first, second)]
            replies = [orjson.loads(line.readline())["result"] for line in lines]
            for line in lines:
                line.close()
            return replies

    assert talk(path, switch, client) == ["held 1", "held 2"]


@pytest.mark.parametrize("key", ["x" * 201, "a\nb", 7, ["k"]])
def test_a_wrong_key_is_refused(path: Path, key: Any) -> None:
    switch = Switch()
    line = orjson.dumps({"command": "a", "key": key}) + b"\n"
    (reply,) = talk(path, switch, lambda: exchange(path, line))
    assert (reply["ok"], reply["error"]["code"]) == (False, INVALID)
    assert "at most 200 printable characters" in reply["error"]["message"]
    assert switch.seen == []


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[1]\n", b"nonsense\n", b'{"command":1}\n', b'{"command":"a","args":[]}\n', b"\xff\n"],
)
def test_what_is_no_command_is_refused_and_the_connection_goes_on(path: Path, line: bytes) -> None:
    good = b'{"id": 7, "command": "a"}\n'
    refused, answered = talk(path, Switch(), lambda: exchange(path, line, good))
    assert refused["ok"] is False
    assert "this is no command" in refused["error"]["message"]
    assert (answered["id"], answered["ok"]) == (7, True)


def test_half_a_line_is_not_carried_out(path: Path) -> None:
    switch = Switch()
    assert talk(path, switch, lambda: exchange(path, b'{"command": "stop"}')) == []
    assert switch.seen == []


def test_nobody_there(path: Path) -> None:
    with pytest.raises(NotRunning, match=r"no switch is running at .*control\.sock; start one"):
        ControlClient(path)
    bind_control_socket(path).close()
    with pytest.raises(NotRunning):
        ControlClient(path)


def test_a_left_over_socket_is_replaced_and_a_living_one_is_not(path: Path) -> None:
    bind_control_socket(path).close()
    with bind_control_socket(path), pytest.raises(Refused, match="a switch is already running at"):
        bind_control_socket(path)


def test_a_switch_that_does_not_answer(path: Path) -> None:
    with bind_control_socket(path):
        control = ControlClient(path, timeout_s=0.05)
        with pytest.raises(Refused, match=r"the switch \(process \d+\) did not answer agent\.sign_in"):
            control.call("agent.sign_in")
        control.close()


@pytest.mark.parametrize(
    ("command", "seconds"), [("status", "0.02"), ("call.list", "0.02"), ("agent.sign_in", "0.1")]
)
def test_what_only_reads_gives_up_sooner_and_says_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch, command: str, seconds: str
) -> None:
    monkeypatch.setattr("softswitch.control.READ_ANSWER_S", 0.02)
    with (
        bind_control_socket(path),
        ControlClient(path, timeout_s=0.1) as control,
        pytest.raises(Refused) as caught,
    ):
        control.call(command)
    pid = os.getpid()
    assert str(caught.value) == (
        f"the switch (process {pid}) did not answer {command} within {seconds} s;"
        f" if it hangs, end it with kill -9 {pid}: it is started again at once"
    )


def test_a_switch_that_takes_no_more_connections(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.control.READ_ANSWER_S", 0.02)
    told = pytest.raises(Refused, match="takes no commands; it hangs: kill its process")
    with bind_control_socket(path), ExitStack() as stack, told:
        for _ in range(100):
            stack.enter_context(ControlClient(path))


def test_a_switch_that_dies_during_a_command(path: Path) -> None:
    with bind_control_socket(path) as listener:
        control = ControlClient(path)
        listener.setblocking(True)
        listener.accept()[0].close()
        with pytest.raises(Refused, match="the switch went away during status"):
            control.call("status")
        control.close()


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is too long for a socket; set run_dir to a shorter path"):
        bind_control_socket(tmp_path / ("x" * 120) / "control.sock")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((CONFLICT,), CONFLICT),
        (("",), INVALID),
        ((NOT_FOUND, NOT_FOUND), NOT_FOUND),
        ((NOT_FOUND, ""), INVALID),
    ],
)
def test_a_refused_configuration_has_the_code_of_all_its_mistakes(
    codes: tuple[str, ...], expected: str
) -> None:
    error = ConfigError(Problem((place,), "is wrong", code) for place, code in enumerate(codes))
    assert refused(error).code == expected
    assert Refused.from_json(refused(error).to_json()).code == expected


@pytest.mark.parametrize(
    ("command", "args", "reads"),
    [
        ("status", {}, True),
        ("call.list", {}, True),
        ("route.explain", {}, True),
        ("apply", {"dry_run": True}, True),
        ("apply", {}, False),
        ("call.hang_up", {}, False),
        ("api.login", {}, False),
    ],
)
def test_what_only_reads(command: str, args: dict[str, Any], reads: bool) -> None:
    assert only_reads(command, args) is reads
