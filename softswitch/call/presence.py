"""Presence of users: reachable or not, and whether they are on the phone (RFC 3856, RFC 3863, RFC 4480)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.lamps import clean
from softswitch.sip.notifier import Package

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.sip.notifier import Watch

PRESENCE = Package("application/pidf+xml")


def document(exchange: Exchange, watch: Watch) -> bytes | None:
    """The whole state, or None if the watcher knows it. `closed` means that no phone is registered."""
    user = watch.resource.partition("/")[2]
    legs = exchange.watching.lamps.legs_of(user)
    if any(leg.state == "answered" for leg in legs):
        note, activity = "On the phone", "<rpid:on-the-phone/>"
    elif legs:
        note, activity = "Ringing", "<rpid:on-the-phone/>"
    elif not exchange.forwards.may_ring(exchange.centre, user):
        note, activity = "Do not disturb", "<rpid:busy/>"
    else:
        note, activity = "", ""
    reachable = exchange.registrar.has_contacts(user)
    told = (note, reachable)
    if watch.told == told:
        return None
    watch.told = told
    watch.version += 1
    note = note or ("Available" if reachable else "Offline")
    entity = clean(f"sip:{user}@{exchange.sip_host}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{entity}">\r\n'
        f'<tuple id="phone"><status><basic>{"open" if reachable else "closed"}</basic></status>'
        f"<note>{note}</note></tuple>\r\n"
        f'<dm:person id="user"><rpid:activities>{activity or "<rpid:unknown/>"}</rpid:activities>'
        f"<dm:note>{note}</dm:note></dm:person>\r\n</presence>\r\n"
    ).encode()
