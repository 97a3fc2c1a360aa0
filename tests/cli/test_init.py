"""The first configuration: complete, secret, never in the place of another."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from softswitch.cli.init import own_address
from softswitch.config import Agent, Centre, Node, Queue, Trunk, User
from softswitch.config.errors import validate
from softswitch.config.files import load_node, read_document
from tests.cli.conftest import Run, refused


def files(directory: Path) -> tuple[str, str]:
    return (directory / "softswitch.yaml").read_text(), (directory / "centre.yaml").read_text()


def test_it_writes_a_configuration_that_loads(run: Run, tmp_path: Path) -> None:
    result = run("init", str(tmp_path / "new"), "--host", "192.0.2.5")
    assert result.exit_code == 0
    assert "softswitch apply centre.yaml" in result.stdout
    node = load_node(tmp_path / "new" / "softswitch.yaml")
    assert {listen.host for listen in node.sip.listen} == {"192.0.2.5"}
    assert node.media.host == "192.0.2.5"
    centre = validate(Centre, read_document(tmp_path / "new" / "centre.yaml").tree)
    assert sorted(centre.users) == ["alice", "bob", "sue"]
    assert centre.users["sue"].permissions == ("supervise", "dial_out")


def test_every_secret_is_its_own(run: Run, tmp_path: Path) -> None:
    secrets = []
    for place in ("a", "b"):
        run("init", str(tmp_path / place))
        node = load_node(tmp_path / place / "softswitch.yaml")
        centre = validate(Centre, read_document(tmp_path / place / "centre.yaml").tree)
        secrets += [node.sip.nonce_secret, *(user.password for user in centre.users.values())]
        secrets += [agent.pin for agent in centre.agents.values()]
    assert len(set(secrets)) == len(secrets)
    assert None not in secrets


def test_only_the_owner_may_read_the_files(run: Run, tmp_path: Path) -> None:
    run("init", str(tmp_path))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_every_setting_is_written_with_its_explanation(run: Run, tmp_path: Path) -> None:
    run("init", str(tmp_path))
    node, centre = files(tmp_path)
    for name in (*Node.model_fields, *Node().sip.model_dump(), *Node().media.model_dump()):
        assert f"{name}:" in node
    for model in (User, Agent, Queue, Trunk):
        for name in set(model.model_fields) - {"name", "ha1"}:
            assert f" {name}:" in centre
    for name in Centre.model_fields:
        assert f"{name}:" in centre
    assert node.count("#") > 30


@pytest.mark.parametrize("present", ["softswitch.yaml", "centre.yaml"])
def test_nothing_is_overwritten(run: Run, tmp_path: Path, present: str) -> None:
    (tmp_path / present).write_text("mine")
    message = refused(run("init", str(tmp_path)))
    assert f"{present} is already there; move it away" in message
    assert [path.name for path in tmp_path.iterdir()] == [present]
    assert (tmp_path / present).read_text() == "mine"


def test_a_host_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    assert "--host 'a b' is no address" in refused(run("init", str(tmp_path), "--host", "a b"))
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in refused(run("init", str(tmp_path / "file" / "below")))


def test_the_own_address_is_an_address() -> None:
    assert own_address().count(".") == 3
