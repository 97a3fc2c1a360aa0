"""softswitch queue: where calls wait for an agent."""

from __future__ import annotations

from softswitch.cli.nouns import noun

queue = noun(
    "queue",
    about="Queues, in which calls wait for an agent.",
    columns=(
        "name",
        "strategy",
        "ring_timeout_s",
        "wrap_up_s",
        "max_wait_s",
        "on_timeout",
        "record",
        "created_by",
    ),
    sample="sales",
    sample_options="--ring-timeout-s 20 --wrap-up-s 30",
)
