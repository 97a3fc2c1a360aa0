"""Which facts each role may see. What is in none of the tables is for admins and auditors."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache

OWN = frozenset(
    "call_started call_answered call_ended call_queued queue_left call_data_set screen_pop "
    "leg_started leg_ringing leg_answered leg_ended leg_held leg_resumed leg_moved leg_replaced "
    "call_bridged bridge_ended transfer_started transfer_failed call_transferred call_taken_over "
    "call_parked call_retrieved call_picked_up call_redirected call_forwarded caller_returned "
    "flow_transferred conference_joined conference_left conference_muted conference_unmuted emergency_call "
    "recording_started recording_paused recording_resumed recording_finished recording_consent "
    "offer_made offer_ended disposition_set agent_signed_in agent_signed_out agent_status_changed "
    "agent_state_changed agent_phone_changed wrap_up_started wrap_up_extended wrap_up_ended "
    "forwarding_set mailbox_changed".split()
)
"""Everybody but auditors of the configuration: agents theirs, the other roles all of them. Nothing here
tells an agent who listens to them: that is for the centre to show (supervision.agent_sees)."""
FLOOR = frozenset(
    "flow_entered flow_step timeline_step routing_decided wait_estimated wait_estimate_judged "
    "call_prioritised overflow_refused survey_answered long_silence talk_over "
    "supervision_started supervision_ended backend_answered announcement_made "
    "callback_offered callback_declined callback_asked_again callback_kept callback_edited callback_changed "
    "queue_configured queue_opened queue_closed queue_removed agent_configured agent_removed "
    "message_recorded message_passed message_left message_heard message_deleted greeting_recorded "
    "recording_classified trunk_registration trunk_target overload_began overload_ended".split()
)
"""What queues, flows, supervisors and trunks do."""
LEADING = frozenset(
    "alarm_raised action_taken action_undone calling_refused backend_server_changed "
    "contact_registered contact_removed switch_started".split()
)
AUDIT = frozenset(
    "configuration_changed api_login api_login_failed command_done subject_erased state_kept "
    "recording_played recording_exported recording_held recording_released recording_erased "
    "address_banned address_released registration_refused pin_refused invariant_broken facts_lost".split()
)
KNOWN = OWN | FLOOR | LEADING | AUDIT
SEEN = {
    "agent": OWN,
    "quality": OWN | FLOOR,
    "supervisor": OWN | FLOOR | LEADING,
    "admin": KNOWN,
    "auditor": KNOWN,
}
UNLISTED = frozenset(("admin", "auditor"))


@lru_cache(maxsize=10_000)
def shown(role: str, patterns: tuple[str, ...], type: str) -> bool:
    """Whether facts of this type are for this role, and among those it asks for (`call_*`; none: all)."""
    allowed = type in SEEN[role] if type in KNOWN else role in UNLISTED
    return allowed and (not patterns or any(fnmatchcase(type, each) for each in patterns))


def meant(role: str, pattern: str) -> bool:
    """Whether there are facts for this role that the pattern means."""
    return any(fnmatchcase(type, pattern) for type in SEEN[role])
