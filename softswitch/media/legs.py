"""The leg table: everything the loop knows of a leg, as arrays indexed by leg.

Positions are in samples at 8 kHz on the engine's clock, signed 64 bit, so that a leg may live for weeks.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs, addresses
from softswitch.media.formats import CLOCK_SCALE, CODECS
from softswitch.media.succession import Succession
from softswitch.media.tablefile import KEY, key_of

NEVER = -(1 << 60)
NO_PAYLOAD_TYPE = 255
_WIPED_TOGETHER = 64
"""Rows of the table that are made fresh in one go: a row has over seventy columns."""
PTIMES_MS = (10, 20, 30, 40, 50, 60)
_CN = 13

UNKNOWN, AUDIO_MU, AUDIO_A, AUDIO_G722, AUDIO_L16, AUDIO_OPUS, TELEPHONE_EVENT, COMFORT_NOISE = range(8)
AUDIO_PASSED = 8
"""Kinds of payload; audio kinds are 1 + codec, and the first two are G.711."""

EXACT, SAME_HOST, FOREIGN = 3, 2, 1
"""How far a learned source agrees with the remote address of the SDP."""


class BadCommand(ValueError):
    """A command that cannot be carried out; the text says why."""


class LegSettings(NamedTuple):
    """`put_leg` checked and in the table's terms."""

    id: str
    port: int
    family: int
    remote: tuple[int, int] | None
    learn: bool
    law: int
    payload_type: int
    kinds: Mapping[int, int]
    dtmf_send: int | None
    dtmf_receive: int | None
    ptime_ms: int
    tones: bool
    comfort: bool
    rtcp_mux: bool
    rtcp: tuple[int, int] | None
    shared: bool
    ssrc: int | None
    send: bool
    listen: bool

    @classmethod
    def parse(cls, command: Mapping[str, Any]) -> LegSettings:
        """Raises BadCommand."""
        try:
            codec = str(command["codec"]).upper()
            if codec not in CODECS:
                raise BadCommand(f"codec {codec}: allowed are {', '.join(CODECS)}")
            kinds = {_payload_type(key): _kind(value) for key, value in command.get("receive", {}).items()}
            dtmf_receive = _optional_payload_type(command.get("dtmf_receive"))
            kinds.setdefault(_payload_type(command["payload_type"]), 1 + CODECS[codec])
            # Many peers send comfort noise that was not agreed on.
            # Opus has its own way to be silent.
            comfort = COMFORT_NOISE in kinds.values() and codec != "OPUS"
            kinds.setdefault(_CN, COMFORT_NOISE)
            if dtmf_receive is not None:
                kinds[dtmf_receive] = TELEPHONE_EVENT
            family = _family(command.get("family", addresses.IPV4))
            return cls(
                id=str(command["id"]),
                port=int(command["port"]),
                family=family,
                remote=_address(command.get("remote"), family),
                learn=bool(command.get("learn", False)),
                law=CODECS[codec],
                payload_type=_payload_type(command["payload_type"]),
                kinds=kinds,
                dtmf_send=_optional_payload_type(command.get("dtmf_send")),
                dtmf_receive=dtmf_receive,
                ptime_ms=_ptime_ms(command.get("ptime_ms", 20)),
                tones=bool(command.get("tones", False)),
                comfort=comfort,
                rtcp_mux=bool(command.get("rtcp_mux", False)),
                rtcp=_address(command.get("rtcp"), family),
                shared=bool(command.get("shared", False)),
                ssrc=_ssrc(command.get("ssrc")),
                send=bool(command.get("send", True)),
                listen=bool(command.get("listen", True)),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadCommand(f"put_leg: {error!s}") from error


def _payload_type(value: Any) -> int:
    number = int(value)
    if not 0 <= number <= 127:
        raise BadCommand(f"payload type {number}: allowed are 0 to 127")
    return number


def _ptime_ms(value: Any) -> int:
    if value not in PTIMES_MS:
        raise BadCommand(f"ptime_ms {value!r}: allowed are {', '.join(map(str, PTIMES_MS))}")
    return int(value)


def _optional_payload_type(value: Any) -> int | None:
    return None if value is None else _payload_type(value)


def _kind(encoding: Any) -> int:
    name = str(encoding).upper()
    if name in CODECS:
        return 1 + CODECS[name]
    return {"TELEPHONE-EVENT": TELEPHONE_EVENT, "CN": COMFORT_NOISE}.get(name, UNKNOWN)


def _ssrc(value: Any) -> int | None:
    if value is None:
        return None
    if not 0 < int(value) < 1 << 32:
        raise BadCommand(f"ssrc {value}: allowed are 1 to {(1 << 32) - 1}")
    return int(value)


def _family(value: Any) -> int:
    if value not in addresses.FAMILIES:
        raise BadCommand(f"family {value!r}: allowed are 4 and 6")
    return int(value)


def _address(value: Any, family: int) -> tuple[int, int] | None:
    """Number and port; None for the unspecified address."""
    if value is None:
        return None
    host, port = str(value[0]), int(value[1])
    number = addresses.number_of(host)
    if not 0 < port < 65536:
        raise BadCommand(f"remote port {port}: allowed are 1 to 65535")
    if number is None:
        return None
    if addresses.family_of(host) != family:
        raise BadCommand(f"remote {host} is not reached from a leg of IPv{family}; say family")
    return number, port


@lru_cache(maxsize=256)
def _row_of_kinds(kinds: tuple[tuple[int, int], ...]) -> tuple[NDArray[np.uint8], bool]:
    """uint8[128], the kind of each payload type; and whether there is audio of more than 8 kHz."""
    row = np.full(128, UNKNOWN, np.uint8)
    for payload_type, kind in kinds:
        row[payload_type] = kind
    return row, any(AUDIO_A < kind < TELEPHONE_EVENT for _, kind in kinds)


@lru_cache(maxsize=256)
def _row_of_payload_types(
    law: int, payload_type: int, dtmf_send: int | None, comfort: bool
) -> NDArray[np.uint8]:
    """By kind what we send it as."""
    row = np.full(1 + AUDIO_PASSED, NO_PAYLOAD_TYPE, np.uint8)
    row[1 + law] = payload_type
    if law <= 1:  # one law is as good as the other
        row[AUDIO_MU] = row[AUDIO_A] = payload_type
    if dtmf_send is not None:
        row[TELEPHONE_EVENT] = dtmf_send
    if comfort:
        row[COMFORT_NOISE] = _CN
    return row


COLUMNS: dict[str, tuple[Any, Any]] = {
    # identity and settings
    "key": (KEY, b""), "port": (np.int32, 0),
    "used": (bool, False), "send": (bool, False), "listen": (bool, False), "learn": (bool, False),
    "law": (np.uint8, 0), "in_law": (np.uint8, 0), "scale": (np.int32, 1),
    "ptime": (np.int32, 160), "comfort": (bool, False),
    # where packets come from and go to
    "remote_ip": (np.uint32, 0), "remote_port": (np.uint16, 0), "sdp_ip": (np.uint32, 0),
    "sdp_port": (np.uint16, 0), "locked": (bool, False), "rank": (np.uint8, 0), "run": (np.uint8, 0),
    # the same for other processes where it is IPv6
    "remote_wide": (addresses.PACKED, b""), "sdp_wide": (addresses.PACKED, b""),
    # on a shared lane: whose packets are its own, 0: whoever comes
    "expected_ssrc": (np.uint32, 0),
    # the stream in: extended sequence number, and a pair of timestamp and position that belong together
    "in_started": (bool, False), "in_ssrc": (np.uint32, 0), "in_ext": (np.int64, 0),
    "in_first": (np.int64, 0),
    "in_ts": (np.uint32, 0), "in_pos": (np.int64, 0),
    "in_begin": (np.int64, -NEVER), "in_end": (np.int64, NEVER),
    "last_rx": (np.int64, 0),
    "late_run": (np.int32, 0), "lead_min": (np.int64, 1 << 60), "transit": (np.float64, 0.0),
    "jitter": (np.float64, 0.0), "short": (np.int32, 0),
    "calm": (np.int32, 0), "calm_lead": (np.int64, 0), "move": (np.int64, 0),
    "move_since": (np.int64, 0), "event_ts": (np.uint32, 0), "event_seen": (bool, False),
    # counters
    "expected_before": (np.int64, 0), "received": (np.int64, 0), "late": (np.int64, 0),
    "dropped_source": (np.int64, 0), "placed": (np.int64, 0), "placed_late": (np.int64, 0),
    # which packets of the stream are in `placed` or `placed_late`: the last 64 up to this number
    "counted_ext": (np.int64, NEVER), "counted": (np.uint64, 0),
    "sent": (np.int64, 0), "sent_octets": (np.int64, 0), "silent": (bool, False),
    # the stream out
    "out_ssrc": (np.uint32, 0), "out_ext": (np.int64, 0), "out_ts": (np.uint32, 0),
    "out_at": (np.int64, NEVER), "relayed_at": (np.int64, NEVER),
    "quiet": (np.int32, 0), "started": (bool, False), "sending_digits": (bool, False),
    "cohort": (np.int32, 0),
    # relay: whom this leg's packets go to, and the offsets of what this leg is sent
    "relay_ear": (np.int32, -1), "relay_source": (np.int32, -1), "relay_seq": (np.int64, 0),
    "relay_ts": (np.uint32, 0), "relay_fresh": (bool, False),
    # SRTP: streams and replay windows, a digest of the key they are of
    "srtp": (np.dtype((np.void, _codecs.srtp_state_bytes())), b""), "srtp_key": (np.uint64, 0),
    "dropped_crypto": (np.int64, 0),
    # the sample ring
    "in_ring": (bool, False), "cleared": (np.int64, 0), "wide_at": (np.int64, NEVER),
    "coded": (bool, False),
    # keys in the sound
    "inband": (bool, False), "key_heard": (np.int8, -1), "key_told": (np.int8, -1), "key_run": (np.int32, 0),
    "noisy": (bool, False), "noise_to": (np.int64, 0), "noise_peak": (np.int16, 0),
}  # fmt: skip


_SOURCE = ("remote_ip", "remote_wide", "remote_port", "locked", "rank", "run")
_STREAMS = (
    "expected_ssrc", "in_started", "in_ssrc", "in_ext", "in_first", "in_ts", "in_pos", "transit", "jitter",
    "event_ts", "event_seen", "expected_before", "received", "late", "dropped_source", "placed",
    "placed_late", "counted_ext", "counted", "sent", "sent_octets", "srtp", "srtp_key", "dropped_crypto",
    "out_ssrc", "out_ext", "out_ts", "out_at", "started",
)  # fmt: skip
"""What a leg keeps when another worker takes it up: where its packets come from, and both of its streams."""
COUNTERS = ("received", "sent", "late", "dropped_source", "dropped_crypto")


class LegTable:
    """Structure of arrays; `index` maps a leg's id to its row."""

    key: NDArray[np.bytes_]
    port: NDArray[np.int32]
    used: NDArray[np.bool_]
    send: NDArray[np.bool_]
    listen: NDArray[np.bool_]
    learn: NDArray[np.bool_]
    law: NDArray[np.uint8]
    in_law: NDArray[np.uint8]
    scale: NDArray[np.int32]
    ptime: NDArray[np.int32]
    comfort: NDArray[np.bool_]
    remote_ip: NDArray[np.uint32]
    remote_port: NDArray[np.uint16]
    sdp_ip: NDArray[np.uint32]
    sdp_port: NDArray[np.uint16]
    remote_wide: NDArray[np.void]
    sdp_wide: NDArray[np.void]
    expected_ssrc: NDArray[np.uint32]
    locked: NDArray[np.bool_]
    rank: NDArray[np.uint8]
    run: NDArray[np.uint8]
    in_started: NDArray[np.bool_]
    in_ssrc: NDArray[np.uint32]
    in_ext: NDArray[np.int64]
    in_first: NDArray[np.int64]
    in_ts: NDArray[np.uint32]
    in_pos: NDArray[np.int64]
    in_begin: NDArray[np.int64]
    in_end: NDArray[np.int64]
    last_rx: NDArray[np.int64]
    late_run: NDArray[np.int32]
    lead_min: NDArray[np.int64]
    transit: NDArray[np.float64]
    jitter: NDArray[np.float64]
    short: NDArray[np.int32]
    calm: NDArray[np.int32]
    calm_lead: NDArray[np.int64]
    move: NDArray[np.int64]
    move_since: NDArray[np.int64]
    event_ts: NDArray[np.uint32]
    event_seen: NDArray[np.bool_]
    expected_before: NDArray[np.int64]
    received: NDArray[np.int64]
    late: NDArray[np.int64]
    dropped_source: NDArray[np.int64]
    placed: NDArray[np.int64]
    placed_late: NDArray[np.int64]
    counted_ext: NDArray[np.int64]
    counted: NDArray[np.uint64]
    sent: NDArray[np.int64]
    sent_octets: NDArray[np.int64]
    silent: NDArray[np.bool_]
    out_ssrc: NDArray[np.uint32]
    out_ext: NDArray[np.int64]
    out_ts: NDArray[np.uint32]
    out_at: NDArray[np.int64]
    relayed_at: NDArray[np.int64]
    quiet: NDArray[np.int32]
    started: NDArray[np.bool_]
    sending_digits: NDArray[np.bool_]
    cohort: NDArray[np.int32]
    relay_ear: NDArray[np.int32]
    relay_source: NDArray[np.int32]
    relay_seq: NDArray[np.int64]
    relay_ts: NDArray[np.uint32]
    relay_fresh: NDArray[np.bool_]
    srtp: NDArray[np.void]
    srtp_key: NDArray[np.uint64]
    dropped_crypto: NDArray[np.int64]
    in_ring: NDArray[np.bool_]
    cleared: NDArray[np.int64]
    wide_at: NDArray[np.int64]
    coded: NDArray[np.bool_]
    inband: NDArray[np.bool_]
    key_heard: NDArray[np.int8]
    key_told: NDArray[np.int8]
    key_run: NDArray[np.int32]
    noisy: NDArray[np.bool_]
    noise_to: NDArray[np.int64]
    noise_peak: NDArray[np.int16]

    def __init__(self, capacity: int, entropy: Callable[[int], bytes], succession: Succession) -> None:
        self.capacity = capacity
        self._entropy = entropy
        self._succession = succession
        self._fresh: list[tuple[NDArray[Any], Any]] = []
        for name, (_, initial) in COLUMNS.items():
            column = succession.legs[name]
            column[:] = initial
            setattr(self, name, column)
            self._fresh.append((column, initial))
        self.kinds = np.zeros((capacity, 128), np.uint8)
        self.payload_types = np.full((capacity, 1 + AUDIO_PASSED), NO_PAYLOAD_TYPE, np.uint8)
        self.index: dict[str, int] = {}
        self.scaled = self.any_wide = False
        self.addresses_changed = False
        self.settings: list[LegSettings | None] = [None] * capacity
        self._ended = dict.fromkeys(COUNTERS, 0)
        self._free = list(range(capacity - 1, -1, -1))
        self._left: list[int] = []
        self.top = 0
        """One more than the highest row that was ever in use: no further than that need anybody look."""
        self.in_cohort: defaultdict[int, set[int]] = defaultdict(set)

    def add(self, settings: LegSettings, now: int, cohort: int) -> int:
        """A fresh row. Raises BadCommand when the table is full."""
        if not self._free:
            self._wipe()
        if not self._free:
            raise BadCommand(f"all {self.capacity} legs of this worker are in use")
        leg = self._free.pop()
        self.top = max(self.top, leg + 1)
        self.index[settings.id] = leg
        ssrc, seq, ts = struct.unpack("=IHI", self._entropy(10))
        self.used[leg], self.out_ssrc[leg], self.out_ts[leg] = True, ssrc, ts
        # Far from the roll-over: who misses the first packets would miscount (RFC 3711 section 3.3.1).
        self.out_ext[leg] = seq & 0x7FFF
        self.cohort[leg] = cohort
        self.in_cohort[cohort].add(leg)
        self.last_rx[leg] = now
        self._apply(leg, settings, relock=True)
        former = self._succession.take_leg(settings.id, settings.port)
        if former is not None:
            self._take_up(leg, former)
        self.port[leg] = settings.port
        self.key[leg] = key_of(settings.id)
        return leg

    def _wipe(self) -> None:
        """Makes the rows of legs that have left fresh and free."""
        rows, self._left = self._left, []
        for column, initial in self._fresh:
            column[rows] = initial
        self._free += rows

    def _take_up(self, leg: int, former: Mapping[str, Any]) -> None:
        """Goes on with the streams of a leg that a former worker had."""
        for name in ("remote", "sdp"):
            number = addresses.unpack(former[f"{name}_wide"].tobytes())
            if number is not None:
                former = {**former, f"{name}_ip": number}
        same_peer = all(former[name] == getattr(self, name)[leg] for name in ("sdp_ip", "sdp_port", "learn"))
        for name in (*_STREAMS, *(_SOURCE if same_peer else ())):
            getattr(self, name)[leg] = former[name]
        self.addresses_changed = True

    def row(self, leg: int) -> dict[str, str]:
        """What the leg keeps in another worker: columns by name, each as hexadecimal digits."""
        names = ("port", "sdp_ip", "sdp_wide", "sdp_port", "learn", *_STREAMS, *_SOURCE)
        return {name: getattr(self, name)[leg].tobytes().hex() for name in names}

    def expect(self, id: str, row: Mapping[str, str]) -> None:
        """The leg `id` of another worker is to go on here. Raises KeyError or ValueError."""
        former = {name: np.frombuffer(bytes.fromhex(text), COLUMNS[name][0])[0] for name, text in row.items()}
        self._succession.bequeath(id, former)

    def change(self, leg: int, settings: LegSettings, now: int) -> None:
        """New settings of a live leg; a source that was learned stays unless the remote address changed."""
        old = self.settings[leg]
        if settings.listen and not self.listen[leg]:
            self.last_rx[leg] = now
        relock = old is None or any(
            getattr(old, name) != getattr(settings, name) for name in ("remote", "learn", "ssrc")
        )
        self._apply(leg, settings, relock=relock)

    def _apply(self, leg: int, settings: LegSettings, *, relock: bool) -> None:
        self.settings[leg] = settings
        self.send[leg], self.listen[leg] = settings.send, settings.listen
        self.law[leg] = self.in_law[leg] = settings.law
        self.scale[leg] = CLOCK_SCALE[settings.law]
        self.scaled = self.scaled or bool(self.scale[leg] != 1)
        self.ptime[leg] = settings.ptime_ms * 8
        self.kinds[leg], wide = _row_of_kinds(tuple(settings.kinds.items()))
        self.any_wide = self.any_wide or wide
        self.payload_types[leg] = _row_of_payload_types(
            settings.law, settings.payload_type, settings.dtmf_send, settings.comfort
        )
        self.comfort[leg] = settings.comfort
        if relock:
            ip, port = settings.remote or (0, 0)
            self.remote_ip[leg], self.remote_port[leg] = ip, port
            self.sdp_ip[leg], self.sdp_port[leg] = ip, port
            self.remote_wide[leg] = self.sdp_wide[leg] = addresses.pack(ip)
            self.addresses_changed = True
            self.expected_ssrc[leg] = settings.ssrc or 0
            self.learn[leg] = settings.learn
            self.locked[leg] = False
            self.rank[leg] = self.run[leg] = 0

    def learned(self, leg: int, ip: int, port: int) -> None:
        """Where the leg's packets come from, and go to."""
        self.remote_ip[leg], self.remote_port[leg] = ip, port
        self.remote_wide[leg] = addresses.pack(ip)
        self.addresses_changed = True

    def forget_strangers(self) -> None:
        """Addresses that were seen on packets, and are no leg's, once there are many."""
        if not addresses.crowded():
            return
        reports = [each.rtcp[0] for each in self.settings if each is not None and each.rtcp]
        addresses.keep((self.remote_ip, self.sdp_ip, np.array(reports, np.uint32)))

    def remove(self, leg: int) -> None:
        settings = self.settings[leg]
        if settings is not None:
            del self.index[settings.id]
        self.settings[leg] = None
        self.key[leg] = b""
        self.used[leg] = False
        self.remote_port[leg] = 0
        self.in_cohort[int(self.cohort[leg])].discard(leg)
        self._left.append(leg)
        if len(self._left) >= _WIPED_TOGETHER:
            self._wipe()

    def count_ended(self, leg: int) -> None:
        """The leg is deleted, here and everywhere."""
        for name in COUNTERS:
            self._ended[name] += int(getattr(self, name)[leg])

    def totals(self) -> dict[str, int]:
        """Packets of all legs, those that were deleted too."""
        now = {name: int(getattr(self, name)[self.used].sum()) for name in COUNTERS}
        return {name: before + now[name] for name, before in self._ended.items()}

    def expected(self, leg: NDArray[Any] | int) -> Any:
        """Packets that the sender must have sent, by sequence numbers (RFC 3550 appendix A.3)."""
        current = np.where(self.in_started[leg], self.in_ext[leg] - self.in_first[leg] + 1, 0)
        return self.expected_before[leg] + current
