"""The order of our requests in one dialog (RFC 3261 §12.2.1.1, §12.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip.flow import Outputs

if TYPE_CHECKING:
    from softswitch.sip.outgoing import Outgoing


class Sequence:
    """Holds a request back until the one before has had any response.

    A datagram that gets lost would otherwise be overtaken by the next request, and its repetition refused
    with 500 for its lower CSeq: a digit or a hold would be gone.
    """

    # A list, not a deque: there is one in every session, and hardly ever anything in it.
    __slots__ = ("_unheard", "_waiting")

    def __init__(self) -> None:
        self._unheard: Outgoing | None = None
        self._waiting: list[Outgoing] = []

    def send(self, outgoing: Outgoing, now: float, out: Outputs) -> None:
        if self._unheard is not None:
            self._waiting.append(outgoing)
            return
        self._unheard = outgoing
        outgoing.sequence = self
        outgoing.send(now, out)

    def heard(self, outgoing: Outgoing, now: float, out: Outputs) -> None:
        """The peer has seen this one."""
        if outgoing is self._unheard:
            self._unheard = None
            if self._waiting:
                self.send(self._waiting.pop(0), now, out)

    def hasten(self, method: str, now: float, out: Outputs) -> None:
        """Send at once what waits of this method: the dialog's last request is about to leave."""
        for outgoing in [each for each in self._waiting if each.method == method]:
            self._waiting.remove(outgoing)
            outgoing.send(now, out)

    def clear(self) -> None:
        self._waiting.clear()
