"""softswitch api-key: programs that may use the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun, print_result
from softswitch.cli.options import config_option, example, json_option
from softswitch.config.api_key import hash_of, new_token


def _token(request: dict[str, Any]) -> str:
    """A new key without a hash gets a random token, which nobody sees again."""
    fields = request["fields"]
    if request["verb"] == "set" or "sha256" in fields:
        return ""
    return _give_token(fields, request["told"])


def _give_token(fields: dict[str, Any], told: dict[str, Any]) -> str:
    token = told["token"] = new_token()
    fields["sha256"] = hash_of(token)
    return f"Token of {fields['name']}: {token} (shown only now)"


api_key = noun(
    "api_key",
    about="Programs that may use the API: their role and what they are.",
    columns=("name", "role", "tenant", "agent", "user", "expires", "enabled", "created_by"),
    sample="wallboard",
    sample_options="--role supervisor",
    prepare=_token,
)


@api_key.command(epilog=example("softswitch api-key rotate wallboard"))
@click.argument("name")
@config_option
@json_option
def rotate(name: str, config_path: Path | None, as_json: bool) -> None:
    """Give an API key a new token; the former one is refused from now on."""
    fields: dict[str, Any] = {"name": name}
    told: dict[str, Any] = {}
    text = _give_token(fields, told)
    result = call(config_path, "api_key.set", {"fields": fields, "must": "exist"})
    print_result({**result, **told}, text, as_json)
