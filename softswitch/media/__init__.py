"""The media plane: RTP, relay, mixing, prompts, recording. Everything here that computes uses numpy."""

import os

# Nothing here is large enough for a second BLAS thread, and a second busy thread makes ticks late.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
