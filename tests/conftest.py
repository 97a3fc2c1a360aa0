"""Settings every test shares: reproducible properties, no leaked processes."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

# The same examples on every machine and every run: a red test is red again when it is looked into.
settings.register_profile(
    "fixed",
    derandomize=True,
    database=None,
    # The smallest case of a find takes minutes to look for; the first one says as much.
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("fixed"), max_examples=3000)
settings.register_profile("search", settings.get_profile("fixed"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
