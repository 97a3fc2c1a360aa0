"""Digest: the vectors of the RFCs, both sides against each other, replay, expiry, and unknown users."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip import digest
from softswitch.sip.digest import Digest, DigestResult, authorize, ha1, parse_parameters
from softswitch.sip.message import Message, parse, request

ALGORITHMS = ("SHA-512-256", "SHA-256", "MD5")
USERS = {"alice": "wonderland", 'we"ird\\': "päss"}


def entropy(seed: int = 1) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def ha1_of(username: str, algorithm: str) -> str | None:
    return ha1(username, "office", USERS[username], algorithm) if username in USERS else None


def register(credentials: str | None, method: str = "REGISTER") -> Message:
    return parse(
        request(
            method,
            "sip:example.com",
            via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            from_="<sip:a@b>;tag=1",
            to="<sip:a@b>",
            sip_call_id="c",
            cseq=1,
            headers=f"Authorization: {credentials}\r\n" if credentials else "",
        )
    )


def credentials(
    challenges: list[str], nc: int = 1, username: str = "alice", password: str = "wonderland"
) -> str:
    text = authorize(
        challenges,
        method="REGISTER",
        uri="sip:example.com",
        username=username,
        password=password,
        nc=nc,
        cnonce="c0ffee",
    )
    assert text is not None
    return text


class Server:
    """A Digest with its clock and users."""

    def __init__(self, algorithms: tuple[str, ...] = ("MD5",)) -> None:
        self.digest = Digest("office", b"secret", algorithms)
        self.entropy = entropy()
        self.now = 1000.0

    def challenge(self) -> list[str]:
        return self.digest.challenge(self.now, self.entropy)

    def verify(self, text: str | None, method: str = "REGISTER") -> DigestResult:
        return self.digest.verify(register(text, method), "Authorization", ha1_of, self.now)


def test_vector_of_rfc_2617() -> None:
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    text = authorize(
        [challenge],
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle Of Life",
        cnonce="0a4f113b",
    )
    assert text is not None
    assert 'response="6629fae49393a05397450978507c4ef1"' in text
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in text
    assert "algorithm" not in text


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616(algorithm: str, response: str) -> None:
    challenge = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    text = authorize(
        [challenge],
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle of Life",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert text is not None and f'response="{response}"' in text


def test_old_form_without_qop() -> None:
    text = authorize(
        ['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'],
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="CircleOfLife",
    )
    assert text is not None and 'response="1949323746fe6a43ef61f9606e7febea"' in text
    assert "qop" not in text and "nc=" not in text


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("username", USERS)
def test_both_sides_agree(algorithm: str, username: str) -> None:
    server = Server((algorithm,))
    text = credentials(server.challenge(), username=username, password=USERS[username])
    assert f"algorithm={algorithm}" in text
    assert server.verify(text) == DigestResult("ok", username)


def test_one_challenge_for_each_algorithm_and_the_strongest_is_taken() -> None:
    server = Server(("MD5", "SHA-256"))
    challenges = server.challenge()
    assert ["MD5" in text for text in challenges] == [True, False]
    assert "algorithm=SHA-256" in credentials(challenges)
    only_md5 = authorize(
        challenges,
        method="REGISTER",
        uri="sip:example.com",
        username="alice",
        ha1s={"MD5": ha1("alice", "office", "wonderland", "MD5")},
        cnonce="1",
    )
    assert only_md5 is not None and server.verify(only_md5).outcome == "ok"


def test_credentials_go_only_to_the_configured_realm() -> None:
    challenges = Server().challenge()
    for realm, answered in (("office", True), ("Office", False), ("elsewhere", False)):
        text = authorize(
            challenges, method="INVITE", uri="sip:x", username="u", password="p", realm=realm, cnonce="1"
        )
        assert (text is not None) is answered


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        'Basic realm="office"',
        'Digest realm="office"',
        'Digest nonce="1"',
        'Digest realm="office", nonce="1", algorithm=MD4',
        'Digest realm="office", nonce="1", qop="auth-int"',
        'Digest realm="office", nonce="1", nonce="2"',
        'Digest realm="office", nonce="1',
    ],
)
def test_challenges_that_cannot_be_answered(challenge: str) -> None:
    assert authorize([challenge], method="INVITE", uri="sip:x", username="u", password="p") is None


def test_a_challenge_cannot_inject_a_header() -> None:
    challenge = 'Digest realm="office\\"\r\nX-Evil: 1", nonce="1\r\nX-Evil: 2", opaque="\r\nX-Evil: 3"'
    text = authorize([challenge], method="INVITE", uri="sip:x", username="u\r\nX-Evil: 4", password="p")
    assert text is not None
    assert "\r" not in text and "\n" not in text


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (None, "missing"),
        ("Basic YWxpY2U6d29uZGVybGFuZA==", "missing"),
        ("Digest", "missing"),
        ('Digest username="alice", realm="other", nonce="1", uri="x", response="0"', "missing"),
        ('Digest username="alice", realm="office", algorithm=SHA-256, response="0"', "missing"),
        ('Digest username="alice", realm="office"', "wrong"),
        ('Digest username="alice", realm="office", nonce="é", response="ü"', "wrong"),
        ('Digest username="alice", realm="office", nonce="1", uri="x", response=""', "wrong"),
        ('Digest realm="office", nonce="1", uri="x", response="0"', "wrong"),
    ],
)
def test_what_is_not_a_proof(text: str | None, outcome: str) -> None:
    assert Server().verify(text).outcome == outcome


def test_wrong_password_wrong_method_wrong_qop() -> None:
    server = Server()
    assert server.verify(credentials(server.challenge(), password="guess")).outcome == "wrong"
    assert server.verify(credentials(server.challenge()), method="INVITE").outcome == "wrong"
    changed = credentials(server.challenge()).replace("qop=auth", "qop=auth-int")
    assert server.verify(changed).outcome == "wrong"


def test_replay_is_noticed() -> None:
    server = Server()
    challenges = server.challenge()
    first, second = credentials(challenges, nc=1), credentials(challenges, nc=2)
    assert [server.verify(text).outcome for text in (first, first, second, second, first)] == [
        "ok",
        "replayed",
        "ok",
        "replayed",
        "replayed",
    ]


def test_a_nonce_count_may_overtake_but_not_by_much() -> None:
    server = Server()
    challenges = server.challenge()
    order = (3, 1, 2, 200, 137, 136, 2, 200)
    outcomes = [server.verify(credentials(challenges, nc=nc)).outcome for nc in order]
    assert outcomes == ["ok", "ok", "ok", "ok", "ok", "replayed", "replayed", "replayed"]


@pytest.mark.parametrize("count", ["0", "00000000", "-0000001", "0x000001", "000000001", ""])
def test_strange_nonce_counts(count: str) -> None:
    server = Server()
    parameters = parse_parameters(server.challenge()[0])
    assert parameters is not None
    nonce = parameters["nonce"]
    # Signed by somebody who knows the password, so that only the count is at fault.
    secret = ha1("alice", "office", "wonderland", "MD5")
    ha2 = md5(b"REGISTER:sip:example.com").hexdigest()
    response = md5(f"{secret}:{nonce}:{count}:c:auth:{ha2}".encode()).hexdigest()
    text = (
        f'Digest username="alice", realm="office", nonce="{nonce}", uri="sip:example.com", '
        f'qop=auth, nc="{count}", cnonce="c", response="{response}"'
    )
    assert server.verify(text).outcome == "replayed"


def test_without_qop_a_nonce_serves_once() -> None:
    server = Server()
    challenge = server.challenge()[0].replace(', qop="auth"', "")
    text = credentials([challenge])
    assert [server.verify(text).outcome, server.verify(text).outcome] == ["ok", "replayed"]


def test_an_old_nonce_is_stale_only_for_those_who_know_the_password() -> None:
    server = Server()
    challenges = server.challenge()
    server.now += 301
    assert server.verify(credentials(challenges)).outcome == "stale"
    assert server.verify(credentials(challenges, password="guess")).outcome == "wrong"
    assert server.verify(credentials(challenges, username="nobody")).outcome == "wrong"
    assert ", stale=true" in server.digest.challenge(server.now, server.entropy, stale=True)[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda nonce: "1" + nonce,
        lambda nonce: nonce[:-1] + ("0" if nonce[-1] != "0" else "1"),
        lambda nonce: "x",
        lambda nonce: "..",
        lambda nonce: nonce.split(".")[0],
    ],
)
def test_a_nonce_that_is_not_ours_is_not_taken(change: Callable[[str], str]) -> None:
    server = Server()
    nonce = server.challenge()[0].partition('nonce="')[2].partition('"')[0]
    forged = f'Digest realm="office", nonce="{change(nonce)}", qop="auth"'
    assert server.verify(credentials([forged])).outcome == "stale"


def test_a_nonce_from_the_future_is_not_taken() -> None:
    server = Server()
    challenges = server.challenge()
    server.now -= 10
    assert server.verify(credentials(challenges)).outcome == "stale"


def test_nonces_outlive_a_restart_with_the_same_secret() -> None:
    before, after = Server(), Server()
    assert after.verify(credentials(before.challenge())).outcome == "ok"
    after.digest = Digest("office", b"another secret")
    assert after.verify(credentials(before.challenge())).outcome == "stale"


def test_a_used_nonce_is_not_new_at_a_listener_with_other_algorithms() -> None:
    one, other = Server(("MD5",)), Server(("SHA-256", "MD5"))
    text = credentials(one.challenge())
    assert one.verify(text).outcome == "ok"
    assert other.verify(text).outcome == "stale"


def test_an_unknown_user_takes_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = {"alice": ha1("alice", "office", "wonderland", "MD5")}
    hashed: list[int] = []
    original = digest._HASHES["MD5"]
    monkeypatch.setitem(digest._HASHES, "MD5", lambda text: hashed.append(len(text)) or original(text))
    server = Server()
    known = credentials(server.challenge(), password="guess")
    unknown = credentials(server.challenge(), username="nobod", password="guess")
    outcomes, costs = [], []
    for text in (known, unknown):
        hashed.clear()
        result = server.digest.verify(
            register(text), "Authorization", lambda user, _: stored.get(user), server.now
        )
        outcomes.append(result.outcome)
        costs.append(list(hashed))
    assert outcomes == ["wrong", "wrong"]
    assert costs[0] == costs[1] and len(costs[0]) == 2


def test_even_the_secret_of_an_unknown_user_does_not_let_in() -> None:
    server = Server()
    text = authorize(
        server.challenge(),
        method="REGISTER",
        uri="sip:example.com",
        username="nobody",
        ha1s={"MD5": server.digest._sign("nobody:MD5")},
        cnonce="1",
    )
    assert server.verify(text) == DigestResult("wrong", "nobody")


def test_the_right_realm_is_found_among_others() -> None:
    server = Server()
    ours = credentials(server.challenge())
    message = parse(
        request(
            "REGISTER",
            "sip:example.com",
            via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            from_="<sip:a@b>;tag=1",
            to="<sip:a@b>",
            sip_call_id="c",
            cseq=1,
            headers=(
                'Proxy-Authorization: Digest username="x", realm="elsewhere", nonce="1", response="2"\r\n'
                f"Proxy-Authorization: {ours}\r\n"
            ),
        )
    )
    assert server.digest.verify(message, "Proxy-Authorization", ha1_of, server.now).outcome == "ok"
    assert server.digest.verify(message, "Authorization", ha1_of, server.now).outcome == "missing"


def test_only_users_make_the_server_remember() -> None:
    server = Server()
    for number in range(50):
        server.verify(credentials(server.challenge(), nc=number + 1, password="guess"))
    assert not server.digest._counts
    for _ in range(50):
        server.verify(credentials(server.challenge()))
    assert len(server.digest._counts) == 50
    server.now += 400
    server.verify(credentials(server.challenge()))
    assert len(server.digest._counts) == 1


def test_a_forgotten_count_does_not_open_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.sip.digest._MAX_NONCES", 3)
    server = Server()
    texts = []
    for _ in range(5):
        server.now += 1
        texts.append(credentials(server.challenge()))
    assert [server.verify(text).outcome for text in texts] == ["ok"] * 5
    assert [server.verify(text).outcome for text in texts] == ["stale"] * 2 + ["replayed"] * 3


def test_unknown_algorithms_are_refused_when_configured() -> None:
    for algorithms in (("MD4",), ()):
        with pytest.raises(ValueError, match="digest algorithms"):
            Digest("office", b"s", algorithms)


@given(st.text(max_size=80))
def test_junk_never_crashes(junk: str) -> None:
    parse_parameters(junk)
    text = f"Digest {junk}"
    authorize([text], method="INVITE", uri="sip:x", username="u", password="p")
    header = "".join(character for character in text if character.isprintable())
    assert Server().verify(header).outcome in ("missing", "wrong")
