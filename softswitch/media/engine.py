"""The media engine: tables, ring, rows and rules on a sample clock. No sockets, no wall clock, no processes.

Packets come in by `receive`, time by `tick`, the switch's wishes by `command`; packets leave by `transmit`
and events by `emit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from softswitch.media.dtmf import DIGITS, FRAME
from softswitch.media.inband import InbandDetector
from softswitch.media.inbound import Receiver
from softswitch.media.legs import AUDIO_OPUS, COLUMNS, BadCommand, LegSettings, LegTable
from softswitch.media.mixing import Mixer
from softswitch.media.opus import require as require_opus
from softswitch.media.outbound import Sender, Transmit
from softswitch.media.packets import PacketBatch
from softswitch.media.passage import Passage
from softswitch.media.players import Load, PlayerSettings, PlayerTable, load_items
from softswitch.media.playout import REVIEW_EVERY
from softswitch.media.recording import Emit, Recorders, RecorderSettings, no_recording
from softswitch.media.ring import CLEAR_CHUNK, SampleRing
from softswitch.media.routing import BridgeSettings, Routing
from softswitch.media.slowpath import SlowPath
from softswitch.media.speakers import WINDOW as SPEAKER_WINDOW
from softswitch.media.speakers import ActiveSpeakers
from softswitch.media.srtp import Srtp, SrtpKeys
from softswitch.media.succession import Succession
from softswitch.media.tap import TapFile
from softswitch.media.tap_layout import TapError
from softswitch.media.wideband import Wideband

SAMPLES_PER_MS = 8
KINDS = ("leg", "bridge", "player", "recorder")
_NO_MEDIA = 3 * 8000
_NO_MEDIA_AGAIN = 10 * 8000
_REPORT_PERIOD = 1600


class Ports(Protocol):
    """Where legs get their sockets from. `attach` raises BadCommand; it may change those of a leg."""

    def attach(self, leg: int, port: int, family: int, *, shared: bool = False) -> None: ...

    def detach(self, leg: int) -> None: ...


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`wake_ms` divides 20; `jitter_ms`: how far behind its arrival mixed audio is played at first."""

    wake_ms: int = 5
    jitter_ms: int = 40
    legs: int = 2048


class MediaEngine:
    def __init__(
        self,
        settings: EngineSettings,
        *,
        transmit: Transmit,
        emit: Emit,
        ports: Ports,
        load: Load,
        taps: TapFile,
        entropy: Callable[[int], bytes],
        succession: Path | None = None,
    ) -> None:
        """`succession`: the file in which the next worker finds how far everything had come.

        Raises OSError when there is no room for that file.
        """
        self.clock = 0
        self._succession = Succession(COLUMNS, settings.legs, succession)
        self.step = settings.wake_ms * SAMPLES_PER_MS
        self._emit = emit
        self._ports = ports
        self._load = load
        self._entropy = entropy
        self._cohorts = FRAME // self.step
        self._clear_turns = CLEAR_CHUNK // self.step
        self._cohort_sizes = [0] * self._cohorts
        self.legs = LegTable(settings.legs, entropy, self._succession)
        self._ring = SampleRing(self.legs)
        self._players = PlayerTable(settings.legs, self._succession)
        self._routing = Routing(self.legs, self._players, self._ring)
        self._wideband = wideband = Wideband(self.legs, self._ring, self._players)
        depth = settings.jitter_ms * SAMPLES_PER_MS
        self._receiver = Receiver(self.legs, self._ring, wideband, depth, self._digit, self._codec_changed)
        self.srtp = Srtp(self.legs)
        self.slow_path = SlowPath()
        self._sender = Sender(self.legs, transmit, self.srtp)
        self._passage = Passage(self.legs, self._ring, self._receiver, self._sender)
        self._mixer = Mixer(self.legs, self._ring, wideband, self._players, self._routing, self._sender)
        self._inband = InbandDetector(self.legs, self._ring, self._digit)
        self._recorders = Recorders(self.legs, self._ring, taps, emit)
        self._speakers = ActiveSpeakers(self.legs, self._ring, emit)
        self._wanted: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self._generations: dict[tuple[str, str], int] = {}

    @property
    def generation(self) -> int:
        """The newest switch that was followed, by this worker or the one before."""
        return self._succession.generation

    @generation.setter
    def generation(self, value: int) -> None:
        self._succession.generation = value

    # Time and packets.

    def receive(self, batch: PacketBatch) -> None:
        """Takes in what has arrived by now, and relays at once what is to be relayed."""
        self._routing.refresh()
        if not self.srtp.in_use and self._passage.take(batch, self.clock):
            return
        self.slow_path.take(batch)
        self.srtp.unprotect(batch, self.clock)
        for arrivals in self._receiver.receive(batch, self.clock):
            self._sender.relay(batch, arrivals, self.clock)

    def tick(self) -> None:
        """One wake: the cohort whose turn it is, recorders, players; then the clock goes on by `step`."""
        self._routing.refresh()
        clock, number = self.clock, self.clock // self.step
        if self._receiver.noise.any:
            self._receiver.noise.tick(clock)
        self._mixer.tick(number % self._cohorts, clock)
        if self._inband.flagged:
            self._inband.tick(self._mixer.members, clock)
        self._recorders.tick(clock)
        self._ring.clear(number % self._clear_turns, self._clear_turns, clock)
        self.clock = clock + self.step
        self._players.let_go(self.clock)
        for player in self._players.finished(self.clock):
            self._finish_player(player)
        if self.clock % SPEAKER_WINDOW == 0:
            self._speakers.tick(self._routing.with_speaker, self.clock)
        if self.clock % _REPORT_PERIOD == 0:
            self._recorders.report()
            self._report_silence()
        if self.clock % REVIEW_EVERY == 0:
            self._receiver.playout.review(self.clock)

    def skip(self, samples: int) -> None:
        """Steps the clock over a time in which nothing ran, by whole wakes.

        Where there are legs it should be whole frames, so that each keeps its turn.
        """
        self.clock += samples // self.step * self.step

    @property
    def at_rest(self) -> bool:
        """Whether time makes no difference: no legs, nothing recorded, and no player that comes to an end."""
        return not self.legs.index and not self._players.finite and not self._recorders.busy

    # Commands.

    def command(self, command: Mapping[str, Any]) -> None:
        """Carries out one `put_…`, `delete` or `send_digits`. Raises BadCommand."""
        do = str(command.get("do"))
        if do not in ENGINE_COMMANDS:
            raise BadCommand(f"unknown command {do!r}")
        if do.startswith("put_"):
            kind, id = do[4:], str(command.get("id") or "")
            if not id:
                raise BadCommand(f"{do}: id is missing")
            wanted = self._wanted[kind]
            if wanted.get(id) != command:
                ENGINE_COMMANDS[do](self, {**command, "id": id})
            if id in wanted:
                self._generations[kind, id] = self.generation
            return
        ENGINE_COMMANDS[do](self, dict(command))

    def _keep(self, kind: str, command: dict[str, Any]) -> None:
        self._wanted[kind][command["id"]] = command

    def _put_leg(self, command: dict[str, Any]) -> None:
        settings = LegSettings.parse(command)
        keys = SrtpKeys.parse(command.get("srtp"))
        if AUDIO_OPUS in settings.kinds.values():
            require_opus()
        leg = self.legs.index.get(settings.id)
        if leg is None:
            self._add_leg(settings, keys)
        else:
            old = self.legs.settings[leg]
            if old is not None and old.port != settings.port:
                raise BadCommand(f"put_leg: {settings.id} is on port {old.port}; a leg keeps its port")
            if old is not None and old.shared != settings.shared:
                raise BadCommand(f"put_leg: {settings.id} shares its port, or does not, for life")
            if old is not None and old.family != settings.family:
                self._ports.attach(leg, settings.port, settings.family, shared=settings.shared)
            self.srtp.put(leg, keys, self.clock)
            self.legs.change(leg, settings, self.clock)
            self._routing.stale_cohorts.add(int(self.legs.cohort[leg]))
        self._listen_for_keys(self.legs.index[settings.id], settings.dtmf_receive is None and settings.listen)
        self._routing.touch(settings.id)
        self._keep("leg", command)

    def _listen_for_keys(self, leg: int, wanted: bool) -> None:
        """In the sound, where the leg has not agreed to telephone-events."""
        self._inband.flagged += int(wanted) - int(self.legs.inband[leg])
        if wanted and not self.legs.inband[leg]:
            self._ring.use(leg)
        elif self.legs.inband[leg] and not wanted:
            self._ring.drop(leg)
        self.legs.inband[leg] = wanted

    def _add_leg(self, settings: LegSettings, keys: SrtpKeys | None) -> None:
        cohort = self._cohort_sizes.index(min(self._cohort_sizes))
        leg = self.legs.add(settings, self.clock, cohort)
        try:
            self.srtp.put(leg, keys, self.clock)
            self._ports.attach(leg, settings.port, settings.family, shared=settings.shared)
        except BadCommand:
            self.srtp.drop(leg)
            self.legs.remove(leg)
            raise
        self._cohort_sizes[cohort] += 1
        self._routing.stale_cohorts.add(cohort)
        self._recorders.leg_arrived(settings.id)

    def _put_bridge(self, command: dict[str, Any]) -> None:
        self._routing.put_bridge(BridgeSettings.parse(command))
        self._keep("bridge", command)

    def _put_player(self, command: dict[str, Any]) -> None:
        settings = PlayerSettings.parse(command)
        if settings.id in self._players.index:
            self._remove_player(self._players.index[settings.id])
        samples, problems = load_items(settings, self._load)
        if not len(samples):
            detail = "; ".join(problems) or "nothing to play"
            self._emit({"event": "player_finished", "id": settings.id, "reason": "failed", "detail": detail})
            return
        for problem in problems:
            self._emit({"event": "error", "about": {"kind": "player", "id": settings.id}, "message": problem})
        self._players.add(settings, samples, self._next_frame(settings))
        self._routing.player_added(settings.id, settings.legs)
        self._keep("player", command)

    def _next_frame(self, settings: PlayerSettings) -> int:
        """The clock at which the first of the player's legs has its next tick, so that nothing is cut off."""
        leg = next((self.legs.index[id] for id in settings.legs if id in self.legs.index), None)
        if leg is None:
            return self.clock
        return self.clock + (int(self.legs.cohort[leg]) * self.step - self.clock) % FRAME

    def _put_recorder(self, command: dict[str, Any]) -> None:
        settings = RecorderSettings.parse(command)
        try:
            self._recorders.put(settings, self.clock)
        except TapError as error:
            self._emit(no_recording(settings, str(error)))
            return
        self._keep("recorder", command)

    def _send_digits(self, command: dict[str, Any]) -> None:
        digits = str(command.get("digits", "")).upper()
        leg = self.legs.index.get(str(command.get("leg")))
        if leg is None:
            raise BadCommand(f"send_digits: no leg {command.get('leg')!r}")
        settings = self.legs.settings[leg]
        if settings is None or (settings.dtmf_send is None and not settings.tones):
            raise BadCommand("send_digits: the leg did not agree to telephone events, and takes no tones")
        if not digits or any(digit not in DIGITS for digit in digits):
            raise BadCommand(f"send_digits: {digits!r}: allowed are {DIGITS}")
        self._mixer.add_digits(leg, digits)

    def _preload(self, command: dict[str, Any]) -> None:
        settings = PlayerSettings.parse({"id": "preload", **command})
        for problem in load_items(settings, self._load)[1]:
            self._emit({"event": "error", "about": {"kind": "preload", "id": ""}, "message": problem})

    # Endings.

    def _delete(self, command: dict[str, Any]) -> None:
        kind, id = str(command.get("kind")), str(command.get("id"))
        if kind not in KINDS:
            raise BadCommand(f"delete: kind {kind!r}: allowed are {', '.join(KINDS)}")
        self._wanted[kind].pop(id, None)
        self._generations.pop((kind, id), None)
        self._succession.drop(kind, id)
        if kind == "leg" and id in self.legs.index:
            self._delete_leg(id)
        elif kind == "bridge":
            self._routing.delete_bridge(id)
        elif kind == "player" and id in self._players.index:
            self._remove_player(self._players.index[id])
        elif kind == "recorder":
            self._recorders.delete(id, self.clock)

    def leave(self, id: str) -> None:
        """The leg goes on in another worker, which has its sockets already."""
        self._wanted["leg"].pop(id, None)
        self._generations.pop(("leg", id), None)
        self._remove_leg(id)

    def _delete_leg(self, id: str) -> None:
        legs, leg = self.legs, self.legs.index[id]
        received = int(legs.received[leg])
        self._emit(
            {
                "event": "leg_statistics", "leg": id, "sent": int(legs.sent[leg]), "received": received,
                "lost": max(0, int(legs.expected(leg)) - received), "late": int(legs.late[leg]),
                "dropped_source": int(legs.dropped_source[leg]),
                "dropped_crypto": int(legs.dropped_crypto[leg]),
                "jitter_ms": round(float(legs.jitter[leg]) / SAMPLES_PER_MS, 2),
            }
        )  # fmt: skip
        legs.count_ended(leg)
        self._ports.detach(leg)
        self._remove_leg(id)

    def _remove_leg(self, id: str) -> None:
        legs, leg = self.legs, self.legs.index[id]
        self._recorders.leg_leaving(id, self.clock)
        self._mixer.stop_digits(leg)
        self._listen_for_keys(leg, False)
        self._routing.leg_leaving(id)
        self._cohort_sizes[int(legs.cohort[leg])] -= 1
        self.srtp.drop(leg)
        self._wideband.leave(leg)
        legs.remove(leg)
        self._routing.refresh()

    def _remove_player(self, player: int) -> None:
        settings = self._players.remove(player, self.clock)
        self._routing.player_removed(settings.id, settings.legs)
        self._routing.refresh()

    def _finish_player(self, player: int) -> None:
        id = self._players.settings[player].id
        self._remove_player(player)
        self._wanted["player"].pop(id, None)
        self._generations.pop(("player", id), None)
        self._emit({"event": "player_finished", "id": id, "reason": "finished", "detail": ""})

    def remove_orphans(self) -> int:
        """Deletes what only former generations of the switch have put; returns how many objects."""
        orphans = [key for key, generation in self._generations.items() if generation < self.generation]
        for kind, id in orphans:
            self._delete({"kind": kind, "id": id})
        self._recorders.stop_strays()
        self._succession.forget()
        return len(orphans)

    def close(self) -> None:
        """Ends the recordings, so that their files are completed."""
        for id in [*self._wanted["recorder"]]:
            self._recorders.delete(id, self.clock)
        self._succession.close()

    # Reports.

    def snapshot(self) -> dict[str, list[dict[str, Any]]]:
        """All that was put and lives, as it was put."""
        return {
            f"{kind}s": [
                {key: value for key, value in command.items() if key != "do"} for command in wanted.values()
            ]
            for kind, wanted in self._wanted.items()
        }

    def _codec_changed(self, leg: int) -> None:
        settings = self.legs.settings[leg]
        if settings is not None:
            self._routing.touch(settings.id)

    def _digit(self, leg: int, digit: str) -> None:
        settings = self.legs.settings[leg]
        if settings is not None:
            self._emit({"event": "digit", "leg": settings.id, "digit": digit})
            self._pass_on(leg, digit)

    def _pass_on(self, leg: int, digit: str) -> None:
        """A key is for the other party of a conversation, unless it is there already: an event by a relayed
        packet, a tone in the sound."""
        sound = bool(self.legs.inband[leg])
        for ear in self._routing.partners(leg):
            settings = self.legs.settings[ear]
            if settings is None or not settings.send:
                continue
            relayed = self.legs.relay_source[ear] == leg
            if (not relayed or sound) if settings.dtmf_send is not None else settings.tones and not sound:
                self._mixer.add_digits(ear, digit)

    def _report_silence(self) -> None:
        """Tell of each leg that is silent, and again every 10 s: each leg has its turn."""
        legs = self.legs
        turns = _NO_MEDIA_AGAIN // _REPORT_PERIOD
        legs.silent[self.clock // _REPORT_PERIOD % turns :: turns] = False
        rows = slice(legs.top)
        silent = legs.used[rows] & legs.listen[rows] & ~legs.silent[rows] & (legs.sdp_port[rows] > 0)
        silent &= self.clock - legs.last_rx[rows] >= _NO_MEDIA
        for leg in np.flatnonzero(silent):
            legs.silent[leg] = True
            settings = legs.settings[leg]
            if settings is not None:
                seconds = round((self.clock - int(legs.last_rx[leg])) / 8000, 1)
                self._emit({"event": "no_media", "leg": settings.id, "seconds": seconds})


ENGINE_COMMANDS: dict[str, Callable[[MediaEngine, dict[str, Any]], None]] = {
    "put_leg": MediaEngine._put_leg,
    "put_bridge": MediaEngine._put_bridge,
    "put_player": MediaEngine._put_player,
    "put_recorder": MediaEngine._put_recorder,
    "send_digits": MediaEngine._send_digits,
    "preload": MediaEngine._preload,
    "delete": MediaEngine._delete,
}
