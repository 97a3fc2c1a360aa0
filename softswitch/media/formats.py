"""Audio formats of legs. All have their samples at 8 kHz in the ring, wide ones at 16 kHz as well."""

from __future__ import annotations

import numpy as np

CODECS = {"PCMU": 0, "PCMA": 1, "G722": 2, "L16": 3, "OPUS": 4, "G729": 7}
"""Encoding name → what the leg table calls it. L16 is at 16 kHz, mono."""

PASSED = CODECS["G729"]
"""This one is only passed on: its samples are not known, and a leg that speaks it is sent nothing else."""

WIDE = CODECS["G722"]
"""This one and those after it are wide, and keep a state for each leg or are no bytes of one sample each."""

CLOCK_SCALE = np.array([1, 1, 1, 2, 6, 1, 1, 1], np.int32)
"""RTP timestamp units for one sample at 8 kHz, by codec. G.722 counts at 8000 (RFC 3551
section 4.5.2), Opus always at 48000 (RFC 7587 section 4.1)."""
