"""Event streams: everything once and in order, over restarts of feed and API; everybody sees only theirs."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socket
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from softswitch.store.reader import read_facts
from softswitch.store.segments import complete_end, journal_directory
from softswitch.webhook.event import event_id
from tests.api.conftest import As, new_key
from tests.system.running import RunningSystem, until

Keys = dict[str, str]
Found = dict[str, Any]
WAIT_S = 10.0
REASONS = {agent: itertools.cycle(("lunch", "training")) for agent in ("anna", "ben")}


@pytest.fixture(scope="module", autouse=True)
def _signed_in(api_system: RunningSystem) -> Iterator[None]:
    for name in REASONS:
        api_system.command("agent.sign_in", name=name)
    yield
    for name in REASONS:
        api_system.command("agent.sign_out", name=name)


def open_stream(system: RunningSystem, token: str, **query: Any) -> ClientConnection:
    address = system.node.api.origin.replace("http", "ws")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    query = {name.rstrip("_"): value for name, value in query.items()}
    url = f"{address}/v1/events?{urlencode(query, doseq=True)}"
    return connect(
        url, additional_headers=headers, proxy=None, compression=None, close_timeout=0.1, legacy=True
    )


def messages(stream: ClientConnection) -> Iterator[Found]:
    while True:
        yield json.loads(stream.recv(WAIT_S))


def events(stream: ClientConnection) -> Iterator[Found]:
    for message in messages(stream):
        yield from message.get("events", ())


def end(system: RunningSystem) -> int:
    return complete_end(journal_directory(system.node.state_dir))


def status(system: RunningSystem, agent: str, by: str) -> None:
    """A fact about an agent that can be told from all others by `by`."""
    system.command("agent.status", name=agent, status="on_break", reason=next(REASONS[agent]), by=by)


def note(system: RunningSystem, text: str) -> None:
    """A fact for auditors, as long as wanted."""
    system.command("recording.note", type="recording_played", recording="r1", by=text)


def closed(stream: ClientConnection) -> tuple[int, str]:
    """How the other side closed it."""
    with pytest.raises(ConnectionClosed) as ended:
        for _ in messages(stream):
            pass
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code, ended.value.rcvd.reason


def test_what_was_missed_comes_first_then_what_comes(api_system: RunningSystem, keys: Keys) -> None:
    begin = end(api_system)
    status(api_system, "ben", "first")
    with open_stream(api_system, keys["supervisor"], from_=begin, types="agent_status_*") as stream:
        told = events(stream)
        first = next(told)
        assert (first["type"], first["data"]["by"]) == ("agent_status_changed", "first")
        assert "call" not in first and begin < first["log_position"] <= end(api_system)
        status(api_system, "ben", "second")
        assert next(told)["data"]["by"] == "second"
    facts = {event_id(fact): fact for _, fact in read_facts(api_system.node.state_dir, begin)}
    assert facts[first["id"]]["data"] == first["data"]


def test_without_from_it_begins_now_and_says_where(api_system: RunningSystem, keys: Keys) -> None:
    with open_stream(api_system, keys["admin"]) as stream:
        assert next(messages(stream)) == {"position": end(api_system)}
        status(api_system, "ben", "now")
        first = next(messages(stream))
        assert first["events"][0]["data"]["by"] == "now"
        assert first["position"] == first["events"][-1]["log_position"]


def test_roles_see_only_what_is_for_them(api_system: RunningSystem, keys: Keys) -> None:
    begin = end(api_system)
    with contextlib.ExitStack() as stack:
        told = {
            role: events(stack.enter_context(open_stream(api_system, keys[role], from_=begin)))
            for role in ("agent", "supervisor", "quality", "admin", "auditor")
        }
        note(api_system, "secret")
        api_system.command("queue.close", name="support", reason="x")
        status(api_system, "ben", "not yours")
        status(api_system, "anna", "yours")
        api_system.command("queue.open", name="support")
        api_system.command("agent.status", name="anna", status="available")

        def until_available(role: str) -> list[str]:
            found = []
            for each in told[role]:
                found.append(each["type"])
                assert role != "agent" or each["data"]["agent"] == "anna"
                if each["data"].get("status") == "available":
                    break
            return found

        assert until_available("agent") == ["agent_status_changed"] * 2
        floor = ["queue_closed", "agent_status_changed", "agent_status_changed", "queue_opened"]
        for role in ("supervisor", "quality"):
            assert [each for each in until_available(role) if each != "action_taken"][:4] == floor
        for role in ("admin", "auditor"):
            assert until_available(role)[0] == "recording_played"


def test_queues_and_agents_are_filters(api_system: RunningSystem, keys: Keys) -> None:
    begin = end(api_system)
    for name in ("support", "sales"):
        api_system.command("queue.close", name=name)
        api_system.command("queue.open", name=name)
    for name in ("anna", "ben"):
        status(api_system, name, "filtered")
    with (
        open_stream(api_system, keys["admin"], from_=begin, queues=["sales"]) as sales,
        open_stream(api_system, keys["admin"], from_=begin, agents="ben,nobody") as ben,
    ):
        assert next(events(sales))["data"]["queue"] == "sales"
        assert next(events(ben))["data"]["agent"] == "ben"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"from_": -1}, "from: '-1' is not allowed here; allowed: 0 or more"),
        ({"from_": "x"}, "from: 'x' is not allowed here; allowed: a whole number"),
        ({"types": "cal"}, "sees no facts of the type 'cal'"),
        ({"typs": "call_*"}, "typs: unknown parameter; did you mean types? allowed: agents, call, from, "),
        ({"call": "x" * 65}, "allowed: 64 characters or fewer"),
    ],
)
def test_a_bad_query_is_a_problem_before_the_upgrade(
    api_system: RunningSystem, keys: Keys, query: dict[str, Any], detail: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_stream(api_system, keys["admin"], **query)
    response = refused.value.response
    assert (response.status_code, response.headers["Content-Type"]) == (422, "application/problem+json")
    assert detail in json.loads(response.body or b"")["detail"]


def test_who_may_not_listen_hears_so_before_the_upgrade(api_system: RunningSystem, keys: Keys) -> None:
    for token, code in (("", 401), ("ssk_wrong", 401), (keys["stranger"], 403)):
        with pytest.raises(InvalidStatus) as refused:
            open_stream(api_system, token)
        assert refused.value.response.status_code == code
    with pytest.raises(InvalidStatus) as refused:
        open_stream(api_system, keys["agent"], types="configuration_changed")
    assert refused.value.response.status_code == 422


def browser(system: RunningSystem, origin: str, token: str) -> ClientConnection:
    address = system.node.api.origin.replace("http", "ws")
    subprotocols: Any = ["softswitch.v1", f"bearer.{token}"]
    return connect(f"{address}/v1/events", origin=origin, subprotocols=subprotocols, proxy=None)  # type: ignore[arg-type]


def test_browsers_give_the_token_as_a_subprotocol(api_system: RunningSystem, keys: Keys) -> None:
    with browser(api_system, "https://crm.example.com", keys["quality"]) as stream:
        assert stream.subprotocol == "softswitch.v1"
        assert "position" in next(messages(stream))
    with pytest.raises(InvalidStatus) as refused:
        browser(api_system, "https://evil.example", keys["quality"])
    assert refused.value.response.status_code == 403
    assert "api.origins" in json.loads(refused.value.response.body or b"")["hint"]


def test_more_streams_than_there_may_be_are_refused(api_system: RunningSystem, keys: Keys) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(api_system.node.api.max_subscribers):
            next(messages(stack.enter_context(open_stream(api_system, keys["admin"]))))
        with pytest.raises(InvalidStatus) as refused:
            open_stream(api_system, keys["admin"])
    response = refused.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


def test_a_plain_request_is_told_to_upgrade(as_role: As) -> None:
    found = as_role("admin").get("/v1/events")
    assert (found.status_code, found.headers["upgrade"]) == (426, "websocket")


def test_a_key_that_is_removed_ends_the_stream(api_system: RunningSystem) -> None:
    token = new_key(api_system, name="fleeting", role="quality")
    with open_stream(api_system, token) as stream:
        next(messages(stream))
        api_system.command("api_key.remove", name="fleeting")
        code, reason = closed(stream)
    assert code == 4401 and "not known any more" in reason


def test_a_position_that_is_not_known_is_told_with_the_one_that_is(
    api_system: RunningSystem, keys: Keys
) -> None:
    with open_stream(api_system, keys["admin"], from_=1 << 60) as stream:
        code, reason = closed(stream)
    assert code == 4410 and "the journal ends at" in reason


def test_who_writes_what_nobody_reads(api_system: RunningSystem, keys: Keys) -> None:
    """Text is ignored, bytes and long messages end the stream, half a frame waits for its other half."""
    with open_stream(api_system, keys["admin"]) as stream:
        stream.send("hello")
        assert stream.ping().wait(WAIT_S)
        stream.send(b"bytes")
        assert closed(stream)[0] == 1003
    with open_stream(api_system, keys["admin"]) as stream:
        stream.send("x" * 5000)
        assert closed(stream)[0] == 1009
    with open_stream(api_system, keys["admin"]) as stream, open_stream(api_system, keys["admin"]) as other:
        next(messages(stream)), next(messages(other))
        stream.socket.sendall(struct.pack("!BB4s", 0x81, 0x80 | 100, b"mask") + b"half")
        status(api_system, "ben", "goes on")
        for each in (stream, other):
            assert next(events(each))["data"]["by"] == "goes on"


def test_who_does_not_read_is_dropped_and_the_others_go_on(api_system: RunningSystem, keys: Keys) -> None:
    with socket.socket() as deaf, open_stream(api_system, keys["auditor"]) as stream:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((api_system.node.api.host, api_system.node.api.port))
        deaf.sendall(
            b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Authorization: Bearer " + keys["auditor"].encode() + b"\r\n\r\n"
        )
        assert b" 101 " in deaf.recv(100)
        next(messages(stream))
        for number in range(30):
            note(api_system, f"{number} " + "x" * 60_000)
            while not next(events(stream))["data"].get("by", "").startswith(f"{number} "):
                pass
        deaf.settimeout(WAIT_S)
        tail = b""
        while b"come back with the position" not in tail:
            data = deaf.recv(1 << 20)
            assert data, tail
            tail = (tail + data)[-1000:]
        assert stream.ping().wait(WAIT_S)


def test_statistics_come_when_they_are_asked_for(api_system: RunningSystem, keys: Keys, as_role: As) -> None:
    with open_stream(api_system, keys["agent"], statistics="true", types="call_*") as stream:
        found = next(each for each in messages(stream) if "statistics" in each)["statistics"]
    assert [row["agent"] for row in found["agents"]] == ["anna"]
    assert found["queues"] == found["trunks"] == []
    everybody = as_role("supervisor").get("/v1/statistics").json()
    assert [row["agent"] for row in everybody["agents"]] == ["anna", "ben"]


class Follower:
    """A subscriber who comes back with the position of the last message whenever the stream has ended."""

    def __init__(self, system: RunningSystem, token: str) -> None:
        self.seen: list[tuple[int, str]] = []
        self.begin = self.position = end(system)
        self._system = system
        self._token = token
        self.stream: ClientConnection | None = None

    def read(self, until_position: int) -> None:
        while self.position < until_position:
            if self.stream is None:
                self.stream = until(self._connected, "the API takes connections")
            try:
                message = json.loads(self.stream.recv(WAIT_S))
            except ConnectionClosed:
                self.stream = None
                continue
            self.seen += [(each["log_position"], each["id"]) for each in message.get("events", ())]
            assert message["position"] >= self.position
            self.position = message["position"]

    def _connected(self) -> ClientConnection | None:
        with contextlib.suppress(OSError):
            return open_stream(self._system, self._token, from_=self.position, types="agent_status_changed")
        return None

    def leave(self) -> None:
        if self.stream is not None:
            self.stream.socket.close()
            self.stream = None


def test_nothing_is_missed_whatever_dies(api_system: RunningSystem, keys: Keys) -> None:
    """Facts while feed and API are killed; of two subscribers one stays, the other goes all the time."""
    chance = random.Random(7)
    stays, goes = (Follower(api_system, keys["supervisor"]) for _ in range(2))
    begin = stays.begin
    told = 0
    for number in range(40):
        for _ in range(1 + chance.randrange(3)):
            told += 1
            status(api_system, chance.choice(("anna", "ben")), f"n{told}")
        dies = {12: "feed", 20: "api", 32: "feed"}.get(number)
        if dies:
            former = api_system.kill(dies)
            status(api_system, "anna", "while it is away")
            told += 1
            api_system.replaced(dies, former)
        at_least = last_position(api_system)
        stays.read(at_least)
        if chance.random() < 0.5:
            goes.read(at_least)
            goes.leave()
    goes.read(last_position(api_system))
    facts = read_facts(api_system.node.state_dir, begin)
    wanted = [(at, event_id(fact)) for at, fact in facts if fact["type"] == "agent_status_changed"]
    assert len(wanted) == told
    assert stays.seen == goes.seen == wanted
    for each in (stays, goes):
        each.leave()


def last_position(system: RunningSystem) -> int:
    """After the last change of a status."""
    facts = read_facts(system.node.state_dir, max(0, end(system) - 20_000))
    return max(position for position, fact in facts if fact["type"] == "agent_status_changed")
