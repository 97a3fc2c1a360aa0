"""The phones' own G.711 against the one of the media plane."""

from __future__ import annotations

import numpy as np
import pytest

from softswitch.media import g711 as plane
from softswitch.phone import g711
from softswitch.phone.audio import PACKET_SAMPLES, tone_payload

ALL_CODES = bytes(range(256))


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_every_code_stands_for_what_the_media_plane_says(encoding: str) -> None:
    theirs = plane.decode(np.arange(256, dtype=np.uint8), plane.LAWS[encoding])
    assert list(g711.decode(ALL_CODES, encoding)) == theirs.tolist()


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_encoding_takes_the_nearest_code(encoding: str) -> None:
    values = g711.decode(ALL_CODES, encoding)
    for sample in range(-32768, 32768, 37):
        (nearest,) = g711.decode(g711.encode([sample], encoding), encoding)
        assert abs(nearest - sample) == min(abs(value - sample) for value in values)


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
def test_the_peak_of_a_payload(encoding: str) -> None:
    payload = g711.encode([0, -5000, 300], encoding)
    assert abs(g711.peak(payload, encoding) - 5000) < 256
    assert g711.peak(b"", encoding) == 0


def test_a_tone_fits_into_packets_or_is_refused() -> None:
    assert len(tone_payload(450, "PCMU")) == PACKET_SAMPLES
    with pytest.raises(ValueError, match="multiple of 50"):
        tone_payload(440, "PCMU")
