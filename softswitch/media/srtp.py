"""SRTP of all legs (RFC 3711, RFC 7714): packets are opened as they arrive and sealed as they leave.

Everything between sees plain RTP. What a stream has come to (roll-over counter, replay window) lies in the
leg table, so that it outlives a change of the description and the worker.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.legs import BadCommand, LegTable
from softswitch.media.libcrypto import MISSING, available
from softswitch.media.packets import Indices, PacketBatch

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM")
"""Crypto suites by their names of RFC 4568 and RFC 7714."""
_KEY_BYTES = (30, 30, 28, 44)
_NONE = -1
GRACE = 2 * 8000
"""Samples for which packets under the former key are taken after a new one: those that were on their way."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys, each with its salt: what we send with, and what the peer does."""

    suite: str
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)

    @classmethod
    def parse(cls, value: Mapping[str, Any] | None) -> SrtpKeys | None:
        """Raises BadCommand, which does not name the keys."""
        if value is None:
            return None
        missing = [name for name in ("suite", "send", "receive") if name not in value]
        if missing:
            raise BadCommand(f"srtp: {missing[0]} is missing")
        suite = str(value["suite"])
        if suite not in SUITES:
            raise BadCommand(f"srtp: suite {suite}: allowed are {', '.join(SUITES)}")
        keys = [_key(value[side]) for side in ("send", "receive")]
        wanted = _KEY_BYTES[SUITES.index(suite)]
        if any(len(key) != wanted for key in keys):
            raise BadCommand(f"srtp: a key of {suite} has {wanted} bytes with its salt")
        return cls(suite, *keys)


def _key(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:
        raise BadCommand("srtp: a key is no base64") from None


@dataclass(slots=True)
class _Former:
    """The key that a leg's peer has just left, and what its streams had come to."""

    handle: NDArray[np.int32]
    state: NDArray[np.uint8]
    until: int


class Srtp:
    def __init__(self, legs: LegTable) -> None:
        self._legs = legs
        self._state = legs.srtp.view(np.uint8).reshape(legs.capacity, -1)
        self._in: NDArray[np.int32] = np.full(legs.capacity, _NONE, np.int32)
        self._out: NDArray[np.int32] = np.full(legs.capacity, _NONE, np.int32)
        self._keys: dict[int, SrtpKeys] = {}
        self._former: dict[int, _Former] = {}

    def put(self, leg: int, keys: SrtpKeys | None, clock: int) -> None:
        """The leg's keys from now on; None: plain RTP. Raises BadCommand."""
        if self._keys.get(leg) == keys:
            return
        if keys is not None and not available():
            raise BadCommand(MISSING)
        former = self._former_of(leg, keys, clock)
        self.drop(leg)
        if keys is None:
            return
        if former is not None:
            self._former[leg] = former
        suite = SUITES.index(keys.suite)
        self._in[leg] = _codecs.srtp_open(suite, keys.receive, False)
        self._out[leg] = _codecs.srtp_open(suite, keys.send, True)
        self._keys[leg] = keys
        digest = int.from_bytes(blake2b(keys.receive, digest_size=7).digest(), "big")
        if self._legs.srtp_key[leg] not in (0, digest):
            _codecs.srtp_rekeyed(self._state[leg])
        self._legs.srtp_key[leg] = digest

    def _former_of(self, leg: int, keys: SrtpKeys | None, clock: int) -> _Former | None:
        """The key that the peer gives up, if it does."""
        old = self._keys.get(leg)
        if old is None or keys is None or (old.suite, old.receive) == (keys.suite, keys.receive):
            return None
        handle = np.array([_codecs.srtp_open(SUITES.index(old.suite), old.receive, False)], np.int32)
        return _Former(handle, self._state[leg : leg + 1].copy(), clock + GRACE)

    def _forget_former(self, leg: int) -> None:
        former = self._former.pop(leg, None)
        if former is not None:
            _codecs.srtp_close(int(former.handle[0]))

    def drop(self, leg: int) -> None:
        """The leg has no keys any more."""
        self._forget_former(leg)
        for handles in (self._in, self._out):
            if handles[leg] != _NONE:
                _codecs.srtp_close(int(handles[leg]))
                handles[leg] = _NONE
        self._keys.pop(leg, None)

    @property
    def in_use(self) -> bool:
        """Whether any leg has keys."""
        return bool(self._keys)

    def unprotect(self, batch: PacketBatch, clock: int) -> None:
        """Opens the packets of one batch before they are read; what is not authentic gets the length 0.

        A packet from elsewhere stays as it is: it is dropped for its source.
        """
        if not self._keys:
            return
        legs, n = self._legs, batch.count
        leg = batch.leg[:n]
        own = (batch.ip[:n] == legs.remote_ip[leg]) & (batch.port[:n] == legs.remote_port[leg])
        rows = np.flatnonzero((self._in[leg] != _NONE) & (own | legs.learn[leg])).astype(np.int32)
        if len(rows):
            sealed = self._kept_for_former(batch, rows, clock) if self._former else []
            _codecs.srtp_unprotect(self._state, self._in, batch.rows, rows, leg[rows], batch.length)
            for one, row, packet in sealed:
                if not batch.length[row]:
                    self._open_as_before(batch, one, row, packet)
            refused = leg[rows[batch.length[rows] == 0]]
            np.add.at(legs.dropped_crypto, refused, 1)

    def _kept_for_former(
        self, batch: PacketBatch, rows: Indices, clock: int
    ) -> list[tuple[int, int, NDArray[np.uint8]]]:
        """(leg, row, packet) where the peer has just changed its key: opening spoils what it cannot open."""
        for leg in [leg for leg, former in self._former.items() if clock >= former.until]:
            self._forget_former(leg)
        legs = batch.leg[rows]
        return [
            (leg, int(row), batch.rows[row, : batch.length[row]].copy())
            for leg in self._former
            for row in rows[legs == leg]
        ]

    def _open_as_before(self, batch: PacketBatch, leg: int, row: int, packet: NDArray[np.uint8]) -> None:
        former, alone = self._former[leg], np.zeros(1, np.int32)
        batch.rows[row, : len(packet)] = packet
        batch.length[row] = len(packet)
        index = np.array([row], np.int32)
        _codecs.srtp_unprotect(former.state, former.handle, batch.rows, index, alone, batch.length)

    def protect(
        self, batch: PacketBatch, index: Indices, leg: Indices, length: Indices, ext: NDArray[np.int64]
    ) -> tuple[Indices, Indices, Indices]:
        """Seals rows of the batch in place; `ext` are their packet indices. Returns what may be sent."""
        if not self._keys:
            return index, leg, length
        secured = np.flatnonzero(self._out[leg] != _NONE)
        if not len(secured):
            return index, leg, length
        sealed = length[secured]
        _codecs.srtp_protect(
            self._state, self._out, batch.rows, index[secured], leg[secured], ext[secured], sealed,
            batch.capacity,
        )  # fmt: skip
        length = length.copy()
        length[secured] = sealed
        sent = length > 0
        return (index, leg, length) if sent.all() else (index[sent], leg[sent], length[sent])

    def protect_report(self, leg: int, packet: bytes) -> bytes | None:
        """RTCP as the leg's peer takes it; None: it must not be sent."""
        if self._out[leg] == _NONE:
            return packet
        return _codecs.srtcp_protect(self._state[leg], int(self._out[leg]), packet)

    def unprotect_report(self, leg: int, packet: bytes) -> bytes | None:
        """RTCP that came from the leg's peer; None: it is not authentic."""
        if self._in[leg] == _NONE:
            return packet
        opened = _codecs.srtcp_unprotect(self._state[leg], int(self._in[leg]), packet)
        former = self._former.get(leg)
        if opened is None and former is not None:
            opened = _codecs.srtcp_unprotect(former.state[0], int(former.handle[0]), packet)
        return opened
