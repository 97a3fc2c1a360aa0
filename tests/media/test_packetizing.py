"""A mix goes out in packets of the length that was agreed on: 10 to 60 ms, sample for sample."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from softswitch.media import g711
from softswitch.media.legs import BadCommand
from tests.media.rig import Rig, continuous

SOUND = np.random.default_rng(6).integers(-6000, 6000, 16000).astype(np.int16)
AS_HEARD = g711.decode(g711.encode(SOUND, 0), 0)


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60])
def test_packets_of_the_agreed_length_carry_every_sample(rig: Rig, ptime_ms: int) -> None:
    rig.phone("a", SOUND)
    b = rig.phone("b", ptime_ms=ptime_ms)
    rig.phone("c", ptime_ms=10)
    rig.bridge("a", "b", "c")
    rig.run(1.5)
    size = ptime_ms * 8
    assert {len(p.payload) for p in b.got} == {size}
    assert continuous(b.got)
    assert {(y.ts - x.ts) & 0xFFFFFFFF for x, y in pairwise(b.got)} == {size}
    assert [p.marker for p in b.got] == [True] + [False] * (len(b.got) - 1)
    heard = b.heard()
    start = next(k for k in range(len(heard)) if (heard[k : k + 400] == AS_HEARD[:400]).all())
    assert (heard[start : start + 9600] == AS_HEARD[:9600]).all()


def test_after_a_pause_nothing_of_before_is_heard(rig: Rig) -> None:
    rig.phone("a", SOUND)
    b = rig.phone("b", ptime_ms=60)
    rig.phone("c")
    rig.bridge("a", "b", "c")
    rig.run(0.51)
    rig.put_leg(b, ptime_ms=60, send=False)
    rig.run(0.5)
    rig.put_leg(b, ptime_ms=60)
    resumed = rig.run(0.5)
    before, after = [p for p in b.got if p.clock < resumed], [p for p in b.got if p.clock >= resumed]
    assert after[0].marker and continuous(b.got)
    gap = (after[0].ts - before[-1].ts) & 0xFFFFFFFF
    assert gap % 480 == 0 and abs(gap - (after[0].clock - before[-1].clock)) <= 480


def test_another_length_is_refused(rig: Rig) -> None:
    with pytest.raises(BadCommand, match="allowed are 10, 20, 30"):
        rig.phone("a", ptime_ms=15)
