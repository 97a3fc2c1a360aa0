"""Call progress tones as most of Europe hears them (ETSI TR 101 041): 425 Hz; each file is one period."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
FREQUENCY_HZ = 425
FADE_S = 0.005
# Seconds of tone and of silence.
TONES = {"ringback": (1.0, 4.0), "busy": (0.48, 0.48)}


def period(on_s: float, off_s: float) -> NDArray[np.float64]:
    time = np.arange(round(on_s * RATE_HZ)) / RATE_HZ
    envelope = np.clip(np.minimum(time, on_s - time) / FADE_S, 0, 1)
    sounding = np.sin(2 * np.pi * FREQUENCY_HZ * time) * envelope
    return np.concatenate((sounding, np.zeros(round(off_s * RATE_HZ))))
