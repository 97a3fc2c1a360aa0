"""Where the prompts are, and their manifest: language → name → audio file, text, length.

The prompts supplied lie beside the package in the repository and inside it when installed; a directory of
one's own with the same layout replaces them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
MUSIC = "music"
"""Section of the manifest that holds music in place of a language's prompts."""
TONES = "tones"
"""Section of the manifest that holds call progress tones: ringback and busy."""


class PromptsMissing(Exception):
    """There is no usable prompts directory; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One audio file: absolute path, what it says, and its length."""

    path: str
    text: str
    seconds: float


Manifest = dict[str, dict[str, Prompt]]


def prompts_directory(setting: Path | None = None) -> Path:
    """The directory set, or else the prompts supplied. Raises PromptsMissing when it holds no manifest."""
    package = Path(__file__).resolve().parent
    supplied = [package / "ivr_prompts", package.parent / "ivr_prompts"]
    places = supplied if setting is None else [setting.resolve()]
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    raise PromptsMissing(f"no {MANIFEST} in {' or '.join(map(str, places))}")


def load_manifest(directory: Path) -> Manifest:
    """Reads and checks `manifest.json`: every file named exists and lies inside of the directory.

    Raises PromptsMissing.
    """
    path = directory / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PromptsMissing(f"{path}: {error}") from error
    root = directory.resolve()
    try:
        return {
            section: {name: _prompt(root, entry) for name, entry in entries.items()}
            for section, entries in content.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PromptsMissing(
            f'{path}: {error}; allowed: {{"en": {{"welcome": {{"file": …, "text": …, "seconds": …}}}}}}'
        ) from error


def recorded_texts(manifest: Manifest) -> frozenset[str]:
    """What the prompts of all languages say."""
    sections = (prompts for section, prompts in manifest.items() if section not in (MUSIC, TONES))
    return frozenset(prompt.text for prompts in sections for prompt in prompts.values())


def _prompt(root: Path, entry: dict[str, Any]) -> Prompt:
    path = (root / entry["file"]).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{entry['file']} lies outside of the prompts directory")
    if not path.is_file():
        raise ValueError(f"{entry['file']} is missing")
    return Prompt(str(path), str(entry["text"]), float(entry["seconds"]))
