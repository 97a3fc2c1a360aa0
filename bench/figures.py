"""Figures and how they are summed up: medians and spread over rounds, quantiles over calls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Round:
    """What one run of a bench found. With failed calls or problems its figures count for nothing."""

    figures: Figures = field(default_factory=dict)
    failed: int = 0
    problems: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.failed and not self.problems


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over all rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """ValueError when there are no values."""
        return cls(median(values), min(values), max(values))

    @property
    def spread(self) -> float:
        """Largest minus smallest as a share of the median; 0 when the median is 0."""
        return (self.highest - self.lowest) / self.median if self.median else 0.0


def median(values: Iterable[float]) -> float:
    """The middle one, or the mean of the two in the middle. ValueError when there are no values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no median")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed (nearest rank).

    ValueError when there are no values or `share` is out of range.
    """
    ordered = sorted(values)
    if not ordered or not 0 <= share <= 1:
        raise ValueError("a quantile needs values and a share from 0 to 1")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the line through the points by least squares."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    over = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return over / sum((a - mean_x) ** 2 for a in x)


def summarise(rounds: Sequence[Figures]) -> dict[str, Summary]:
    """Every figure over the rounds; ValueError when a round lacks one that others have."""
    names = {name: None for figures in rounds for name in figures}
    for name in names:
        if any(name not in figures for figures in rounds):
            raise ValueError(f"{name} was not measured in every round")
    return {name: Summary.of([figures[name] for figures in rounds]) for name in names}


def ratios(first: Sequence[Figures], second: Sequence[Figures]) -> dict[str, Summary]:
    """`first` divided by `second`, pair by pair of neighbouring rounds, where `second` is never 0.

    Slopes are not divided: around 0 their ratio says nothing. Neighbours share the mood of the machine, so
    that their ratio spreads less than the figures themselves.
    """
    pairs = [
        {name: one[name] / other[name] for name in one if other.get(name) and not name.endswith("slope")}
        for one, other in zip(first, second, strict=True)
    ]
    common: Mapping[str, None] = dict.fromkeys(
        name for name in pairs[0] if all(name in pair for pair in pairs)
    )
    return {name: Summary.of([pair[name] for pair in pairs]) for name in common}
