"""The media plane: RTP, relay, mixing, prompts, recording. Everything here that computes uses numpy."""

import importlib
import os

# Nothing here is large enough for a second BLAS thread, and a second busy thread makes ticks late.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

INTERFACE = 1
"""Of the C extension for which this code is written. Another one would fail at the first packet, or worse."""

_extension = importlib.import_module("softswitch.media._codecs")
if (_built := getattr(_extension, "INTERFACE", 0)) != INTERFACE:
    raise ImportError(
        f"{_extension.__file__} was built for another version of this code"
        f" (interface {_built}, not {INTERFACE})"
    )
