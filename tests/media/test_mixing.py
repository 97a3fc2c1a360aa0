"""Who hears whom, sample by sample: conferences, edges, gains, players, and how a leg is kept alive."""

from __future__ import annotations

import numpy as np
import pytest

from softswitch.media import g711
from softswitch.media.legs import BadCommand
from softswitch.media.routing import LEG, UNITY, _factored
from softswitch.media.tones import has_tone, tone
from tests.media.rig import FRAME, Phone, Rig, continuous

TONES = {"a": 400, "b": 700, "c": 1000, "d": 1300}


def speakers(rig: Rig, names: str, amplitude: float = 4000) -> list[Phone]:
    return [rig.phone(name, tone(TONES[name], 1, 8000, amplitude)) for name in names]


def heard_tones(phone: Phone, since: int) -> str:
    """Names of the speakers of whom something is heard."""
    sound = phone.heard(since).astype(float)
    at = np.arange(len(sound)) / 8000
    level = {n: 2 * abs(np.exp(-2j * np.pi * f * at) @ sound) / len(sound) for n, f in TONES.items()}
    return "".join(name for name, amplitude in level.items() if amplitude > 400)


def test_three_in_a_conference_hear_the_others_and_not_themselves(rig: Rig) -> None:
    a, b, c = speakers(rig, "abc")
    rig.bridge("a", "b", "c")
    rig.run(0.2)
    since = rig.run(0.8)
    assert [heard_tones(phone, since) for phone in (a, b, c)] == ["bc", "ac", "ab"]
    assert all(continuous(phone.got) for phone in (a, b, c))


def test_a_mix_is_the_exact_sum_of_the_others(rig: Rig) -> None:
    a, b, c = speakers(rig, "abc")
    rig.bridge("a", "b", "c")
    rig.run(0.6)
    said = {
        p.id: g711.decode(g711.encode(p.says, p.law), p.law).astype(int)
        for p in (a, b)
        if p.says is not None
    }
    heard = c.heard()[1600:2400]
    sums = (np.clip(np.roll(said["a"], x) + np.roll(said["b"], y), -32768, 32767)
            for x in range(0, 8000, 40) for y in range(x - 200, x + 240, 40))  # fmt: skip
    codes = g711.encode(heard, c.law)
    assert any((g711.encode(total[:800].astype(np.int16), c.law) == codes).all() for total in sums)


def test_loud_sums_saturate_instead_of_wrapping(rig: Rig) -> None:
    loud = np.full(8000, 30000, np.int16)
    a, b, c = (rig.phone(name, loud) for name in "abc")
    rig.bridge("a", "b", "c")
    rig.run(0.2)
    since = rig.run(0.4)
    assert (c.heard(since) > 30000).all()
    assert len(a.heard(since)) == len(b.heard(since)) == 20 * FRAME


def test_a_supervisor_listens_whispers_and_barges_by_edges_alone(rig: Rig) -> None:
    a, b, supervisor = speakers(rig, "abc")
    modes = {
        "listen": ([["c", "a", 1.0], ["c", "b", 1.0]], ["b", "a", "ab"]),
        "whisper": ([["c", "a", 1.0], ["c", "b", 1.0], ["b", "c", 1.0]], ["b", "ac", "ab"]),
        "barge": ([["c", "a", 1], ["c", "b", 1], ["b", "c", 1], ["a", "c", 1]], ["bc", "ac", "ab"]),
    }
    for edges, expected in modes.values():
        rig.bridge("a", "b", edges=edges)
        rig.run(0.2)
        since = rig.run(0.5)
        assert [heard_tones(phone, since) for phone in (a, b, supervisor)] == expected
    assert all(continuous(phone.got) for phone in (a, b, supervisor))


def test_an_edge_of_gain_zero_mutes_one_for_one(rig: Rig) -> None:
    a, b, c = speakers(rig, "abc")
    rig.bridge("a", "b", "c", edges=[["a", "b", 0.0]])
    rig.run(0.2)
    since = rig.run(0.5)
    assert [heard_tones(phone, since) for phone in (a, b, c)] == ["c", "ac", "ab"]


def test_gain_scales_what_is_heard(rig: Rig) -> None:
    rig.phone("a", np.full(8000, 8000, np.int16))
    quiet = rig.phone("b")
    rig.bridge(edges=[["b", "a", 0.25]])
    rig.run(0.2)
    since = rig.run(0.2)
    assert np.abs(quiet.heard(since).astype(int) - 2000).max() <= 64


def test_bridges_and_legs_may_come_in_any_order(rig: Rig) -> None:
    rig.bridge("a", "b", "c")
    a, b, c = speakers(rig, "abc")
    rig.run(0.2)
    since = rig.run(0.5)
    assert heard_tones(a, since) == "bc"
    rig.do("delete", kind="leg", id="b")
    rig.run(0.1)
    since = rig.run(0.5)
    assert [heard_tones(phone, since) for phone in (a, c)] == ["c", "a"]
    assert not [p for p in b.got if p.clock >= since]


def test_a_leg_in_no_bridge_gets_comfort_silence_once_media_has_started(rig: Rig) -> None:
    idle, talker = rig.phone("idle"), rig.phone("talker", tone(400, 1, 8000))
    rig.run(0.3)
    assert not idle.got
    assert len(talker.got) >= 14 and continuous(talker.got) and not talker.heard().any()
    rig.put_leg(talker, send=False)
    since = rig.run(0.2)
    assert not [p for p in talker.got if p.clock > since]


# Players.


def test_a_prompt_is_heard_whole_and_its_end_told_once(rig: Rig) -> None:
    prompt = np.random.default_rng(1).integers(-9000, 9000, 4321).astype(np.int16)
    rig.prompts["/p"] = prompt
    a = rig.phone("a")
    rig.do("put_player", id="P", legs=["a"], items=["/p"])
    rig.run(1.0)
    expected = g711.decode(g711.encode(prompt, 0), 0)
    heard = a.heard()
    assert (heard[: len(prompt)] == expected).all() and not heard[len(prompt) :].any()
    assert rig.events_of("player_finished") == [
        {"event": "player_finished", "id": "P", "reason": "finished", "detail": ""}
    ]
    assert continuous(a.got) and rig.engine.snapshot()["players"] == []


def test_a_playlist_has_no_gaps(rig: Rig) -> None:
    rig.prompts |= {"/1": np.full(111, 1000, np.int16), "/2": np.full(222, 2000, np.int16)}
    a = rig.phone("a")
    rig.do("put_player", id="P", legs=["a"], items=["/1", "/2", "/1"])
    rig.run(0.2)
    expected = np.repeat([1000, 2000, 1000], [111, 222, 111]).astype(np.int16)
    assert (a.heard()[:444] == g711.decode(g711.encode(expected, 0), 0)).all()


def test_music_loops_for_all_who_wait_and_each_hears_the_same(rig: Rig) -> None:
    music = np.random.default_rng(2).integers(-5000, 5000, 3000).astype(np.int16)
    rig.prompts["/music"] = music
    waiting = [rig.phone(str(n)) for n in range(5)]
    rig.do("put_player", id="M", legs=[], items=["/music"], loop=True)
    rig.bridge(edges=[[phone.id, "M", 1.0] for phone in waiting])
    rig.run(2.0)
    looped = g711.decode(g711.encode(np.tile(music, 8), 0), 0)
    for phone in waiting:
        offset = phone.got[0].clock % 3000
        heard = phone.heard()
        assert len(heard) > 15000 and (heard == looped[offset : offset + len(heard)]).all()
    assert not rig.events_of("player_finished")


def test_hold_with_music_and_back_to_relay(rig: Rig) -> None:
    """As the switch does it: who is held hears music in place of who holds, in the same stream."""
    rig.prompts["/music"] = tone(TONES["c"], 1, 8000, 4000)
    a, b = speakers(rig, "ab")
    rig.bridge("a", "b")
    rig.run(1.0)
    rig.do("put_player", id="M", legs=[], items=["/music"], loop=True)
    rig.put_leg(a, send=False)
    rig.bridge(edges=[["b", "M", 0.7]])
    sent = len(a.got)
    held = rig.run(2.0) + 4000
    assert heard_tones(b, held) == "c"
    assert len(a.got) <= sent + 1
    rig.put_leg(a)
    rig.bridge("a", "b")
    back = rig.run(2.0) + 4000
    assert (heard_tones(a, back), heard_tones(b, back)) == ("b", "a")
    assert continuous(b.got)


def test_an_announcement_over_a_call_and_back_to_relay(rig: Rig) -> None:
    a, b = speakers(rig, "ab")
    rig.prompts["/beep"] = tone(TONES["d"], 0.4, 8000, 4000)
    rig.bridge("a", "b")
    rig.run(0.3)
    rig.do("put_player", id="P", legs=["a"], items=["/beep"], gain=0.5)
    since = rig.run(0.4)
    assert heard_tones(a, since) == "bd" and heard_tones(b, since) == "a"
    rig.run(0.2)
    since = rig.run(0.4)
    assert heard_tones(a, since) == "b"
    assert continuous(a.got) and continuous(b.got)
    assert rig.engine.legs.relay_source[rig.engine.legs.index["a"]] >= 0


def test_deleting_a_player_silences_it_within_a_tick(rig: Rig) -> None:
    rig.prompts["/p"] = tone(400, 5, 8000)
    a = rig.phone("a")
    rig.do("put_player", id="P", legs=["a"], items=["/p"])
    rig.run(0.2)
    assert has_tone(a.heard(), 400, 8000)
    rig.do("delete", kind="player", id="P")
    since = rig.run(0.3)
    assert not a.heard(since + FRAME).any() and not rig.events_of("player_finished")


def test_a_missing_prompt_is_named_and_silence_in_its_place(rig: Rig) -> None:
    rig.prompts["/p"] = tone(400, 0.2, 8000)
    a = rig.phone("a")
    rig.do("put_player", id="some", legs=["a"], items=["/p", "/gone", "/p"])
    rig.do("put_player", id="none", legs=["a"], items=["/gone"])
    rig.run(1.0)
    heard = a.heard()
    assert has_tone(heard[:1600], 400, 8000) and has_tone(heard[3200:4800], 400, 8000)
    assert not np.abs(heard[1600:3200].astype(int)).max() > 8
    ends = {event["id"]: (event["reason"], event["detail"]) for event in rig.events_of("player_finished")}
    assert ends == {"some": ("finished", ""), "none": ("failed", "/gone: no such file")}
    errors = [(event["about"]["id"], event["message"]) for event in rig.events_of("error")]
    assert errors == [("some", "/gone: no such file")]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"do": "put_player", "id": "x", "items": []}, "items"),
        ({"do": "put_player", "id": "x", "items": ["/p"], "gain": 99}, "gain"),
        ({"do": "put_bridge", "id": "x", "members": ["a"], "edges": [["a", "b"]]}, "put_bridge"),
        ({"do": "put_bridge", "id": "x", "members": [], "edges": [["a", "b", -1]]}, "gain"),
        ({"do": "put_bridge", "id": "x", "members": [str(n) for n in range(201)]}, "at most 200"),
        ({"do": "put_leg", "id": "x", "port": 1, "codec": "GSM", "payload_type": 96}, "codec GSM"),
        ({"do": "put_leg", "id": "x", "port": 1, "codec": "PCMU", "payload_type": 300}, "payload type"),
        ({"do": "put_leg", "id": "x", "codec": "PCMU", "payload_type": 0}, "port"),
        (
            {"do": "put_leg", "id": "x", "port": 2, "codec": "PCMU", "payload_type": 0, "remote": ["h", 1]},
            "put_leg",
        ),
        ({"do": "put_leg", "port": 2}, "id is missing"),
        ({"do": "send_digits", "leg": "x", "digits": "1"}, "no leg"),
        ({"do": "delete", "kind": "queue", "id": "x"}, "kind"),
        ({"do": "dance"}, "unknown command"),
    ],
)
def test_a_bad_command_says_what_is_wrong_and_changes_nothing(rig: Rig, command: dict, message: str) -> None:
    before = rig.engine.snapshot()
    with pytest.raises(BadCommand, match=message):
        rig.engine.command(command)
    rig.step()
    assert rig.engine.snapshot() == before


def test_members_of_a_conference_share_one_sum_and_who_hears_it_differently_does_not() -> None:
    members = range(10)
    rows = {tuple((LEG, other, UNITY) for other in members if other != ear): ear for ear in members}
    muted = tuple((LEG, other, UNITY) for other in members if other not in (3, 4))
    rows[muted] = 10
    mixed, base = _factored(rows)
    assert len(mixed) == 12 and base == [11] * 10 + [-1]
    assert mixed[11] == tuple((LEG, member, UNITY) for member in members) and mixed[10] == muted
    for (row, ear), own, common in zip(rows.items(), mixed, base, strict=False):
        weights = np.zeros(11, int)
        for _, source, gain in (*own, *(mixed[common] if common >= 0 else ())):
            weights[source] += gain
        assert weights.tolist() == [UNITY * ((LEG, n, UNITY) in row) for n in range(11)], ear
