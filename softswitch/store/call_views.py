"""Facts about calls, their legs, queue visits, offers and recordings as rows.

Every function is idempotent where a fact may come twice, as after a restart of the switch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from softswitch.store import rollups
from softswitch.store.told import Told

_SIDES = ("left", "right")
_COUNTERS = ("expected", "received", "concealed", "late")


def call_started(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    db.execute(
        "INSERT OR IGNORE INTO calls (call, tenant, node, sip_call_id, direction, source, from_number,"
        " to_number, started_at, withheld, recordings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (of["call"], fact.tenant, fact.node, of.get("sip_call_id"), of.get("direction"), of.get("source"),
         of.get("from_number"), of.get("to_number"), fact.at, 1 if of.get("withheld") else None))


def call_answered(db: sqlite3.Connection, fact: Told) -> None:
    db.execute("UPDATE calls SET answered_at = coalesce(answered_at, ?) WHERE call = ?",
               (fact.at, fact.of["call"]))


def flow_entered(db: sqlite3.Connection, fact: Told) -> None:
    db.execute("UPDATE calls SET flow = ? WHERE call = ?", (fact.of.get("flow"), fact.of["call"]))


def flow_step(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    rollups.count_step(db, of["call"], of.get("flow"), of.get("step"), fact.at)
    db.execute("INSERT INTO flow_steps VALUES (?, ?, ?, ?, ?)",
               (fact.position, of["call"], of.get("flow"), of.get("step"), fact.at))


def call_queued(db: sqlite3.Connection, fact: Told) -> None:
    """A new visit, unless the call is already waiting in this queue: a restart may tell it again."""
    call, queue = fact.of["call"], fact.of["queue"]
    last = db.execute("SELECT visit, queue, left_at FROM queue_calls WHERE call = ?"
                      " ORDER BY visit DESC LIMIT 1", (call,)).fetchone()
    if last is not None and last[1] == queue and last[2] is None:
        return
    visit = 1 if last is None else last[0] + 1
    db.execute("INSERT INTO queue_calls (call, visit, queue, priority, queued_at, offers, repeated)"
               " VALUES (?, ?, ?, ?, ?, 0, ?)",
               (call, visit, queue, fact.of.get("priority", 0), fact.at - fact.of.get("waited_s", 0.0),
                int("callback" not in fact.of and rollups.has_visited(db, call, queue, fact.at))))
    db.execute("UPDATE calls SET queue = ? WHERE call = ?", (queue, call))


def queue_left(db: sqlite3.Connection, fact: Told) -> None:
    """Also after the call's end, which closes a visit with less knowledge of it."""
    of, call = fact.of, fact.of["call"]
    visit = db.execute("SELECT visit, left_at FROM queue_calls WHERE call = ? AND queue = ?"
                       " ORDER BY visit DESC LIMIT 1", (call, of["queue"])).fetchone()
    if visit is None:
        return
    if visit[1] is not None:
        rollups.count_visit(db, call, visit[0], -1)
    db.execute(
        "UPDATE queue_calls SET left_at = ?, outcome = ?, reason = ?, waited_s = coalesce(?, ? - queued_at),"
        " service_level_s = ?, skills = ? WHERE call = ? AND visit = ?",
        (fact.at, of.get("outcome"), of.get("reason"), of.get("waited_s"), fact.at,
         of.get("service_level_s"), " ".join(of.get("skills") or ()) or None, call, visit[0]))
    rollups.count_visit(db, call, visit[0])


def offer_made(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    visit = _visit(db, of["call"], of["queue"])
    db.execute("INSERT INTO offers (log_position, offer, call, visit, queue, agent, offered_at)"
               " VALUES (?, ?, ?, ?, ?, ?, ?)",
               (fact.position, of["offer"], of["call"], visit, of["queue"], of["agent"], fact.at))
    db.execute("UPDATE queue_calls SET offers = offers + 1 WHERE call = ? AND visit = ?", (of["call"], visit))


def offer_ended(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    ended = db.execute(
        "UPDATE offers SET ended_at = ?, outcome = ?, reason = ?, ring_s = coalesce(?, ? - offered_at)"
        " WHERE log_position = (SELECT max(log_position) FROM offers WHERE call = ? AND offer = ?"
        " AND ended_at IS NULL) RETURNING agent, queue, offered_at, outcome, ring_s",
        (fact.at, of.get("outcome"), of.get("reason"), of.get("ring_s"), fact.at, of["call"],
         of["offer"])).fetchone()
    if ended is not None:
        rollups.count_offer(db, *ended)
    if of.get("outcome") == "accepted":
        db.execute("UPDATE queue_calls SET agent = ? WHERE call = ? AND visit = ?",
                   (of["agent"], of["call"], _visit(db, of["call"], of["queue"])))


def leg_started(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    made = db.execute(
        "INSERT OR IGNORE INTO legs (call, leg, direction, address, user, agent, trunk, started_at,"
        " sip_call_id, started_mono, started_boot) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (of["call"], of["leg"], of.get("direction"), of.get("address"), of.get("user"), of.get("agent"),
         of.get("trunk"), fact.at, of.get("sip_call_id"), fact.mono, fact.boot))
    if made.rowcount == 1 and of.get("trunk") is not None:
        rollups.count_leg(db, of["trunk"], of.get("direction"), fact.at)
    if of.get("direction") == "inbound":
        db.execute("UPDATE calls SET caller_leg = coalesce(caller_leg, ?) WHERE call = ?",
                   (of["leg"], of["call"]))


def leg_answered(db: sqlite3.Connection, fact: Told) -> None:
    answered = db.execute(
        "UPDATE legs SET answered_at = ? WHERE call = ? AND leg = ? AND answered_at IS NULL"
        " RETURNING trunk, started_at", (fact.at, fact.of["call"], fact.of["leg"])).fetchone()
    if answered is not None and answered[0] is not None:
        rollups.count_answer(db, *answered)


def leg_ended(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    _end_leg(db, fact, of["call"], of["leg"], of.get("reason"), of.get("ended_by"))


def _end_leg(
    db: sqlite3.Connection, fact: Told, call: str, leg: str, reason: str | None, ended_by: str | None = None
) -> None:
    """Who ended it is told once, and may be told after the call's own end has closed the leg."""
    ended = db.execute(
        "UPDATE legs SET ended_at = ?1, seconds = round(CASE WHEN started_boot = ?2 THEN ?3 - started_mono"
        " ELSE max(0, ?1 - started_at) END, 3), started_mono = NULL, started_boot = NULL"
        " WHERE call = ?4 AND leg = ?5 AND ended_at IS NULL RETURNING trunk, started_at, seconds",
        (fact.at, fact.boot, fact.mono, call, leg)).fetchone()
    db.execute("UPDATE legs SET reason = ?, ended_by = coalesce(?, ended_by) WHERE call = ? AND leg = ?",
               (reason, ended_by, call, leg))
    if ended is not None and ended[0] is not None:
        rollups.count_trunk_time(db, *ended)


def leg_moved(db: sqlite3.Connection, fact: Told) -> None:
    """A leg goes on in another call; in the former one it ends with that."""
    of = fact.of
    db.execute(
        "INSERT OR IGNORE INTO legs"
        " (call, leg, direction, address, user, agent, trunk, started_at, answered_at, started_mono,"
        " started_boot)"
        " SELECT ?1, leg, direction, address, user, agent, trunk, ?2, ?2, ?3, ?4 FROM legs"
        " WHERE call = ?5 AND leg = ?6",
        (of["call"], fact.at, fact.mono, fact.boot, of["from_call"], of["leg"]))
    _end_leg(db, fact, of["from_call"], of["leg"], "transferred")


def call_bridged(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    db.execute(
        "UPDATE legs SET bridged_at = coalesce(bridged_at, ?), agent = coalesce(?, agent),"
        " user = coalesce(?, user), queue = coalesce(?, queue) WHERE call = ? AND leg = ?",
        (fact.at, of.get("agent"), of.get("user"), of.get("queue"), of["call"], of.get("leg")))
    db.execute("UPDATE legs SET bridged_at = coalesce(bridged_at, ?) WHERE call = ? AND leg = ?",
               (fact.at, of["call"], of.get("caller")))
    db.execute("UPDATE calls SET agent = coalesce(?, agent), queue = coalesce(?, queue),"
               " caller_leg = coalesce(?, caller_leg) WHERE call = ?",
               (of.get("agent"), of.get("queue"), of.get("caller"), of["call"]))


def bridge_ended(db: sqlite3.Connection, fact: Told) -> None:
    """A leg may be bridged several times: what was talked adds up, on either side."""
    of = fact.of
    db.execute("UPDATE legs SET talk_s = coalesce(talk_s, 0) + ? WHERE call = ? AND leg IN (?, ?)",
               (of["talk_s"], of["call"], of.get("leg"), of.get("caller")))


def transfer_started(db: sqlite3.Connection, fact: Told) -> None:
    """The call is from now on that of the party who stays."""
    db.execute("UPDATE calls SET caller_leg = coalesce(?, caller_leg) WHERE call = ?",
               (fact.of.get("stays"), fact.of["call"]))


def recording_started(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    db.execute(
        "INSERT OR IGNORE INTO recordings (recording, call, agent, queue, path, left_leg, right_leg,"
        " started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (of["recording"], of["call"], of.get("agent"), of.get("queue"), of.get("path"), of.get("left_leg"),
         of.get("right_leg"), fact.at))
    _count_recordings(db, of["call"])


def recording_finished(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    recording = of["recording"]
    db.execute("INSERT OR IGNORE INTO recordings (recording, call) VALUES (?, ?)", (recording, of["call"]))
    columns = {"path": of.get("path"), "seconds": of.get("seconds"), "error": of.get("error"),
               "finished_at": fact.at, **_packets(of)}
    assignments = ", ".join(f"{name} = coalesce(?, {name})" for name in columns)
    db.execute(f"UPDATE recordings SET {assignments} WHERE recording = ?", (*columns.values(), recording))
    _count_recordings(db, of["call"])


def call_ended(db: sqlite3.Connection, fact: Told) -> None:
    """The CDR is complete; whatever of the call is still open ends with it. The first end counts."""
    of = fact.of
    call = of["call"]
    db.execute("INSERT OR IGNORE INTO calls (call, tenant, node, started_at, recordings)"
               " VALUES (?, ?, ?, ?, 0)",
               (call, fact.tenant, fact.node, fact.at - (of.get("duration_s") or 0)))
    ended = db.execute("UPDATE calls SET ended_at = ? WHERE call = ? AND ended_at IS NULL", (fact.at, call))
    if ended.rowcount == 0:
        return
    _close_open_parts(db, fact)
    db.execute(
        "UPDATE calls SET outcome = ?, reason = ?, ended_by = ?, queue = coalesce(?, queue),"
        " agent = coalesce(?, agent), duration_s = coalesce(?, max(0, ended_at - started_at)),"
        " wait_s = coalesce(?, (SELECT total(waited_s) FROM queue_calls q WHERE q.call = calls.call)),"
        " talk_s = coalesce(?, (SELECT total(talk_s) FROM legs WHERE legs.call = calls.call"
        " AND leg IS NOT caller_leg)) WHERE call = ?",
        (of.get("outcome"), of.get("reason"), of.get("ended_by"), of.get("queue"), of.get("agent"),
         of.get("duration_s"), of.get("wait_s"), of.get("talk_s"), call))
    rollups.count_call(db, call)


def _close_open_parts(db: sqlite3.Connection, fact: Told) -> None:
    call, at, reason = fact.of["call"], fact.at, fact.of.get("reason")
    left = "abandoned" if fact.of.get("outcome") == "abandoned" else "withdrawn"
    visits = db.execute(
        "UPDATE queue_calls SET left_at = ?, outcome = ?, reason = ?, waited_s = max(0, ? - queued_at)"
        " WHERE call = ? AND left_at IS NULL RETURNING visit", (at, left, reason, at, call)).fetchall()
    for (visit,) in visits:
        rollups.count_visit(db, call, visit)
    for (leg,) in db.execute("SELECT leg FROM legs WHERE call = ? AND ended_at IS NULL ORDER BY leg",
                             (call,)).fetchall():
        _end_leg(db, fact, call, leg, reason)
    offers = db.execute(
        "UPDATE offers SET ended_at = ?, outcome = 'withdrawn', reason = ?, ring_s = max(0, ? - offered_at)"
        " WHERE call = ? AND ended_at IS NULL RETURNING agent, queue, offered_at, outcome, ring_s",
        (at, reason, at, call)).fetchall()
    for offer in offers:
        rollups.count_offer(db, *offer)


def call_transferred(db: sqlite3.Connection, fact: Told) -> None:
    kind, _, user = str(fact.of.get("by")).partition(":")
    if kind == "user":
        rollups.count_transfer(db, fact.of["call"], user, fact.at)


def _visit(db: sqlite3.Connection, call: str, queue: str) -> int | None:
    """The call's latest visit to the queue."""
    found = db.execute("SELECT max(visit) FROM queue_calls WHERE call = ? AND queue = ?", (call, queue))
    visit: int | None = found.fetchone()[0]
    return visit


def _count_recordings(db: sqlite3.Connection, call: str) -> None:
    db.execute("UPDATE calls SET recordings = (SELECT count(*) FROM recordings r WHERE r.call = calls.call)"
               " WHERE call = ?", (call,))


def _packets(of: Mapping[str, Any]) -> dict[str, Any]:
    """Packets by side and counter as columns; None where the recorder did not say."""
    return {f"{side}_{counter}": counts.get(side)
            for counter in _COUNTERS if isinstance(counts := of.get(counter), dict)
            for side in _SIDES}
