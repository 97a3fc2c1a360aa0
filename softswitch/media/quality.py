"""How a call sounds, by the E-model (ITU-T G.107) with the defaults for all that is not measured."""

from __future__ import annotations

_BASE = 93.2
_ROBUSTNESS = 25.1
"""Bpl of G.711 with concealment (G.113 appendix I)."""
_BEND_MS = 177.3


def rating(delay_ms: float, loss: float) -> float:
    """The rating R of a one-way delay from mouth to ear and a share of packets lost at random (0 to 1)."""
    late = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _BEND_MS)
    percent = 100 * min(1.0, max(0.0, loss))
    return _BASE - late - 95 * percent / (percent + _ROBUSTNESS)


def opinion(rating: float) -> float:
    """The mean opinion score, 1 to 4.5, that goes with a rating (G.107 annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)
