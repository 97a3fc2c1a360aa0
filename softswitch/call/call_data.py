"""Call data: texts by name that a flow, an agent or another program puts on a call, and that stay with it.

The call keeps them through queues, transfers, parking and conferences. Of two calls that become one, the one
that goes on has the texts of both; of two texts with one name, that which was set last. A callback has those
of the call in which its place was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from softswitch.call.outputs import Fact, Keep
from softswitch.config.errors import ConfigError, Problem
from softswitch.ivr.reading import OF_EVERY_FLOW

MOST = 64
"""Texts of one call."""
MOST_BYTES = 4096
"""Of one text, as UTF-8."""
MOST_BYTES_IN_ALL = 16384
"""Of all names and texts of a call."""
LONGEST_NAME = 64


class CallTexts:
    """The texts of one call, in the order in which their names came."""

    def __init__(self, call: str) -> None:
        self._call = call
        self._set: dict[str, tuple[str, float]] = {}

    @property
    def values(self) -> dict[str, str]:
        """A copy: what is changed there changes nothing here."""
        return {name: text for name, (text, _) in self._set.items()}

    def change(
        self, given: Mapping[str, Any], remove: Sequence[str], by: str, now: float, out: list[Any]
    ) -> None:
        """Set and remove texts, all of it or nothing. Raises ConfigError with all that is in the way; to
        remove what is not there is none."""
        problems = [*_wrong(given)]
        if not problems:
            left = {name: text for name, text in self.values.items() if name not in remove}
            problems += _too_much({**left, **given})
        if problems:
            raise ConfigError(problems)
        removed = [name for name in dict.fromkeys(remove) if self._set.pop(name, None) and name not in given]
        changed = {name: text for name, text in given.items() if self.values.get(name) != text}
        self._set |= {name: (text, now) for name, text in given.items()}
        if given or removed:
            self._tell(changed, removed, by, out)

    def take_over(self, other: CallTexts, now: float, out: list[Any]) -> None:
        """The texts of a call that becomes part of this one; those for which there is no room are named in
        the fact."""
        changed: dict[str, str] = {}
        left_out: list[str] = []
        for name, (text, at) in other._set.items():
            mine = self._set.get(name)
            if mine is not None and (mine[1] >= at or mine[0] == text):
                continue
            if [*_too_much({**self.values, name: text})]:
                left_out.append(name)
            else:
                self._set[name], changed[name] = (text, at), text
        if changed or left_out:
            more = {"left_out": left_out} if left_out else {}
            self._tell(changed, [], f"call {other._call}", out, **more)

    def begin(self, values: Mapping[str, str], by: str, now: float, out: list[Any]) -> None:
        """The texts of a call or callback from which this call comes."""
        if values:
            self._set = {name: (text, now) for name, text in values.items()}
            self._tell(values, [], by, out)

    def forget(self, out: list[Any]) -> None:
        """The call is over."""
        if self._set:
            self._set = {}
            out.append(Keep(f"call_data/{self._call}", None))

    def _tell(
        self, changed: Mapping[str, str], removed: Sequence[str], by: str, out: list[Any], **more: Any
    ) -> None:
        told = {"call": self._call, "set": dict(changed), "removed": [*removed], "by": by, **more}
        out.append(Fact("call_data_set", told))
        out.append(Keep(f"call_data/{self._call}", self if self._set else None))

    def to_state(self) -> dict[str, Any]:
        return {name: [*each] for name, each in self._set.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._set = {name: (text, at) for name, (text, at) in state.items()}


def _wrong(given: Mapping[str, Any]) -> Iterator[Problem]:
    for name, text in given.items():
        at = ("set", name)
        if not name.isidentifier() or len(name) > LONGEST_NAME:
            allowed = f"letters, digits and _, at most {LONGEST_NAME}"
            yield Problem(("set",), f"{name[:LONGEST_NAME]!r} is no name of call data; {allowed}")
        elif name in OF_EVERY_FLOW:
            yield Problem(at, f"every flow has this by itself; not allowed: {', '.join(OF_EVERY_FLOW)}")
        elif not isinstance(text, str):
            yield Problem(at, f"{text!r:.40} is no text; give it in quotes, or remove the name")
        elif len(text.encode(errors="replace")) > MOST_BYTES:
            yield Problem(at, f"is too long; allowed: {MOST_BYTES} bytes")
        elif not _is_unicode(text):
            yield Problem(at, "is no text; half of a surrogate pair is in it")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_much(values: Mapping[str, str]) -> Iterator[Problem]:
    if len(values) > MOST:
        yield Problem(("set",), f"the call would have {len(values)} texts; allowed: {MOST}; remove some")
    size = sum(len(name.encode()) + len(text.encode()) for name, text in values.items())
    if size > MOST_BYTES_IN_ALL:
        message = f"the data of the call would have {size} bytes; allowed: {MOST_BYTES_IN_ALL}; remove some"
        yield Problem(("set",), message)
