"""How the cost of one unit grows with the load: at 1, 2, 4 and 8 times, and the slope of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.figures import Figures, slope

FACTORS = (1, 2, 4, 8)


def with_slope(figure: str, costs: Mapping[float, float]) -> Figures:
    """Cost by load as figures FIGURE_at_LOAD, and `growth_slope`: 0 is flat, 1 doubles with the load.

    Slope of the line through the logarithms. ValueError for a cost that is not positive.
    """
    named = {f"{figure}_at_{load:g}": cost for load, cost in costs.items()}
    found = slope([math.log(load) for load in costs], [math.log(cost) for cost in costs.values()])
    return {**named, "growth_slope": found}
