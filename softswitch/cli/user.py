"""softswitch user: people with phones."""

from __future__ import annotations

import secrets
from typing import Any

from softswitch.cli.nouns import noun


def _password(request: dict[str, Any]) -> str:
    """A new user without a password gets a random one."""
    fields = request["fields"]
    if request["verb"] == "set" or "password" in fields:
        return ""
    fields["password"] = secrets.token_urlsafe(12)
    return f"Password of {fields['name']}: {fields['password']} (shown only now)"


user = noun(
    "user",
    about="People with phones: their SIP name, password and permissions.",
    columns=("name", "display", "permissions", "needs_password", "created_by"),
    sample="alice",
    sample_options="--display Alice --permissions supervise",
    without=("ha1", "realm"),
    prepare=_password,
)
