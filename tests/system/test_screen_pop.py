"""A program beside the phone knows the caller before the phone rings, with a real CRM and real phones."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from softswitch.store.segments import complete_end, journal_directory
from tests.peers.pjsua import Pjsua
from tests.system.conftest import Phones
from tests.system.handset import all_hear
from tests.system.running import RunningSystem, until

HOST = "127.0.0.97"
LATEST_S = 0.1
LINK = "<https://crm.example.com/pop?number=carl&agent=curt>;purpose=info"


class Crm(BaseHTTPRequestHandler):
    """Knows everybody by the number that is asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        number = self.path.rpartition("/")[2]
        body = json.dumps({"customer": {"id": f"of-{number}"}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


class Events:
    """A subscriber of the feed from now on; `heard` has each fact with the time at which it came."""

    def __init__(self, path: Path, state_dir: Path) -> None:
        self.heard: list[tuple[float, dict[str, Any]]] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        position = complete_end(journal_directory(state_dir))
        self._socket.sendall(json.dumps({"facts": True, "from": position}).encode() + b"\n")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._socket.makefile("rb") as lines:
            for line in lines:
                self.heard.append((time.time(), json.loads(line)))

    def of(self, type: str) -> list[tuple[float, dict[str, Any]]]:
        return [each for each in self.heard if each[1]["type"] == type]

    def wait_for(self, type: str, count: int) -> list[tuple[float, dict[str, Any]]]:
        until(lambda: len(self.of(type)) >= count, f"{count} facts {type}")
        found = self.of(type)
        assert len(found) == count
        return found

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()


def centre(url: str) -> dict[str, Any]:
    lookup = {"backend": "desk_crm", "path": "/customers/{caller}", "into": {"customer": "customer.id"}}
    return {
        "backends": {"desk_crm": {"urls": [url], "inner_hosts": [HOST], "cache_s": 60}},
        "queues": {
            "desk": {
                "strategy": "ring_all",
                "wrap_up_s": 0,
                "lookup": lookup,
                "pop_url": "https://crm.example.com/pop?number={caller}&agent={user}",
            }
        },
        "agents": {name: {"user": name, "queues": ["desk"]} for name in ("curt", "cyan")},
        "numbers": {"206": "queue:desk"},
    }


@pytest.fixture
def desk(system: RunningSystem) -> Iterator[RunningSystem]:
    """The shared system with a queue that asks a CRM, for this test alone."""
    crm = ThreadingHTTPServer((HOST, 0), Crm)
    threading.Thread(target=crm.serve_forever, daemon=True).start()
    added = centre(f"http://{HOST}:{crm.server_address[1]}")
    system.command("apply", centre=added, prune=False)
    yield system
    for kind in ("number", "agent", "queue", "backend"):
        for name in added[f"{kind}s"]:
            system.command(f"{kind}.remove", name=name)
    crm.shutdown()
    crm.server_close()


@pytest.fixture
def events(desk: RunningSystem) -> Iterator[Events]:
    subscriber = Events(desk.node.run_dir / "events.sock", desk.node.state_dir)
    yield subscriber
    subscriber.close()


@pytest.fixture
def softphone(desk: RunningSystem, tmp_path: Path) -> Iterator[Callable[[str], Pjsua]]:
    registrar = "{}:{}".format(*desk.address)
    with ExitStack() as stack:

        def phone(user: str) -> Pjsua:
            made = stack.enter_context(Pjsua(user, tmp_path, tone_hz=900))
            made.register(registrar, user, f"{user}-secret")
            made.wait_for("registered")
            stack.callback(lambda: (made.unregister(), made.wait_for("unregistered")))
            return made

        yield phone


def test_programs_know_the_caller_before_the_phones_ring(
    desk: RunningSystem, events: Events, softphone: Callable[[str], Pjsua], phones: Phones
) -> None:
    cyan, curt, carl = softphone("cyan"), phones("curt"), phones("carl")
    for agent in ("cyan", "curt"):
        desk.command("agent.sign_in", name=agent)
    call = carl.call("206").reached("talking")
    cyan.wait_for("ringing")
    rings = curt.rings()
    pops = events.wait_for("screen_pop", 2)
    assert {fact["data"]["agent"] for _, fact in pops} == {"cyan", "curt"}
    for at, fact in pops:
        told = fact["data"]
        assert (told["queue"], told["caller"], told["called"]) == ("desk", "carl", "206")
        assert at - fact["at"] < LATEST_S
    ringing = [fact["log_position"] for _, fact in events.wait_for("leg_ringing", 2)]
    assert max(fact["log_position"] for _, fact in pops) < min(ringing)
    assert rings.session.invite is not None
    assert rings.session.invite.get("Call-Info") == LINK
    _, looked_up = events.wait_for("call_data_set", 1)[0]
    assert (looked_up["data"]["set"], looked_up["data"]["by"]) == (
        {"customer": "of-carl"},
        "backend desk_crm",
    )
    answering = rings.answer()
    all_hear((call, answering), 10)
    call.hang_up()
    answering.reached("ended")
    cyan.wait_for("ended")

    # What is known by now is there with the offer, and who was talked to.
    again = carl.call("206").reached("talking")
    cyan.wait_for("ringing")
    curt.rings()
    for _, fact in events.wait_for("screen_pop", 4)[2:]:
        assert fact["data"]["data"] == {"customer": "of-carl"}
        history = fact["data"]["history"]
        earlier = (told["history"] or {"calls": 0})["calls"]
        assert (history["agent"], history["calls"], history["call"]) == ("curt", earlier + 1, told["call"])
    again.hang_up()
    cyan.wait_for("ended")
