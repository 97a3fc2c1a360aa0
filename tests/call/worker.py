"""A media worker without media: it holds what it was told to hold, as the real one would, and objects to
what makes no sense."""

from __future__ import annotations

from collections import deque
from typing import Any

KINDS = ("leg", "bridge", "player", "recorder")
PORTS = range(16384, 16484, 2)
"""Those of the first worker; each has as many."""
DRAIN_S = 5.0


class Worker:
    """`held` is what it has by (kind, id); `events` are on their way to the switch and wait for it."""

    def __init__(self, number: int = 0, all: list[Worker] | None = None) -> None:
        self.ports = range(PORTS.start + 100 * number, PORTS.stop + 100 * number, 2)
        self._all = [self] if all is None else all
        self.connected = False
        self.held: dict[tuple[str, str], dict[str, Any]] = {}
        self.events: deque[dict[str, Any]] = deque()
        self._draining: deque[tuple[float, int]] = deque()
        self._interrupted: set[str] = set()

    # The switch

    def connect(self, now: float) -> None:
        """The switch says hello: it hears what is here, then what it missed, then which ports are free."""
        self.connected = True
        held = [each for worker in self._all for each in worker.held.items()]
        busy = {command["port"] for (kind, _), command in held if kind == "leg"}
        busy.update(port for worker in self._all for _, port in worker._draining)
        missed = [event for event in self.events if event["event"].endswith("_finished")]
        snapshot: dict[str, Any] = {"event": "snapshot", "generation": 1, "worker": 0}
        for kind in KINDS:
            snapshot[f"{kind}s"] = [command for (each, _), command in self.held.items() if each == kind]
        ports = {"event": "ports", "granted": [port for port in self.ports if port not in busy]}
        self.events = deque([snapshot, *missed, ports])
        if self._interrupted:
            self._draining.append((now + DRAIN_S, 0))

    def crash(self) -> None:
        """Killed and started again: nothing is left but the recordings, which go on if they are put again."""
        self._interrupted.update(id for kind, id in self.held if kind == "recorder")
        self.held.clear()
        self.events.clear()
        self._draining.clear()

    def command(self, command: dict[str, Any], now: float) -> None:
        if not self.connected:
            return
        do = command["do"]
        if do == "delete":
            self._delete(command["kind"], command["id"], now)
        elif do.startswith("put_"):
            self._put(do.removeprefix("put_"), command, now)
        else:
            assert do == "send_digits" and ("leg", command["leg"]) in self.held

    def _put(self, kind: str, command: dict[str, Any], now: float) -> None:
        if kind == "leg":
            if "from" in command:
                former = self._all[command["from"]]
                gone = former.held.pop((kind, command["id"]), None)
                ports = [each.get("port") for each in former.held.values()]
                if gone is not None and gone.get("shared") and gone["port"] not in ports:
                    former._draining.append((now + DRAIN_S, gone["port"]))
            others = [each for (_, id), each in self.held.items() if id != command["id"]]
            there = [each for each in others if each.get("port") == command["port"]]
            shared = command.get("shared") and all(each.get("shared") for each in there)
            assert not there or shared, "two legs on one port"
            foreign = any(command["port"] in each.ports for each in self._all if each is not self)
            assert not foreign or "from" in command, "a port of another worker"
        else:
            for leg in _legs_of(command):
                assert ("leg", leg) in self.held, f"{command} before its leg"
        if kind == "player" and any(event.get("id") == command["id"] for event in self.events):
            return
        self.held[kind, command["id"]] = command

    def _delete(self, kind: str, id: str, now: float) -> None:
        command = self.held.pop((kind, id), None)
        if command is not None and kind == "leg":
            if command["port"] not in [each.get("port") for each in self.held.values()]:
                self._draining.append((now + DRAIN_S, command["port"]))
        elif command is not None and kind == "recorder":
            self.events.append(_finished(id))

    # What happens to it

    def finish(self, player: str) -> None:
        """The player has come to its end."""
        if self.held.pop(("player", player), None) is not None:
            self.events.append({"event": "player_finished", "id": player, "reason": "finished", "detail": ""})

    def fail(self, recording: str) -> None:
        """There is no room for the recording."""
        del self.held["recorder", recording]
        self.events.append({**_finished(recording), "error": "no tap is free"})

    def playing(self) -> list[str]:
        """Players that will come to an end."""
        return [id for (kind, id), command in self.held.items() if kind == "player" and command["legs"]]

    def legs(self) -> list[str]:
        return [id for kind, id in self.held if kind == "leg"]

    def recording(self) -> list[str]:
        return [id for kind, id in self.held if kind == "recorder"]

    def next_timeout(self) -> float | None:
        return self._draining[0][0] if self._draining else None

    def handle_timeout(self, now: float, out: list[Any]) -> None:
        """Ports that have been drained are granted again."""
        while self._draining and self._draining[0][0] <= now:
            _, port = self._draining.popleft()
            if not port:
                strays = [id for id in sorted(self._interrupted) if ("recorder", id) not in self.held]
                self.events.extend(_finished(id) for id in strays)
                self._interrupted.clear()
            else:
                self._home(port).grant(port)

    def _home(self, port: int) -> Worker:
        return next(worker for worker in self._all if port in worker.ports)

    def grant(self, port: int) -> None:
        if self.connected:
            self.events.append({"event": "ports", "granted": [port]})


def _legs_of(command: dict[str, Any]) -> list[str]:
    if command["do"] == "put_recorder":
        return [leg for leg in (command["left"], command["right"]) if leg]
    ears = [edge[0] for edge in command.get("edges", ())]
    return [*command.get("legs", ()), *command.get("members", ()), *ears]


def _finished(recording: str) -> dict[str, Any]:
    return {"event": "recorder_finished", "id": recording, "path": "", "seconds": 1.0, "error": None}
