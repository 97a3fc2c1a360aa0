"""The settings themselves: ports shared out, addresses read, secrets hidden, YAML that reads back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.config import Agent, FeatureCodes, Listen, Node, PortRange, Queue, Sip, Target, Trunk, User
from softswitch.config.base import Model, split_host_port
from softswitch.config.commented import commented, yaml_value
from softswitch.config.errors import validate
from softswitch.config.files import parse_document
from softswitch.config.secrets import read_secrets, write_secrets


@given(st.integers(1024, 65000), st.integers(200, 4000), st.integers(1, 16))
def test_workers_share_the_ports_without_overlap(first: int, count: int, workers: int) -> None:
    whole = PortRange(first, min(first + count, 65535))
    shares = [whole.share(index, workers) for index in range(workers)]
    taken = [port for share in shares for port in range(share.first, share.last + 1)]
    assert len(set(taken)) == len(taken)
    assert whole.first <= min(taken)
    assert max(taken) <= whole.last
    for share in shares:
        assert share.first % 2 == 0
        assert share.last % 2 == 1
    sizes = [share.last - share.first for share in shares]
    assert max(sizes) - min(sizes) <= 2


def test_a_range_of_ports_is_read_and_written() -> None:
    assert str(PortRange.parse("16384-20479")) == "16384-20479"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host.example", ("host.example", 5060)),
        ("192.0.2.1:5080", ("192.0.2.1", 5080)),
        ("[2001:db8::1]", ("2001:db8::1", 5060)),
        ("[2001:db8::1]:99", ("2001:db8::1", 99)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a:b", "a:0", "a:65536", "2001:db8::1", "a b", "[::1", "a:5060:1", "a\n"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|port outside"):
        split_host_port(text)


@pytest.mark.parametrize("text", ["flow:main", "queue:sales", "user:alice"])
def test_targets(text: str) -> None:
    assert str(Target.parse(text)) == text


@pytest.mark.parametrize("text", ["", "main", "flow:", ":main", "fax:main"])
def test_what_is_no_target(text: str) -> None:
    allowed = "allowed: flow:NAME, queue:NAME, user:NAME, voicemail:NAME or conference:NAME"
    with pytest.raises(ValueError, match=allowed):
        Target.parse(text)


def test_what_a_socket_advertises() -> None:
    assert Listen(host="10.0.0.1", port=5070).advertised_address == ("10.0.0.1", 5070)
    assert Listen(host="0.0.0.0", port=5070, advertised="pbx.example").advertised_address == (
        "pbx.example",
        5070,
    )
    assert Listen(advertised="[::1]:6000").advertised_address == ("::1", 6000)


def test_algorithms_of_a_socket_come_before_those_of_all() -> None:
    sip = Sip(auth_algorithms=("SHA-256", "MD5"))
    assert sip.algorithms(Listen()) == ("SHA-256", "MD5")
    assert sip.algorithms(Listen(auth_algorithms=("MD5",))) == ("MD5",)


def test_no_secret_is_shown_by_repr() -> None:
    models: list[Model] = [
        User(name="a", password="hush"),
        User(name="a", ha1={"MD5": "cafe" * 8}),
        Agent(name="a", user="a", pin="4711"),
        Trunk(name="t", addresses=("a",), password="hush"),
        Sip(nonce_secret="hush"),
    ]
    assert "hush" not in repr(models)
    assert "cafe" not in repr(models)
    assert "4711" not in repr(models)


@pytest.mark.parametrize(
    "model",
    [
        Node(),
        Node(sip=Sip(nonce_secret="x: y # z", listen=(Listen(), Listen(port=5070), Listen(transport="TCP")))),
        Queue(name="q", max_wait_s=5, on_timeout="user:a"),
        Trunk(name="t", addresses=("[::1]:5060", "a.example"), password="0123", caller_id="+49123"),
        User(name="null", password="yes", display="Ö 'quoted' \"twice\" \\ #", permissions=("supervise",)),
        Agent(name="true", user="0x1", pin="0123"),
        FeatureCodes(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_explained_settings_read_back_the_same(model: Model) -> None:
    text = commented(model)
    document = parse_document(text, "made")
    assert validate(type(model), document.tree) == model
    assert all(line.lstrip().startswith("#") for line in text.splitlines() if ":" not in line)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
        max_leaves=8,
    )
)
def test_any_value_on_one_line_reads_back_the_same(value: object) -> None:
    line = f"key: {yaml_value(value)}\n"
    assert parse_document(line, "made").tree == {"key": value}


def test_secrets_are_read_by_their_owner_only_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secrets.json"
    assert read_secrets(path) == {}
    write_secrets(path, {"trunk/t": "a"})
    write_secrets(path, {"agent/ü": "b"})
    assert read_secrets(path) == {"agent/ü": "b"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secrets.json"]


def test_secrets_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    write_secrets(path, {"trunk/t": "a"})
    (tmp_path / "secrets.json.new").mkdir()
    with pytest.raises(IsADirectoryError):
        write_secrets(path, {"trunk/t": "b"})
    assert read_secrets(path) == {"trunk/t": "a"}
