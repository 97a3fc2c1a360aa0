"""What the columns of each report are: type and meaning. docs/reports.md says how they are counted."""

from __future__ import annotations

from typing import Any

Columns = dict[str, tuple[Any, str]]
Share = float | None
Mean = float | None

INTERVAL = (str | None, "Beginning of the interval in local time; only where intervals are asked for.")

_WAITED: Columns = {
    "offered": (int, "Calls that entered the queue and have left it."),
    "answered": (int, "Of these answered by an agent."),
    "abandoned": (int, "The caller hung up."),
    "short_abandoned": (int, "Of the abandoned those who waited 5 s at most."),
    "sent_on": (int, "The queue gave up, or the call was transferred."),
    "repeated": (int, "The same number was there within the 24 hours before."),
    "service_level": (Share, "Answered in time, divided by offered less short_abandoned; 0 to 1."),
    "abandon_rate": (Share, "Abandoned less short, divided by offered less short; 0 to 1."),
    "wait_s": (Mean, "Mean waiting of all, seconds."),
    "speed_of_answer_s": (Mean, "Mean waiting of the answered, seconds."),
    "wait_p50_s": (Mean, "Waiting that half of the answered did not exceed, seconds."),
    "wait_p90_s": (Mean, "Waiting that 90 % of the answered did not exceed, seconds."),
    "wait_p95_s": (Mean, "Waiting that 95 % of the answered did not exceed, seconds."),
    "wait_max_s": (Mean, "Longest waiting of all, seconds."),
    "abandon_s": (Mean, "Mean waiting of the abandoned, seconds."),
}
_HANDLED: Columns = {
    "talk_s": (Mean, "Talking by call answered, seconds."),
    "hold_s": (Mean, "Hold by call answered, seconds."),
    "wrap_up_s": (Mean, "Wrap-up by call answered, seconds."),
    "handle_s": (Mean, "Talking, hold, transfers and wrap-up by call answered, seconds."),
    "transfers": (int, "Calls that the agents transferred."),
}
_SATISFACTION: Columns = {
    "satisfaction": (Share, "Answers of at least 4, of 1 to 5, divided by all answers; 0 to 1.")
}

REPORT_COLUMNS: dict[str, Columns] = {
    "queues": {"queue": (str, "The queue."), **_WAITED, **_HANDLED, **_SATISFACTION},
    "skills": {"skill": (str, "The skill."), **_WAITED},
    "agents": {
        "agent": (str, "The agent."),
        "offers": (int, "Calls offered."),
        "answered": (int, "Of these taken."),
        "missed": (int, "Not answered or not reached."),
        "refused": (int, "Rejected or busy."),
        **_HANDLED,
        "signed_in_s": (float, "Time signed in, seconds."),
        "available_s": (float, "Time available and idle, seconds."),
        "break_s": (float, "Time on break, seconds."),
        "occupancy": (
            Share,
            "Time ringing, talking and in wrap-up, divided by time available or in one of these.",
        ),
        **_SATISFACTION,
    },
    "trunks": {
        "trunk": (str, "The trunk."),
        "legs": (int, "Legs in both directions."),
        "inbound": (int, "Legs that called us."),
        "outbound": (int, "Legs that we called."),
        "answered": (int, "Of these answered."),
        "answer_rate": (Share, "Answered, divided by legs; 0 to 1."),
        "seconds": (float, "Time of legs that are over, seconds."),
        "erlangs": (float, "Seconds, divided by the seconds of the interval: the mean number of legs."),
        "most_at_once": (int, "Most legs there were when one began."),
    },
    "numbers": {
        "to_number": (str, "The number that was called."),
        "calls": (int, "Calls that are over."),
        "talked": (int, "Of these with a person."),
        "abandoned": (int, "Of these abandoned."),
        "repeated": (int, "The same number called it within the 24 hours before."),
        "wait_s": (float, "Time in queues, seconds."),
        "talk_s": (float, "Time with a person, seconds."),
    },
    "flows": {
        "flow": (str, "The flow."),
        "step": (str, "The step."),
        "times": (int, "How often it was reached."),
        "calls": (int, "By how many calls."),
    },
    "reasons": {
        "reason": (str, "End reason."),
        "outcome": (str, "Outcome of the calls."),
        "calls": (int, "Calls that ended so."),
        "mean_wait_s": (Mean, "Mean time in queues, seconds."),
        "mean_talk_s": (Mean, "Mean time with a person, seconds."),
    },
    "estimates": {
        "queue": (str, "The queue."),
        "judged": (int, "Answered calls of which a range had been estimated."),
        "hit_rate": (Share, "Share of these whose waiting lay in the range; 0 to 1."),
        "shorter_rate": (Share, "Share whose waiting was shorter; 0 to 1."),
        "longer_rate": (Share, "Share whose waiting was longer; 0 to 1."),
        "width_s": (Mean, "Mean width of the ranges, seconds."),
        "speed_of_answer_s": (Mean, "Mean waiting of the judged, seconds."),
    },
    "surveys": {
        "queue": (str, "The queue; empty: none."),
        "question": (str, "The question."),
        "answers": (int, "Answers."),
        "mean_score": (Mean, "Mean of the answers, 1 to 5."),
        **_SATISFACTION,
    },
    "dispositions": {
        "queue": (str, "The queue; empty: none."),
        "disposition": (str, "The code that agents noted."),
        "calls": (int, "Calls."),
    },
    "timeline": {
        "agent": (str, "The agent."),
        "from_at": (float, "Begin, UTC seconds."),
        "until_at": (float | None, "End, UTC seconds; null: still so."),
        "status": (str | None, "Declared: available, not_available or on_break."),
        "reason": (str | None, "Reason of the status."),
        "state": (str | None, "Seen: idle, reserved, ringing, talking, wrap_up or busy."),
        "call": (str | None, "The call they are busy with."),
        "seconds": (float, "Length, seconds."),
    },
}
