"""The file of secrets that must be known in clear: passwords towards trunks, PINs, keys of webhooks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


def read_secrets(path: Path) -> dict[str, str]:
    """'trunk/NAME' or 'agent/NAME' to secret; empty without a file. OSError, ValueError when damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    secrets = json.loads(text)
    if not isinstance(secrets, dict):
        raise ValueError(f"{path} holds no secrets; restore it from a backup, or remove it and apply again")
    return secrets


def write_secrets(path: Path, secrets: Mapping[str, str]) -> None:
    """Replace the file as a whole, readable by its owner only; OSError leaves the old one in place."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(secrets), file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
