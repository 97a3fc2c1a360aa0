"""SRTP for the media bench: ready packets for the generator, and what the batch kernels take."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs, libcrypto
from softswitch.media.srtp import SUITES

SUITE, KEY = SUITES[0], bytes(range(30))
_KEY_BYTES = (30, 30, 28, 44)
_TAG_BYTES = 10
_PLAIN_BYTES = 172
_LEGS, _BATCHES = 250, 40


class Streams:
    """G.711 streams of so many legs, a packet each at a time."""

    def __init__(self, suite: int, legs: int) -> None:
        libcrypto.available()
        key = bytes(range(_KEY_BYTES[suite]))
        self._legs = np.arange(legs, dtype=np.int32)
        self._states = [np.zeros((legs, _codecs.srtp_state_bytes()), np.uint8) for _ in range(2)]
        self._seal, self._open = (
            np.full(legs, _codecs.srtp_open(suite, key, seals), np.int32) for seals in (True, False)
        )
        self.rows = np.zeros((legs, 256), np.uint8)
        self.rows[:, 0] = 0x80
        self.rows.view(">u4")[:, 2] = self._legs + 1

    def seal(self, frame: int) -> float:
        """The next packet of each leg in `rows`; CPU seconds that sealing took."""
        legs = len(self._legs)
        self.rows.view(">u2")[:, 1] = 1000 + frame
        self.rows.view(">u4")[:, 1] = 160 * frame
        self.rows[:, 12:_PLAIN_BYTES] = 0xFF
        ext = np.full(legs, 1000 + frame, np.int64)
        length = self._lengths(0)
        begin = time.thread_time()
        _codecs.srtp_protect(
            self._states[0], self._seal, self.rows, self._legs, self._legs, ext, length, legs
        )
        return time.thread_time() - begin

    def open(self, tag_bytes: int) -> float:
        """Opens what stands in `rows`; CPU seconds that it took."""
        length = self._lengths(tag_bytes)
        begin = time.thread_time()
        _codecs.srtp_unprotect(self._states[1], self._open, self.rows, self._legs, self._legs, length)
        spent = time.thread_time() - begin
        if not (length == _PLAIN_BYTES).all():
            raise ValueError("SRTP packets of our own did not open")
        return spent

    def _lengths(self, more: int) -> NDArray[np.int32]:
        return np.full(len(self._legs), _PLAIN_BYTES + more, np.int32)

    def close(self) -> None:
        for handles in (self._seal, self._open):
            _codecs.srtp_close(int(handles[0]))


def ready_packets(path: Path, legs: int, frames: int) -> None:
    """SRTP packets of `legs` streams, one frame of all after the other."""
    streams = Streams(0, legs)
    with path.open("wb") as file:
        for frame in range(frames):
            streams.seal(frame)
            file.write(streams.rows[:, : _PLAIN_BYTES + _TAG_BYTES].tobytes())
    streams.close()


def slowest_us() -> float:
    """Microseconds to protect or to unprotect one G.711 packet, whichever is more, by the slowest suite."""
    return max(_suite_us(suite, tag) for suite, tag in enumerate((10, 4, 16, 16)))


def _suite_us(suite: int, tag_bytes: int) -> float:
    streams = Streams(suite, _LEGS)
    spent = [(streams.seal(frame), streams.open(tag_bytes)) for frame in range(_BATCHES)]
    streams.close()
    return max(map(sum, zip(*spent, strict=True))) * 1e6 / (_BATCHES * _LEGS)
