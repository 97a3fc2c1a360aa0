"""Asking a phone to answer by itself when a queue offers its agent a call, or its user has asked for one.

There is one standard, and there are two habits that most phones know; who does not know one ignores it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.party import Party


def answer_lines(exchange: Exchange, party: Party) -> str:
    """The header lines of the INVITE (RFC 5373 §4.2, Call-Info answer-after, Alert-Info); '' for no queue's
    offer, and where neither agent nor user want it."""
    if party.agent is None or party.kind != "user" or not _wanted(exchange, party.agent, party.name):
        return ""
    return asking(exchange)


def asking(exchange: Exchange) -> str:
    """The header lines themselves."""
    host = exchange.sip_host
    named = f"[{host}]" if ":" in host else host
    return (
        "Answer-Mode: Auto\r\n"
        f"Call-Info: <sip:{named}>;answer-after=0\r\n"
        f"Alert-Info: <http://{named}>;info=alert-autoanswer;delay=0\r\n"
    )


def _wanted(exchange: Exchange, agent: str, user: str) -> bool:
    """The agent's setting goes before that of the user."""
    own, phones = exchange.centre.agents.get(agent), exchange.centre.users.get(user)
    if own is not None and own.auto_answer is not None:
        return own.auto_answer
    return phones is not None and phones.auto_answer
