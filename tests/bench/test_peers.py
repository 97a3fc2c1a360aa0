"""What comparisons are made of: which peers there are, their configuration, what counts as a good call."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import audio, cpu, peers
from bench.__main__ import main
from bench.audio import KINDS, AudioBench
from bench.figures import Round
from bench.growth import with_slope
from bench.harness import CannotMeasure, measure, merged
from bench.offered import Seen
from bench.output import as_json, print_table
from bench.peers.pbx import Asterisk, FreeSwitch
from bench.peers.relay import bencoded, recorded_bytes
from bench.peers.sip import Kamailio
from bench.peers.template import FILES, filled
from bench.register import spread
from bench.setup import overload_figures
from bench.sipp import CallCounts
from bench.system import SIP_PORT, Addresses

ADDRESSES = Addresses("127.64.1.1", "127.64.1.2", "127.64.1.3")
GOOD = CallCounts(created=2, successful=2, failed=0, retransmitted=0)
MARKS = {"invite": {"1": 1.0, "2": 1.5}, "answered": {"1": 1.12, "2": 1.63}, "done": {"1": 2.0, "2": 2.5}}
SEEN = Seen(2, GOOD, GOOD, MARKS, "")


def test_list_says_of_every_peer_where_it_is_or_how_it_comes_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["LIST"]) == 0
    listed = capsys.readouterr().out
    assert "kamailio    stateful proxy and registrar, C: missing: apt-get install" in listed
    assert "setup       calls without audio" in listed
    assert "(against sippy, kamailio, asterisk, freeswitch)" in listed
    assert all(name in listed for name in peers.PEERS)


def test_a_missing_peer_is_named_with_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert peers.chosen(("kamailio",), ()) == ([], [peers.PEERS["kamailio"].missing])
    with pytest.raises(CannotMeasure, match=r"apt-get install .* kamailio"):
        peers.chosen(("kamailio",), ("kamailio",))
    missing = dataclasses.replace(peers.PEERS["rtp-io"], module="rtp.nowhere")
    assert missing.found() == ""


def test_only_peers_of_the_load_may_be_chosen() -> None:
    assert peers.chosen(("kamailio",), ("none",)) == ([], [])
    with pytest.raises(CannotMeasure, match="allowed here are kamailio, none"):
        peers.chosen(("kamailio",), ("sippy",))


def test_every_peer_of_every_audio_load_is_known() -> None:
    for kind in KINDS:
        assert set(AudioBench(kind).PEERS) <= set(peers.PEERS)
        load = kind.load(4)
        assert (load.legs, load.active) == (4 * kind.parties, 4 * kind.parties)


def test_what_is_left_out_is_shown_with_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure(
        "x", {"softswitch": lambda: Round({"a": 1.0})}, 1, lambda _: None, ["y is missing: do z"]
    )
    print_table(merged([result]))
    assert "left out: y is missing: do z" in capsys.readouterr().out
    assert json.loads(as_json(result))["notes"] == ["y is missing: do z"]


def test_ratios_are_given_to_every_peer_and_a_figure_need_not_be_of_both() -> None:
    systems = {
        "softswitch": lambda: Round({"a": 1.0, "growth_slope": 0.1}),
        "one": lambda: Round({"a": 2.0, "growth_slope": 0.2}),
        "two": lambda: Round({"a": 4.0, "b": 1.0}),
    }
    figures = json.loads(as_json(measure("x", systems, 1, lambda _: None)))["figures"]
    assert (figures["ratio.one.a"], figures["ratio.two.a"], figures["two.b"]) == (0.5, 0.25, 1)
    assert "ratio.one.growth_slope" not in figures


def test_a_peer_that_failed_has_no_figures_and_is_named() -> None:
    rounds = iter([Round({"a": 2.0}), Round(failed=3, problems=("1 of 4\nmore",))])
    systems = {"softswitch": lambda: Round({"a": 1.0}), "peer": lambda: next(rounds)}
    result = measure("x", systems, 3, lambda _: None)
    assert result.valid
    assert (result.rounds, [*result.summaries], result.ratios) == (3, ["softswitch"], {})
    assert result.notes == ("peer: no figures, 3 failed: 1 of 4",)


def test_without_the_system_under_test_there_are_no_figures() -> None:
    systems = {"softswitch": lambda: Round(failed=1, problems=("1 of 2",)), "peer": lambda: Round({"a": 1.0})}
    result = measure("x", systems, 1, lambda _: None)
    assert (result.problems, result.failed, result.summaries) == (("1 of 2",), 1, {})


@pytest.mark.parametrize(("costs", "slope"), [((3, 3, 3, 3), 0.0), ((1, 2, 4, 8), 1.0), ((8, 4, 2, 1), -1.0)])
def test_growth(costs: tuple[int, ...], slope: float) -> None:
    found = with_slope("cost", dict(zip((10.0, 20.0, 40.0, 80.0), map(float, costs), strict=True)))
    assert found["growth_slope"] == pytest.approx(slope)
    assert found["cost_at_80"] == costs[-1]


def test_calls_that_both_sides_saw_are_good() -> None:
    assert SEEN.problems("10 calls/s") == ()
    assert (SEEN.failed, SEEN.offered_per_s) == (0, 2.0)
    assert SEEN.setup_ms == pytest.approx([120, 130])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"phones": CallCounts(2, 1, 1, 0)}, "SIPp's phones finished 1 of 2"),
        ({"marks": {**MARKS, "done": {"1": 2.0}}}, "SIPp's callers finished 1 of 2"),
    ],
)
def test_a_call_that_one_side_did_not_see_refuses_the_figures(change: dict[str, object], told: str) -> None:
    seen = dataclasses.replace(SEEN, **change)  # type: ignore[arg-type]
    assert told in seen.problems("10 calls/s")[0]
    assert seen.failed == 1


def test_registering_users_are_spread_over_all() -> None:
    assert spread(4, 100) == [0, 25, 50, 75]
    assert spread(4, 100, offset=1) == [1, 26, 51, 76]
    assert sorted(set(spread(10, 4))) == [0, 1, 2, 3]


def test_every_configuration_is_whole_and_loopback_only(tmp_path: Path) -> None:
    text = Kamailio(tmp_path, ADDRESSES).configuration()
    assert f"listen=udp:127.64.1.1:{SIP_PORT}" in text
    assert f'"sip:127.64.1.3:{SIP_PORT}"' in text
    assert "%" not in text
    with pytest.raises(KeyError):
        filled("kamailio.cfg", HOST="127.64.1.1")


@pytest.fixture
def pbx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prefix with the binaries of both and the module of one."""
    for name in ("sbin/asterisk", "sbin/freeswitch", "lib/asterisk/modules/chan_pjsip.so"):
        path = tmp_path / "prefix" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "prefix" / "sbin"))
    return tmp_path


def test_asterisk_is_configured_in_a_folder_of_its_own(pbx: Path) -> None:
    files = Asterisk(pbx, ADDRESSES).files()
    assert {f"{path.name.removeprefix('asterisk-')}" for path in FILES.glob("asterisk*")} == files.keys()
    assert f"astmoddir => {pbx}/prefix/lib/asterisk/modules" in files["asterisk.conf"]
    assert f"astetcdir => {pbx}\n" in files["asterisk.conf"]
    assert f"bind = 127.64.1.1:{SIP_PORT}" in files["pjsip.conf"]
    assert "match = 127.64.1.2" in files["pjsip.conf"]
    assert f"Dial(PJSIP/phones/sip:${{EXTEN}}@127.64.1.3:{SIP_PORT})" in files["extensions.conf"]
    assert not [name for name, text in files.items() if "%" in text]


def test_asterisk_without_pjsip_says_so(pbx: Path) -> None:
    (pbx / "prefix/lib/asterisk/modules/chan_pjsip.so").unlink()
    with pytest.raises(CannotMeasure, match="build it with PJSIP"):
        Asterisk(pbx, ADDRESSES).files()


def test_freeswitch_is_configured_in_one_file(pbx: Path) -> None:
    (text,) = FreeSwitch(pbx, ADDRESSES).files().values()
    document = ET.fromstring(text)
    settings = {each.get("name"): each.get("value") for each in document.iter("param")}
    assert (settings["sip-ip"], settings["rtp-ip"]) == ("127.64.1.1", "127.64.1.1")
    (bridge,) = document.iter("action")
    assert bridge.get("data") == f"sofia/load/$1@127.64.1.3:{SIP_PORT}"
    assert [node.get("cidr") for node in document.iter("node")] == ["127.64.1.2/32"]


def test_bencoding_is_that_of_the_ng_protocol() -> None:
    assert bencoded({"command": "ping", "a": ""}) == "d1:a0:7:command4:pinge"


def test_recordings_of_a_relay_are_weighed(tmp_path: Path) -> None:
    assert recorded_bytes(tmp_path) == 0
    (tmp_path / "pcaps").mkdir()
    (tmp_path / "pcaps" / "a.pcap").write_bytes(b"12345")
    (tmp_path / "b.rtp").write_bytes(b"123")
    assert recorded_bytes(tmp_path) == 8


def test_overload_is_what_was_done_and_how_long_refusals_took() -> None:
    marks = {
        "invite": {"early": 9.0, "1": 10.0, "2": 10.5, "3": 11.0, "4": 11.9, "late": 12.0},
        "done": {"early": 10.2, "1": 10.9, "late": 12.5},
        "refused": {"2": 10.51, "3": 11.05},
    }
    figures = overload_figures(marks, 10.0, 12.0, highest=2.0)
    assert (figures["overload_goodput"], figures["overload_offered"]) == (0.5, 1.0)
    assert figures["overload_503_share"] == 0.5
    assert figures["overload_503_ms_p99"] == pytest.approx(50)
    assert overload_figures({"invite": {"1": 10.0}}, 10.0, 12.0, 2.0)["overload_503_ms_p99"] == 0


@pytest.mark.parametrize("error", [cpu.Gone("process 7 has ended"), ConnectionResetError("reset")])
def test_a_worker_that_dies_is_told_in_place_of_figures(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(*_: object) -> Round:
        raise error

    monkeypatch.setattr(audio, "_at", dies)
    assert main(["supervise", "--against", "none", "--rounds", "1"]) == 1
    assert f"softswitch has died: {error}" in capsys.readouterr().out
