"""Real softphones (pjsua2), each in a process of its own, beside generated load: what a person would hear.

Two of them call each other through the system under test. Each sends a tone, counts packets by its own RTP
stack and records what it hears; the other's tone is looked for in it.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from bench.figures import Figures
from bench.harness import CannotMeasure

USERS = ("truth1", "truth2")
_TONES_HZ = (600, 1100)
_PURE = 0.9
_INSTALL = "pip install pjsua2-python, or: pip install -e '.[test]'"


@dataclass(frozen=True, slots=True)
class Heard:
    """What both phones heard: packets by their RTP stacks, blocks of 50 ms by what was in them."""

    received: int
    lost: int
    reordered: int
    blocks: int
    pure_blocks: int
    longest_break_s: float

    def figures(self) -> Figures:
        return {
            "truth_packets": self.received,
            "truth_lost_percent": 100 * self.lost / max(1, self.received + self.lost),
            "truth_pure_percent": 100 * self.pure_blocks / max(1, self.blocks),
            "truth_longest_break_ms": 1000 * self.longest_break_s,
        }

    def problems(self, seconds: float) -> tuple[str, ...]:
        """Why a run counts for nothing: the softphones heard far less than they should."""
        wanted = 2 * 50 * seconds
        if self.received < 0.8 * wanted:
            return (f"softphones heard {self.received} packets, not {wanted:.0f}",)
        return ()


def password(user: str) -> str:
    return f"secret-of-{user}"


class Softphones:
    """Two phones at `host` that talk through `registrar` within the `with` block. Raises CannotMeasure."""

    def __init__(self, registrar: str, host: str) -> None:
        if importlib.util.find_spec("pjsua2") is None:
            raise CannotMeasure(f"no softphones: {_INSTALL}")
        from tests.peers.pjsua import Pjsua

        self._registrar = registrar
        self._folder = tempfile.TemporaryDirectory(prefix="bench-softphones-")
        self._phones = [
            Pjsua(
                user, Path(self._folder.name), host=host, tone_hz=tone, incoming_status=200, codecs=("PCMA",)
            )
            for user, tone in zip(USERS, _TONES_HZ, strict=True)
        ]
        self._talking_since = 0.0

    def __enter__(self) -> Softphones:
        try:
            for phone, user in zip(self._phones, USERS, strict=True):
                phone.start()
                phone.register(self._registrar, user, password(user))
                phone.wait_for("registered")
        except AssertionError as error:
            self._close()
            raise CannotMeasure(f"the softphones could not register: {error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def talk(self) -> None:
        """The first calls the second; returns when both talk."""
        caller, called = self._phones
        try:
            caller.call(f"sip:{USERS[1]}@{self._registrar}")
            for phone in (caller, called):
                phone.wait_for("talking")
        except AssertionError as error:
            raise CannotMeasure(f"the softphones could not talk: {error}") from None
        self._talking_since = time.monotonic()

    @property
    def talked_s(self) -> float:
        return time.monotonic() - self._talking_since

    def heard(self) -> Heard:
        """What both have heard since they talk; hangs up."""
        counts = [phone.statistics() for phone in self._phones]
        sounds = [phone.heard() for phone in self._phones]
        self._phones[0].hang_up()
        blocks = [
            purity(samples, rate, tone)
            for (samples, rate), tone in zip(sounds, reversed(_TONES_HZ), strict=True)
        ]
        return Heard(
            received=sum(each["received"] for each in counts),
            lost=sum(each["lost"] for each in counts),
            reordered=sum(each["reordered"] for each in counts),
            blocks=sum(each.size for each in blocks),
            pure_blocks=sum(int((each > _PURE).sum()) for each in blocks),
            longest_break_s=max((_longest_break(each) for each in blocks), default=0.0),
        )

    def _close(self) -> None:
        for phone in self._phones:
            phone.close()
        self._folder.cleanup()


def purity(samples: np.ndarray, rate_hz: int, tone_hz: float) -> np.ndarray:
    """Share of the energy of each block of 50 ms that is the tone, from its first to its last appearance."""
    from tests.peers.audio import shares

    found = shares(samples, rate_hz, tone_hz)
    there = np.flatnonzero(found > 0.5)
    return found[there[0] : there[-1] + 1] if there.size else found[:0]


def _longest_break(blocks: np.ndarray) -> float:
    from tests.peers.audio import BLOCK_S

    pure = np.flatnonzero(blocks > 0.5)
    return float((np.diff(pure).max(initial=1) - 1) * BLOCK_S)
