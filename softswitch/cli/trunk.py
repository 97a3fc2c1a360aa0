"""softswitch trunk: carriers, gateways and other exchanges."""

from __future__ import annotations

from softswitch.cli.nouns import noun

trunk = noun(
    "trunk",
    about="Trunks to carriers, gateways and other exchanges.",
    columns=("name", "addresses", "allow_from", "transport", "registrar", "max_calls", "created_by"),
    sample="carrier",
    sample_options="--addresses 192.0.2.10:5060 --allow-from 192.0.2.0/28",
)
