"""softswitch webhook: programs that are told over HTTP what happens."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from softswitch.cli.nouns import noun

SECRET_BYTES = 32


def _secret(request: dict[str, Any]) -> str:
    """A new webhook without a secret gets a random one."""
    fields = request["fields"]
    if request["verb"] == "set" or fields.get("secret") is not None:
        return ""
    fields["secret"] = request["told"]["secret"] = new_secret()
    return f"Secret of {fields['name']}: {fields['secret']} (shown only now)"


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


webhook = noun(
    "webhook",
    about="Programs that are told over HTTP what happens.",
    columns=("name", "url", "events", "queues", "agents", "enabled", "created_by"),
    sample="crm",
    sample_options="--url https://crm.example.com/events --events 'call_*,agent_*'",
    without=("headers", "secret_headers"),
    prepare=_secret,
)
