"""ITU-T G.711 for whole arrays, by the kernel's tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.arrays import Samples

LAWS = {"PCMU": 0, "PCMA": 1}
SILENCE = np.array([0xFF, 0xD5], np.uint8)
"""The code of the quietest sample by law."""


def encode(samples: Samples, law: int) -> NDArray[np.uint8]:
    """G.711 codes of int16[n]; law 0 is µ-law (PCMU), 1 is A-law (PCMA)."""
    out = np.empty(len(samples), np.uint8)
    if len(samples):
        laws, row = np.array([law], np.uint8), np.zeros(1, np.int32)
        _codecs.encode(np.ascontiguousarray(samples, np.int16), row, laws, out, samples.size)
    return out


def _linear_of(law: int) -> Samples:
    """int16[256]: what each code stands for, by the decoder that fills the ring."""
    ring, have = np.zeros((1, 512), np.int16), np.zeros((1, 512), np.uint8)
    one = np.zeros(1, np.int32)
    rows = np.arange(256, dtype=np.uint8).reshape(1, 256)
    _codecs.place(
        ring, have, one, np.zeros(1, np.int64), rows, one, one, np.array([256], np.int32),
        np.array([law], np.uint8), np.zeros(1, np.uint8), 512, 1, 0,
    )  # fmt: skip
    return ring[0, :256].copy()


LINEAR = np.stack([_linear_of(law) for law in (0, 1)])
"""int16[law, code]."""

TRANSCODE = np.stack([encode(LINEAR[1 - law], law) for law in (0, 1)])
"""uint8[law, code]: a code of the other law in this one."""


def decode(codes: NDArray[np.uint8], law: int) -> Samples:
    """int16 samples of G.711 codes, in the shape of `codes`."""
    samples: Samples = LINEAR[law][codes]
    return samples
