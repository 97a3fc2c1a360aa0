"""The examples of docs/call-records.md: made in a World as the page writes them down, and their records."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from softswitch.call.outputs import Fact
from softswitch.sdp.negotiation import make_offer
from softswitch.store.queries import open_views
from tests.call.invariants import Books, check
from tests.call.world import START, Phone, World
from tests.store.facts import copy_all, journal

DOCUMENT = (Path(__file__).parents[2] / "docs" / "call-records.md").read_text(encoding="utf-8")
WALL = 1_800_000_000.0
CARRIER = "198.51.100.9"


class Written(World):
    """A world whose facts are also written to a journal, at the world's time."""

    def __init__(self, state_dir: Path, centre: dict[str, Any], **node: Any) -> None:
        self.state_dir = state_dir
        self.now, self.clock_set_back = START, 0.0
        self.journal = journal(
            state_dir, wall=lambda: self.now + WALL - self.clock_set_back, monotonic=lambda: self.now
        )
        super().__init__(centre, **node)

    def _deliver(self, out: list[Any]) -> None:
        super()._deliver(out)
        facts = [{"type": each.type, "data": each.data} for each in out if isinstance(each, Fact)]
        self.journal.append(facts)


@dataclass(frozen=True)
class Example:
    title: str
    steps: tuple[str, ...]
    tables: tuple[tuple[tuple[str, ...], ...], ...]
    """Each with its head."""


def centre() -> dict[str, Any]:
    (text,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    return dict(YAML(typ="safe").load(text))


def examples() -> list[Example]:
    found = []
    for section in DOCUMENT.split("\n## ")[1:]:
        (steps,) = re.findall(r"```call\n(.*?)```", section, re.DOTALL)
        rest = section.partition("```call")[2].partition("```")[2]
        found.append(Example(section.split("\n", 1)[0], tuple(steps.strip().split("\n")), _tables(rest)))
    return found


def _tables(text: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    tables = []
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        lines = [_cells(line) for line in block.strip().split("\n")]
        tables.append((lines[0], *lines[2:]))
    return tuple(tables)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("|").split("|"))


class Play:
    """Carries out the lines of an example."""

    def __init__(self, state_dir: Path) -> None:
        self.world = Written(state_dir, centre())
        self.phones: dict[str, Phone] = {"customer": self.world.phone("carrier", CARRIER, register=False)}
        for name in ("alice", "bob", "carol", "dave"):
            self.phones[name] = self.world.phone(name)
        self._books = Books()

    def run(self, line: str) -> None:
        waits = re.match(r"after (\d+) s, (.*)", line)
        if waits:
            self.world.wait(float(waits[1]))
            line = waits[2]
        for pattern, act in VERBS.items():
            found = re.fullmatch(pattern, line)
            if found:
                act(self, *found.groups())
                check(self.world, self._books)
                return
        raise ValueError(f"nobody knows how to do: {line}")

    def call(self, name: str, number: str) -> None:
        from_ = f"<sip:03012345678@{CARRIER}>" if name == "customer" else ""
        self.phones[name].call(number, uri=f"sip:{number}@192.0.2.1", from_=from_)

    def answer(self, name: str) -> None:
        self.phones[name].answer()

    def hang_up(self, name: str) -> None:
        phone = self.phones[name]
        session = next(each for each in reversed(phone.sessions) if each.state not in ("ended",))
        self.world.do(phone, lambda now, out: session.hang_up(now, out))

    def sign_in(self, name: str, agent: str) -> None:
        self.world.command("agent.sign_in", name=agent)

    def available(self, name: str) -> None:
        agents = {agent.user: agent.name for agent in self.world.exchange.centre.agents.values()}
        self.world.command("agent.status", name=agents[name], status="available")

    def press(self, name: str, digit: str) -> None:
        user = None if name == "customer" else name
        for call in self.world.exchange.calls.values():
            if (call.caller.name if call.caller.kind == "user" else None) == user:
                for key in digit:
                    self.world.digit(key, call.inbound.id)
                return
        raise ValueError(f"{name} has no call")

    def transfer(self, name: str, number: str) -> None:
        self.phones[name].refer(number)

    def join(self, name: str) -> None:
        first, second = [each for each in self.phones[name].sessions if each.state == "up"]
        self.phones[name].connect(second, first)

    def hold(self, name: str) -> None:
        self._offer(name, direction="sendonly")

    def resume(self, name: str) -> None:
        self._offer(name)

    def _offer(self, name: str, **changed: Any) -> None:
        phone = self.phones[name]
        sdp = make_offer(
            host=phone.flow.local[0], port=4000, codecs=("PCMU", "PCMA"), session_id=1, version=2, **changed
        )
        self.world.do(phone, lambda now, out: phone.session.reinvite(sdp, now, out))

    def take_over(self, name: str) -> None:
        other = self.world.phone(name)
        other.take_over(self.phones[name].session)

    def busy(self, name: str) -> None:
        self.phones[name].auto_reject = 486

    def clear(self) -> None:
        """Everybody hangs up, nobody is signed in or busy: the next example begins."""
        for phone in self.phones.values():
            phone.auto_reject = 0
            for session in phone.sessions:
                if session.state != "ended":
                    self.world.do(phone, lambda now, out, session=session: session.hang_up(now, out))
        for name in ("alice", "bob", "carol", "dave"):
            self.phones[name].register()
        for agent in self.world.exchange.centre.agents:
            self.world.command("agent.sign_out", name=agent)
        self.world.wait(10)

    def kill(self) -> None:
        self.world.restart_switch()

    def nothing(self) -> None:
        pass


VERBS: dict[str, Callable[..., None]] = {
    r"(\w+) calls (\S+)": Play.call,
    r"(\w+) answers": Play.answer,
    r"(\w+) hangs up": Play.hang_up,
    r"(\w+) signs in as (\w+)": Play.sign_in,
    r"(\w+) is available": Play.available,
    r"(\w+) presses (\S+)": Play.press,
    r"(\w+) transfers to (\S+)": Play.transfer,
    r"(\w+) joins the calls": Play.join,
    r"(\w+) puts on hold": Play.hold,
    r"(\w+) resumes": Play.resume,
    r"(\w+)'s other phone takes over": Play.take_over,
    r"(\w+) is busy": Play.busy,
    r"the switch is killed": Play.kill,
    r"nothing": Play.nothing,
}

NUMBERED = "(SELECT call, row_number() OVER (ORDER BY started_at, rowid) AS n FROM calls)"
CALLS = """SELECT row_number() OVER (ORDER BY started_at, rowid) AS call, outcome, reason, queue, agent,
    wait_s, talk_s, duration_s FROM calls ORDER BY 1"""
SEGMENTS = f"""SELECT numbered.n AS call,
    CASE WHEN agent IS NOT NULL THEN 'agent:' || agent WHEN user IS NOT NULL THEN 'user:' || user
        ELSE 'trunk:' || trunk END AS party, kind, queue, seconds
    FROM segments JOIN {NUMBERED} AS numbered
        USING (call) WHERE seconds >= 1 ORDER BY segments.log_position, segments.rowid"""


def played(example: Example, state_dir: Path) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The tables that came of it, with their heads."""
    play = Play(state_dir)
    for line in example.steps:
        play.run(line)
    play.world.wait(10)
    play.world.journal.close()
    copy_all(state_dir)
    db = open_views(state_dir)
    try:
        return tuple(_shown(db.execute(query).fetchall()) for query in (CALLS, SEGMENTS))
    finally:
        db.close()


def _shown(rows: list[dict[str, Any]]) -> tuple[tuple[str, ...], ...]:
    return (tuple(rows[0]), *(tuple(map(_cell, row.values())) for row in rows))


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def markdown(table: tuple[tuple[str, ...], ...]) -> str:
    lines = [table[0], tuple("---" for _ in table[0]), *table[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
