"""A running switch with real phones around it, and what is asked of it again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.interop.centre import CARRIER_HOST, PYTHON_FLOWS, centre, password, with_tour
from tests.net.certificates import Authority
from tests.peers.audio import longest_break, loudest, read_wav
from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.peers.phone import Phone
from tests.peers.pjsua import Pjsua
from tests.peers.ports import free_port
from tests.peers.sipp import Sipp
from tests.system.running import RunningSystem, until

HOST, HOST6 = "127.0.0.1", "::1"
TALK_S = 1.3
PORTS = 400  # a call that comes back until it has no hops left has 35 at once
# Above what prompts and music have, so that none of it is taken for a voice.
TONES_HZ = {"sipp": 1450, "baresip": 1650, "linphone": 1850, "pjsua": 2050}
CLASSES: dict[str, type[Any]] = {"sipp": Sipp, "baresip": Baresip, "linphone": Linphone, "pjsua": Pjsua}

AnyPhone = TypeVar("AnyPhone", bound=Phone)


class House:
    """One switch with a second pair of sockets that asks for SHA-256 first."""

    def __init__(self, certificates: Path) -> None:
        self.carrier_port = free_port(CARRIER_HOST)
        self.strong_port = free_port()
        strong = {"host": HOST, "port": self.strong_port, "auth_algorithms": ["SHA-256", "MD5"]}
        listen = [{"transport": transport, **strong} for transport in ("UDP", "TCP")]
        self.tls_port = free_port(HOST)
        self.authority = Authority(certificates)
        certificate, key = self.authority.issue(HOST)
        secure = {"transport": "TLS", "host": HOST, "port": self.tls_port}
        listen.append({**secure, "certificate": str(certificate), "key": str(key)})
        self.web_ports = {kind: free_port(HOST) for kind in ("ws", "wss")}
        for kind, port in self.web_ports.items():
            files = {"certificate": str(certificate), "key": str(key)} if kind == "wss" else {}
            listen.append({"transport": kind.upper(), "host": HOST, "port": port, **files})
        self.port6 = free_port(HOST6)
        listen.append({"transport": "UDP", "host": HOST6, "port": self.port6})
        codecs = ("PCMA", "PCMU", "G722", "OPUS")
        self.system = RunningSystem(
            with_tour(centre(self.carrier_port)),
            listen=listen,
            ports=PORTS,
            codecs=codecs,
            host6=HOST6,
            python_flows=PYTHON_FLOWS,
        )

    def calls_of(self, source: str) -> list[str]:
        """The ids of all calls of this source (`user:NAME`, `trunk:NAME`) until now."""
        facts = self.system.facts("call_started")
        return [fact["data"]["call"] for fact in facts if fact["data"]["source"] == source]

    def call_id(self, source: str, before: Sequence[str]) -> str:
        """Wait for the one call of this source that is not of those `before`."""
        (call,) = until(lambda: set(self.calls_of(source)) - {*before}, f"a call of {source}")
        return str(call)

    def facts(self, call: str, kind: str) -> list[dict[str, Any]]:
        return [fact["data"] for fact in self.system.facts(kind) if fact["data"]["call"] == call]

    def asks(self, call: str, step: int) -> None:
        """Wait until the flow of the call has come to this step, counted from 0."""

        def reached() -> bool:
            return f"steps[{step}]" in [fact["step"] for fact in self.facts(call, "flow_step")]

        until(reached, f"step {step}")

    def record(self, call: str) -> dict[str, Any]:
        """The call's record, when it is over."""

        def finished() -> list[dict[str, Any]]:
            return [row for row in self.system.cdrs() if row["call"] == call and row["ended_at"]]

        (row,) = until(finished, f"a record of {call}")
        return dict(row)

    def agent_state(self, agent: str) -> dict[str, Any]:
        return dict(self.system.command("status")["agents"][agent])


class Phones:
    """Makes phones that last as long as a test; each has registered its user."""

    def __init__(self, house: House, directory: Path, stack: ExitStack) -> None:
        self._house = house
        self.directory = directory
        self._stack = stack

    def __call__(
        self,
        kind: str,
        user: str,
        transport: str = "udp",
        *,
        registers: bool = True,
        strong: bool = False,
        **options: Any,
    ) -> Phone:
        options.setdefault("tone_hz", TONES_HZ[kind])
        if transport == "tls" and kind == "pjsua":
            options["authorities"] = self._house.authority.file
        phone: Phone = self._stack.enter_context(
            CLASSES[kind](user, self.directory, transport=transport, **options)
        )
        if registers:
            registrar = f"{HOST}:{self.port(strong, transport)}"
            if phone.host == HOST6:
                registrar = f"[{HOST6}]:{self._house.port6}"
            phone.register(registrar, user, password(user))
            phone.wait_for("registered")
        return phone

    def enter(self, peer: AnyPhone) -> AnyPhone:
        """Start a peer of another kind, for as long as the test lasts."""
        return self._stack.enter_context(peer)

    def agent(self, kind: str, agent: str, transport: str = "udp", **options: Any) -> Phone:
        """The phone of an agent who is signed in and free; SIPp waits for its one call."""
        phone = self(kind, agent, transport, **options)
        if isinstance(phone, Sipp):
            phone.listen()
        self._house.system.command("agent.sign_in", name=agent)
        self._stack.callback(self._house.system.command, "agent.sign_out", name=agent)
        self._house.system.command("agent.status", name=agent, status="available")
        return phone

    def port(self, strong: bool, transport: str) -> int:
        if transport == "tls":
            return self._house.tls_port
        return self._house.strong_port if strong else self._house.system.port

    def uri6(self, number: str) -> str:
        return f"sip:{number}@[{HOST6}]:{self._house.port6}"

    def uri(self, number: str, transport: str = "udp", *, strong: bool = False) -> str:
        address = f"sip:{number}@{HOST}:{self.port(strong, transport)}"
        return address if transport == "udp" else f"{address};transport={transport}"


@contextmanager
def trunk(house: House, name: str, address: str, transport: str) -> Iterator[None]:
    """A trunk over which numbers that begin with 09 are called; its callers may call there, too."""
    fields: dict[str, Any] = {
        "addresses": [address],
        "transport": transport,
        "calling": ["other"],
        "allow_from": [address.split(":")[0]],
    }
    routes = {name: {"prefixes": ["09"], "trunks": [name]}}
    house.system.command("apply", centre={"trunks": {name: fields}, "routes": routes})
    try:
        yield
    finally:
        house.system.command("route.remove", name=name)
        house.system.command("trunk.remove", name=name)


def receives(phone: Phone, seconds: float) -> None:
    """Wait until the phone has received so much more audio."""
    receive((phone,), seconds)


def receive(phones: Sequence[Phone], seconds: float) -> None:
    """Wait until each of these has received so much more audio."""
    waiting = [(phone, phone.received_s() + seconds) for phone in phones]

    def received() -> bool:
        waiting[:] = [(phone, enough_s) for phone, enough_s in waiting if phone.received_s() < enough_s]
        return not waiting

    until(received, f"{[phone.name for phone in phones]} receive {seconds} s of audio")


def stops_receiving(phone: Phone) -> None:
    """Wait until nothing more comes in for most of a second, or longer if it tells more rarely."""
    last_s, since = -1.0, 0.0

    def silent() -> bool:
        nonlocal last_s, since
        if (received_s := phone.received_s()) != last_s:
            last_s, since = received_s, time.monotonic()
        return time.monotonic() - since > phone.tells_every_s + 0.7

    until(silent, f"{phone.name} receives nothing")


def talk_and_hang_up(first: Phone, second: Phone) -> None:
    """Both talk for a while, then `first` hangs up."""
    receive((first, second), TALK_S)
    first.hang_up()
    for phone in (second, first):
        phone.wait_for("ended")


def recorded_channels(path: str) -> tuple[Any, Any, int]:
    """Left and right samples of a recording, and its rate."""
    samples, rate_hz = read_wav(Path(path))
    assert samples.ndim == 2 and samples.shape[1] == 2, samples.shape
    return samples[:, 0], samples[:, 1], rate_hz


def is_recorded(house: House, record: dict[str, Any], caller: Phone, agent: Phone) -> None:
    """The caller left, the agent right, as long as they talked, without a break."""
    recording = house.system.recording(record["call"])
    assert recording["error"] is None, recording
    left, right, rate_hz = recorded_channels(recording["path"])
    assert abs(len(left) / rate_hz - record["talk_s"]) < 0.3, (len(left) / rate_hz, record)
    for channel, tone_hz in ((left, caller.tone_hz), (right, agent.tone_hz)):
        assert abs(loudest(channel, rate_hz) - tone_hz) < 5, (loudest(channel, rate_hz), tone_hz)
        assert longest_break(channel, rate_hz, tone_hz) <= 0.1


def is_answered(record: dict[str, Any], agent: str, ended_by: str, *, waited_s: float = 0.5) -> None:
    """What the record of a call that the agent of the queue of that name took must say."""
    reason = f"normal_hang_up_{ended_by}"
    told = {key: record[key] for key in ("outcome", "queue", "agent", "ended_by", "reason", "recordings")}
    assert told == {
        "outcome": "answered",
        "queue": agent,
        "agent": agent,
        "ended_by": ended_by,
        "reason": reason,
        "recordings": 1,
    }
    assert record["talk_s"] > 1
    assert record["wait_s"] > waited_s
