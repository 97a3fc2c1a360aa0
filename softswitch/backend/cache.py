"""Answers that are used again for a while."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

MOST_CHARACTERS = 4_000_000
"""Of all answers of one back-end together; the oldest make way."""


class AnswerCache:
    """Answers to GETs by path, for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[float, Any, int]] = OrderedDict()
        self._characters = 0

    def get(self, path: str, now: float) -> tuple[bool, Any]:
        """Whether there is an answer, and which."""
        until, value, _ = self._kept.get(path, (0.0, None, 0))
        return now < until, value

    def put(self, path: str, value: Any, now: float) -> None:
        if not self._seconds:
            return
        self._drop(path)
        size = len(path) + len(json.dumps(value))
        self._kept[path] = (now + self._seconds, value, size)
        self._characters += size
        while self._characters > MOST_CHARACTERS:
            self._drop(next(iter(self._kept)))

    def _drop(self, path: str) -> None:
        self._characters -= self._kept.pop(path, (0.0, None, 0))[2]
