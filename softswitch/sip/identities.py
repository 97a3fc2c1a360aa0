"""Header values that are an address with parameters: who called, for whom, by which way, where to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from softswitch.sip.headers import BadMessage, decimal, unquote
from softswitch.sip.uri import Address, Uri
from softswitch.sip.values import NUMBER_LIMIT, Params, Replaces


@dataclass(frozen=True, slots=True)
class AddressValue:
    """`address` is the name-addr; its `params` are those of the header."""

    NAME: ClassVar[str] = ""
    address: Address

    @classmethod
    def parse(cls, text: str) -> Self:
        if not text.isprintable():
            raise BadMessage(400, f"Bad {cls.NAME}")
        return cls(Address.parse(text))

    @property
    def uri(self) -> Uri:
        return self.address.uri

    @property
    def display(self) -> str:
        return self.address.display

    @property
    def params(self) -> Params:
        return self.address.params

    def param(self, name: str) -> str | None:
        value = self.address.param(name)
        return unquote(value) if value else value

    def __str__(self) -> str:
        return str(self.address)


class Contact(AddressValue):
    """RFC 3261 §20.10; `expires` and `q` are -1 where there is none."""

    __slots__ = ()
    NAME = "Contact"

    @property
    def expires(self) -> int:
        return decimal(self.param("expires") or "", NUMBER_LIMIT)

    @property
    def q(self) -> float:
        """Preference from 0 to 1 in steps of 0.001."""
        whole, _, part = (self.param("q") or "x").partition(".")
        thousandths = decimal(f"{whole or '0'}{part[:3]:0<3}", 1000)
        return thousandths / 1000 if thousandths >= 0 else -1.0

    @property
    def instance(self) -> str:
        """The URN of +sip.instance (RFC 5626), '' if there is none."""
        return (self.param("+sip.instance") or "").strip("<>")


class ReferTo(AddressValue):
    """RFC 3515 §2.1. The URI may carry a method and a Replaces header (RFC 3891, 5589)."""

    __slots__ = ()
    NAME = "Refer-To"

    @property
    def method(self) -> str:
        return (self.uri.param("method") or "INVITE").upper()

    @property
    def replaces(self) -> Replaces | None:
        """Raises BadMessage if it has one that cannot be read."""
        text = self.uri.header("Replaces")
        return None if text is None else Replaces.parse(text)


class ReferredBy(AddressValue):
    """RFC 3892."""

    __slots__ = ()
    NAME = "Referred-By"


class AssertedIdentity(AddressValue):
    """RFC 3325 §9.1."""

    __slots__ = ()
    NAME = "P-Asserted-Identity"


class PreferredIdentity(AddressValue):
    __slots__ = ()
    NAME = "P-Preferred-Identity"


class RemotePartyId(AddressValue):
    """The draft that RFC 3325 replaced, still sent by many: `party`, `privacy`, `screen`."""

    __slots__ = ()
    NAME = "Remote-Party-ID"

    @property
    def party(self) -> str:
        return (self.param("party") or "").lower()

    @property
    def privacy(self) -> str:
        return (self.param("privacy") or "off").lower()

    @property
    def screened(self) -> bool:
        return (self.param("screen") or "").lower() == "yes"


class Diversion(AddressValue):
    """RFC 5806; `counter` is 1 where there is none."""

    __slots__ = ()
    NAME = "Diversion"

    @property
    def reason(self) -> str:
        return (self.param("reason") or "unknown").lower()

    @property
    def counter(self) -> int:
        return max(decimal(self.param("counter") or "", 999), 1)


class HistoryEntry(AddressValue):
    """One entry of History-Info (RFC 7044); `index` as it stands, e.g. 1.1.2."""

    __slots__ = ()
    NAME = "History-Info"

    @property
    def index(self) -> str:
        return self.param("index") or ""


class Path(AddressValue):
    """RFC 3327."""

    __slots__ = ()
    NAME = "Path"
