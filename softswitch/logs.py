"""What every process writes to standard error: one form, text or JSON lines, without secrets and, by
setting, without telephone numbers.

The parent puts the settings into the environment, where each process finds them; one that is started by hand
writes text.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.config.node import Log

ENVIRONMENT = "SOFTSWITCH_LOG"
NODE = "SOFTSWITCH_NODE"
TEXT = "%(asctime)s {process} %(levelname)s %(message)s"
ALARM = "alarm"
"""Code of the alarm that a line tells, as attribute of a record; `call`: id of the call that it is about."""

# A telephone number stands alone: what is part of a word, a path, an address or a date is none.
_NUMBER = re.compile(r"(?<![\w./-])\+?[0-9]{6,20}(?![\w]|[./-]\w)")
_SECRETS = re.compile(
    r"(?i)\b(?P<name>(?:proxy-)?authorization\s*[:=]\s*|bearer\s+|(?:password|passwd|secret|pin|ha1)[\"']?\s*[:=]\s*[\"']?)"
    r"(?P<value>(?:digest|bearer|basic)\s[^\r\n\\]+|[^\s\"'\\,;&]+)"
)
_TOKENS = re.compile(r"\bss[ks]_[A-Za-z0-9_-]{8,}")


def settings(log: Log, node: str) -> dict[str, str]:
    """The variables of the environment by which a process and those that it starts know how to log."""
    return {ENVIRONMENT: f"{log.format} {log.mask_numbers} {log.level}", NODE: node}


def configure(process: str, level: str = "info", *, text: str = TEXT) -> None:
    """Set up the log of this process, once. `level` counts where the parent has not said one; `text` is the
    form of a line that is not JSON."""
    form, mask, level = os.environ.get(ENVIRONMENT, f"text middle {level}").split()
    formatter: logging.Formatter
    if form == "json":
        formatter = JsonLines(process, os.environ.get(NODE, ""), mask)
        sys.excepthook = _told
    else:
        formatter = Text(text.replace("{process}", process), mask)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def alarm(code: str, message: str) -> None:
    """A line for an alarm."""
    logging.getLogger(__name__).error("alarm %s: %s", code, message, extra={ALARM: code})


def of_part(part: str) -> dict[str, str]:
    """`extra` of a line about a part of a call (leg, recording), whose id begins with that of the call."""
    call, dot, _ = part.partition(".")
    return {"call": call} if dot else {}


def clean(text: str, mask: str) -> str:
    """Without secrets, and with telephone numbers as `mask` says: none, middle or all."""
    text = _TOKENS.sub("***", _SECRETS.sub(r"\g<name>***", text))
    return text if mask == "none" else _NUMBER.sub(lambda found: masked(found[0], mask), text)


def masked(number: str, mask: str) -> str:
    """A telephone number: `middle` leaves begin and end, which tell numbers apart but do not tell them."""
    if mask == "none":
        return number
    shown = 0 if mask == "all" else 2
    begin = shown + number.startswith("+") + (2 if shown and len(number) > 8 else 0)
    return number[:begin] + "*" * (len(number) - begin - shown) + number[len(number) - shown :]


class Text(logging.Formatter):
    """Lines for people."""

    def __init__(self, form: str, mask: str) -> None:
        super().__init__(form)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        call = getattr(record, "call", None)
        line = clean(super().format(record), self._mask)
        return f"{line} call={call}" if call else line


class JsonLines(logging.Formatter):
    """One object in each line: time (UTC), level, process, node, message; call, alarm and error where there
    are such."""

    def __init__(self, process: str, node: str, mask: str) -> None:
        super().__init__()
        self._same = {"process": process, "node": node}
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{at}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            **self._same,
            "message": clean(record.getMessage(), self._mask),
        }
        for name in ("call", ALARM):
            value = getattr(record, name, None)
            if value:
                line[name] = value
        if record.exc_info:
            line["error"] = clean(self.formatException(record.exc_info), self._mask)
        return json.dumps(line, ensure_ascii=False)


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends a process is a line like all others."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(__name__).critical("ended by an error", exc_info=(kind, error, trace))
