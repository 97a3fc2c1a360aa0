"""Array types of the media plane by name."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.int16]
"""int16[n]: one channel of linear audio."""

StereoFrames: TypeAlias = NDArray[np.int16]
"""int16[n, 2]: left and right."""

FloatSamples: TypeAlias = NDArray[np.float32]
"""float32[n] in -1…1."""
