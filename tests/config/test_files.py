"""Reading the YAML files: values as written, every mistake with file, line, key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.config import Centre, Node, files
from softswitch.config.errors import ConfigError, validate
from softswitch.config.files import MAX_FILE_BYTES, load_node, parse_document, plain_value, read_document


def centre_errors(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "centre.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        document = read_document(path)
        try:
            validate(Centre, document.tree)
        except ConfigError as error:
            raise document.error(error) from None
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "users:\n  alice:\n    passwrd: x\n",
            "centre.yaml:3: users.alice.passwrd: unknown key; did you mean password?",
        ),
        ("user: {}\n", "centre.yaml:1: user: unknown key; did you mean users?"),
        (
            "queues:\n  s: {strategy: rr}\n",
            "queues.s.strategy: 'rr' is not allowed here; allowed: longest_idle",
        ),
        (
            "queues:\n  s:\n    ring_timeout_s: soon\n",
            "centre.yaml:3: queues.s.ring_timeout_s: 'soon' is not allowed",
        ),
        ("queues:\n  s:\n    ring_timeout_s: 0\n", "allowed: more than 0"),
        ("queues:\n  s: {record: 2}\n", "allowed: true or false"),
        ("queues:\n  s: {max_length: 1.5}\n", "allowed: a whole number"),
        (
            "queues:\n  s: {on_timeout: sales, max_wait_s: 9}\n",
            "'sales' is no target; allowed: flow:NAME, queue:NAME",
        ),
        ("queues:\n  s: {on_timeout: 'queue:t'}\n", "on_timeout has no effect without a limit"),
        ("users:\n  a b:\n", "users.a b: 'a b' is not allowed here; allowed: letters, digits"),
        ("users: [alice]\n", "users: a list is not allowed here; allowed: a group of keys"),
        ("users:\n  a: {permissions: supervise}\n", "allowed: a list, such as [a, b]"),
        (
            "users:\n  a: {permissions: [boss]}\n",
            "users.a.permissions[0]: 'boss' is not allowed here; allowed: supervise",
        ),
        ("agents:\n  a: {pin: 123}\n", "agents.a: has neither user nor number"),
        (
            "agents:\n  a: {user: a, pin: 12}\n",
            "agents.a.pin: this value is not allowed here; allowed: 3 to 12 digits",
        ),
        (
            "users:\n  a: {ha1: {MD5: abc}}\n",
            "users.a.ha1.MD5: this value is not allowed here; allowed: 32 or 64",
        ),
        (
            f"users:\n  a: {{password: x, ha1: {{MD5: {'a' * 32}}}}}\n",
            "both password and ha1; give one of them",
        ),
        (
            "trunks:\n  t:\n",
            "the trunk has no way to its peer; give addresses, allow_from, certificate_names, registrar or",
        ),
        ("trunks:\n  t: {registrar: a.example}\n", "registrar needs username"),
        (
            "trunks:\n  t: {addresses: ['a b']}\n",
            "'a b' is no address; allowed: host, host:port or [IPv6]:port",
        ),
        ("trunks:\n  t: {addresses: ['a:70000']}\n", "has a port outside 1 to 65535"),
        ("trunks:\n  t: {allow_from: [10.0.0.0/40]}\n", "'10.0.0.0/40' is no IP address or network"),
        ("numbers:\n  100:\n", "centre.yaml:2: numbers.100: the key target is missing"),
        ("numbers:\n  '1 2': flow:main\n", "'1 2' is not allowed here; allowed: digits, letters"),
        ("feature_codes: {listen: '*2'}\n", "sign_in *21 begins with listen *2; choose codes that do not"),
        ('users:\n  a: {display: "x\\r\\nEvil: 1"}\n', "has control characters; allowed: one line of text"),
    ],
)
def test_a_mistake_names_file_line_key_and_what_is_allowed(tmp_path: Path, text: str, expected: str) -> None:
    (line,) = centre_errors(tmp_path, text)
    assert line.startswith("centre.yaml:")
    assert expected in line


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = "queues:\n  b: {record: maybe}\n  a: {music: 'a b'}\nusers:\n  x: {colour: red}\n"
    lines = centre_errors(tmp_path, text)
    assert [line.split(": ")[1] for line in lines] == ["queues.b.record", "queues.a.music", "users.x.colour"]
    assert [line.split(":")[1] for line in lines] == ["2", "3", "5"]


def test_no_secret_is_repeated_in_a_message(tmp_path: Path) -> None:
    text = "users:\n  a: {password: [hunter2]}\nagents:\n  a: {user: a, pin: hunter2}\n"
    assert "hunter2" not in "\n".join(centre_errors(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "f:1: is no valid YAML"),
        ("a: 1\nb: 2\na: 3\n", "f:3: a is already on line 1; keep one of them"),
        ("? [1]\n: 2\n", "f:1: a key must be plain text"),
        ("a: &x [*x]\n", "f:1: is nested too deeply"),
        ("a:\n\t- b\n", "f:2: is no valid YAML"),
        ("a: *nobody\n", "f:1: is no valid YAML"),
        ("[" * 1000, "f:1: is"),
    ],
)
def test_what_is_no_yaml_is_one_line(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "f")
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_repeated_anchors_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="repeats more than 200000 values by anchors"):
        parse_document("\n".join(lines), "f")


def test_many_values_that_are_written_out_are_no_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_REPEATED", 50)
    users = [f"  u{n}: {{password: secret, groups: [all, *team]}}" for n in range(40)]
    tree = parse_document("\n".join(["team: &team here", "users:", *users]), "f").tree
    assert len(tree["users"]) == 40 and tree["users"]["u39"]["groups"] == ["all", "here"]
    more = [f"  v{n}: *team" for n in range(11)]
    with pytest.raises(ConfigError, match="f:1: repeats more than 50 values by anchors"):
        parse_document("\n".join(["team: &team here", "users:", *users, *more]), "f")


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_a_config_error(text: str) -> None:
    try:
        parse_document(text, "f")
    except ConfigError as error:
        assert str(error).startswith("f:")


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.text(alphabet="0123456789.+-eE", min_size=1)))
def test_a_number_never_loses_what_was_written(written: object) -> None:
    assert str(plain_value(str(written))) == str(written)


def test_numbers_pins_and_passwords_keep_their_zeros(tmp_path: Path) -> None:
    path = tmp_path / "centre.yaml"
    path.write_text(
        "users:\n  7001: {password: 0012}\nagents:\n  7001: {user: 7001, pin: 0123}\n"
        "numbers:\n  0800: user:7001\n  +49: {target: user:7001}\n"
    )
    centre = validate(Centre, read_document(path).tree)
    assert centre.users["7001"].password == "0012"
    assert centre.agents["7001"].pin == "0123"
    assert list(centre.numbers) == ["0800", "+49"]


def test_nothing_after_a_key_is_the_default_or_nothing_where_that_is_a_value(tmp_path: Path) -> None:
    path = tmp_path / "centre.yaml"
    path.write_text("users:\nqueues:\n  s:\n    music:\n    announce_position_every_s:\n")
    centre = validate(Centre, read_document(path).tree)
    assert centre.users == {}
    assert centre.queues["s"].music == "hold"
    assert centre.queues["s"].announce_position_every_s is None


def test_a_list_of_which_every_entry_is_bad_is_told_of_its_entries_only(tmp_path: Path) -> None:
    path = tmp_path / "softswitch.yaml"
    path.write_text("sip: {listen: [{port: 70000}]}\n")
    with pytest.raises(ConfigError) as caught:
        load_node(path)
    (line,) = str(caught.value).splitlines()
    assert "sip.listen[0].port" in line


def test_paths_count_from_the_directory_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "softswitch.yaml"
    path.write_text("state_dir: here\nrecording: {directory: /there}\n")
    node = load_node(path)
    assert node.state_dir == tmp_path / "here"
    assert node.run_dir == tmp_path / "run"
    assert node.recording.directory == Path("/there")


def test_an_empty_node_file_is_all_defaults(tmp_path: Path) -> None:
    path = tmp_path / "softswitch.yaml"
    path.write_text("")
    assert load_node(path) == Node().resolved(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("media: {ports: 5000}\n", "is no range of ports; allowed: FIRST-LAST"),
        ("media: {ports: 20000-10000}\n", "FIRST below LAST"),
        ("media: {workers: 0}\n", "allowed: 1 or more"),
        ("sip: {listen: []}\n", "sip.listen: a list is not allowed here; allowed: 1 or more entries"),
        ("media: {host6: 192.0.2.1}\n", "host6 is the IPv6 address beside an IPv4 address in host"),
        ("media: {host: '::1', host6: '::1'}\n", "host6 is the IPv6 address beside an IPv4 address in host"),
        ("media: {host: '::', advertised_host: 192.0.2.1}\n", "are not of one family; allowed:"),
        ("media: {advertised_host6: '2001:db8::1'}\n", "advertised_host6 is given without host6"),
        ("sip: {listen: [{port: 5060}, {port: 5060}]}\n", "two sockets want UDP 127.0.0.1:5060"),
        ("sip: {user_agent: " + "x" * 200 + "}\n", "allowed: 128 characters or fewer"),
        ("sip: {auth_algorithms: [SHA-1]}\n", "allowed: MD5, SHA-256, SHA-512-256"),
        ("sip: {min_expires_s: 100, max_expires_s: 10}\n", "min_expires_s is greater than max_expires_s"),
        (
            "sip:\n  listen:\n    - {tranport: TCP}\n",
            "softswitch.yaml:3: sip.listen[0].tranport: unknown key; did you mean transport?",
        ),
        ("media: {wake_ms: 3}\n", "'3' is not allowed here; allowed: 1, 2, 4, 5, 10, 20"),
        ("log: {level: loud}\n", "allowed: debug, info, warning, error"),
    ],
)
def test_a_mistake_in_the_node_file(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "softswitch.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_node(path)
    assert expected in str(caught.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read: No such file"):
        load_node(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_node(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no UTF-8 text"):
        load_node(binary)
    with (tmp_path / "huge.yaml").open("wb") as huge:
        huge.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ConfigError, match="is larger than"):
        load_node(tmp_path / "huge.yaml")
