"""The catalogue of end reasons: complete, consistent, and safe to put on the wire."""

from __future__ import annotations

import pytest

from softswitch.acd.matching import PAUSE_S
from softswitch.reasons import REASONS, from_status, offer_outcome, reason

REPORTED = (
    "normal_hang_up_caller normal_hang_up_agent flow_finished abandoned_in_queue abandoned_in_flow "
    "abandoned_in_ring queue_timeout queue_full no_agents number_not_found user_not_registered user_busy "
    "user_no_answer user_rejected agent_no_answer agent_rejected agent_busy agent_unreachable "
    "caller_cancelled authentication_failed forbidden not_acceptable_media bad_request overload "
    "media_unavailable no_ports transport_failed no_ack switch_restarted administrative_hang_up "
    "supervisor_hang_up trunk_failed trunk_limit max_duration rtp_timeout shutting_down internal_error"
).split()


def test_codes_that_reports_group_by_stay() -> None:
    assert set(REPORTED) <= set(REASONS)


@pytest.mark.parametrize("each", REASONS.values(), ids=lambda each: each.code)
def test_every_reason_is_complete(each: object) -> None:
    found = REASONS[each.code]  # type: ignore[attr-defined]
    assert found is each
    assert found.outcome in ("answered", "completed", "abandoned", "rejected", "failed")
    assert found.status == 200 or 400 <= found.status <= 699
    assert (found.status == 200) == (found.outcome in ("answered", "completed"))
    assert 1 <= found.q850 <= 127
    assert found.help.endswith(".") and len(found.help) > 20
    assert '"' not in found.text and found.text.isascii() and found.text.isprintable()


def test_header_is_that_of_rfc_3326() -> None:
    assert REASONS["user_busy"].header() == 'Q.850;cause=17;text="User busy"'


def test_every_final_status_has_a_reason_and_common_ones_their_own() -> None:
    for status in range(300, 700):
        assert from_status(status).outcome in ("rejected", "failed", "abandoned")
    assert [from_status(status).code for status in (302, 404, 486, 488, 503, 599, 603)] == [
        "redirected", "number_not_found", "user_busy", "not_acceptable_media", "overload", "trunk_failed",
        "user_rejected"]


def test_offers_end_in_an_outcome_that_the_acd_knows() -> None:
    assert {offer_outcome(status) for status in range(300, 700)} == {
        "busy", "rejected", "no_answer", "unreachable"}
    assert [offer_outcome(status) for status in (486, 603, 480, 404)] == [
        "busy", "rejected", "no_answer", "unreachable"]
    assert all(f"agent_{outcome}" in REASONS for outcome in (*PAUSE_S, "no_answer"))


def test_an_unknown_code_is_an_internal_error() -> None:
    assert reason("from_a_newer_version").code == "internal_error"
    assert reason("no_ack").code == "no_ack"
