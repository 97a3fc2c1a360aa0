"""Settings every test shares: reproducible properties, no leaked processes."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The same examples on every machine and every run: a red test is red again when it is looked into.
settings.register_profile(
    "fixed",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("fixed"), max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
