"""The stored configuration: all or nothing, kept by facts, no clear secret in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.config import Centre
from softswitch.config.errors import ConfigError, validate
from softswitch.directory import ConfigCommands, Directory
from softswitch.sip.digest import ha1

TREE: dict[str, Any] = {
    "users": {"alice": {"password": "wonder"}, "bob": {"password": "builder"}},
    "agents": {"ann": {"user": "alice", "pin": "4711", "queues": ["sales"]}},
    "queues": {"sales": {"max_wait_s": 60, "on_timeout": "user:bob"}},
    "trunks": {"carrier": {"addresses": ["192.0.2.1"], "username": "us", "password": "trunk-secret"}},
    "numbers": {"100": "queue:sales", "200": {"target": "user:bob", "trunk": "carrier"}},
}


class Store:
    """Keeps what facts keep and the secrets, as the journal and the secrets file do."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}
        self.facts: list[Mapping[str, Any]] = []
        self.directory = Directory("realm")
        self.commands = ConfigCommands(self.directory, self._save)

    def _save(self, secrets: Mapping[str, str]) -> None:
        self.secrets = dict(secrets)

    def run(self, command: str, **args: Any) -> Any:
        outcome = self.commands.handle(command, args)
        for fact in outcome.facts:
            self.facts.append(fact)
            self.state.update(orjson.loads(orjson.dumps(fact["keep"])))
        self.state = {key: value for key, value in self.state.items() if value is not None}
        return outcome.result

    def restarted(self) -> Directory:
        directory = Directory("realm", self.secrets)
        directory.restore({**self.state, "call/7": {"value": {}}})
        return directory


@pytest.fixture
def store() -> Store:
    store = Store()
    store.run("apply", centre=TREE)
    return store


def changes(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(change["action"], change["kind"], change["name"]) for change in result["changes"]]


def refusal(store: Store, command: str, **args: Any) -> str:
    """The message of a refused command, which must have changed nothing."""
    before = (store.directory.centre, dict(store.secrets), len(store.facts))
    with pytest.raises(ConfigError) as caught:
        store.run(command, **args)
    assert (store.directory.centre, store.secrets, len(store.facts)) == before
    return str(caught.value)


def test_a_password_becomes_ha1_of_every_algorithm(store: Store) -> None:
    for algorithm in ("MD5", "SHA-256", "SHA-512-256"):
        assert store.directory.ha1("alice", algorithm) == ha1("alice", "realm", "wonder", algorithm)
    assert store.directory.ha1("alice", "SHA-1") is None
    assert store.directory.ha1("nobody", "MD5") is None


def test_no_clear_secret_is_in_a_fact_or_an_answer(store: Store) -> None:
    answers = [store.run(f"{kind}.list") for kind in ("user", "agent", "trunk")]
    told = orjson.dumps([store.facts, answers, repr(store.directory.centre)]).decode()
    for secret in ("wonder", "builder", "4711", "trunk-secret"):
        assert secret not in told
    assert str(store.directory.ha1("alice", "MD5")) not in orjson.dumps(answers).decode()
    assert store.secrets == {"agent/ann": "4711", "trunk/carrier": "trunk-secret"}


def test_a_restart_restores_the_same_configuration(store: Store) -> None:
    restarted = store.restarted()
    assert restarted.centre == store.directory.centre
    assert restarted.centre.agents["ann"].pin == "4711"
    assert restarted.centre.trunks["carrier"].password == "trunk-secret"
    assert restarted.plan(validate(Centre, TREE)) == []


def test_applying_the_same_again_changes_nothing(store: Store) -> None:
    count = len(store.facts)
    assert store.run("apply", centre=TREE) == {"changes": [], "applied": True, "left": []}
    assert len(store.facts) == count


def test_only_what_differs_is_changed_and_shown(store: Store) -> None:
    tree = {**TREE, "queues": {"sales": {"max_wait_s": 90, "on_timeout": "user:bob"}}}
    (change,) = store.run("apply", centre=tree)["changes"]
    assert change == {
        "kind": "queue",
        "name": "sales",
        "action": "change",
        "fields": [{"field": "max_wait_s", "before": 60.0, "after": 90.0}],
    }


def test_a_new_password_is_shown_as_hidden(store: Store) -> None:
    tree = {**TREE, "users": {**TREE["users"], "alice": {"password": "other"}}}
    (change,) = store.run("apply", centre=tree)["changes"]
    assert change["fields"] == [{"field": "ha1", "before": "(hidden)", "after": "(hidden)"}]
    assert store.directory.ha1("alice", "MD5") == ha1("alice", "realm", "other", "MD5")


def test_a_user_without_password_in_the_file_keeps_the_stored_one(store: Store) -> None:
    tree = {**TREE, "users": {"alice": {"display": "A"}, "bob": {}}}
    assert changes(store.run("apply", centre=tree)) == [("change", "user", "alice")]
    assert store.directory.ha1("alice", "MD5") == ha1("alice", "realm", "wonder", "MD5")


def test_a_changed_pin_alone_is_a_change(store: Store) -> None:
    store.run("agent.set", fields={"name": "ann", "pin": "0815"})
    assert store.secrets["agent/ann"] == "0815"
    assert store.restarted().centre.agents["ann"].pin == "0815"
    store.run("agent.set", fields={"name": "ann", "pin": None})
    assert "agent/ann" not in store.secrets


def test_dry_run_shows_and_changes_nothing() -> None:
    store = Store()
    result = store.run("apply", centre=TREE, dry_run=True)
    assert ("add", "user", "alice") in changes(result)
    assert not result["applied"]
    assert (store.directory.centre, store.secrets, store.facts) == (Centre(), {}, [])


def test_prune_removes_only_what_apply_created(store: Store) -> None:
    store.run("user.set", fields={"name": "carol", "password": "x"}, must="new")
    smaller: dict[str, Any] = {"users": {"bob": {}}}
    kept = store.run("apply", centre=smaller)
    assert changes(kept) == []
    assert set(kept["left"]) == {
        "user/alice",
        "agent/ann",
        "queue/sales",
        "trunk/carrier",
        "number/100",
        "number/200",
    }
    removed = store.run("apply", centre=smaller, prune=True)
    assert {action for action, _, _ in changes(removed)} == {"remove"}
    assert sorted(store.directory.centre.users) == ["bob", "carol"]
    assert store.secrets == {}
    assert store.restarted().centre == store.directory.centre


def test_who_created_an_object_stays_so_when_the_other_changes_it(store: Store) -> None:
    store.run("user.set", fields={"name": "alice", "display": "Alice"})
    assert store.directory.created_by("user", "alice") == "apply"
    store.run("user.set", fields={"name": "carol", "password": "x"})
    store.run("apply", centre={**TREE, "users": {**TREE["users"], "carol": {"display": "Carol"}}})
    assert store.directory.created_by("user", "carol") == "command"
    store.run("apply", centre=TREE, prune=True)
    assert sorted(store.directory.centre.users) == ["alice", "bob", "carol"]


@pytest.mark.parametrize(
    ("group", "name", "value", "expected"),
    [
        ("agents", "z", {"user": "alise"}, "agents.z.user: there is no user 'alise'; did you mean alice?"),
        (
            "agents",
            "z",
            {"user": "bob", "queues": ["sales", "nope"]},
            "agents.z.queues[1]: there is no queue 'nope'",
        ),
        ("agents", "z", {"user": "alice"}, "agents.z.user: 'alice' already belongs to ann"),
        (
            "queues",
            "z",
            {"max_wait_s": 1, "on_timeout": "flow:gone"},
            "queues.z.on_timeout: there is no flow 'gone'",
        ),
        ("numbers", "z", "queue:gone", "numbers.z.target: there is no queue 'gone'"),
        (
            "numbers",
            "z",
            {"target": "user:bob", "trunk": "gone"},
            "numbers.z.trunk: there is no trunk 'gone'",
        ),
        ("trunks", "z", {"user": "gone"}, "trunks.z.user: there is no user 'gone'"),
        ("users", "z", {}, "users.z: a new user needs a password"),
    ],
)
def test_a_name_that_leads_nowhere_refuses_all(
    store: Store, group: str, name: str, value: Any, expected: str
) -> None:
    tree = {**TREE, group: {**TREE[group], name: value}}
    assert expected in refusal(store, "apply", centre=tree)


def test_mistakes_in_a_flow_have_the_path_of_their_step(store: Store) -> None:
    menu = {"prompts": "main_menu", "choices": {"1": [{"queue": "sale"}], "x": [{"hang_up": None}]}}
    flows = {"main": {"steps": [{"say": "welcome"}, {"menu": menu}, {"dance": 1}]}}
    message = refusal(store, "apply", centre={**TREE, "flows": flows})
    assert "flows.main.steps[1].menu.choices.x: " in message
    assert "flows.main.steps[2]: 'dance' is no step" in message
    flows["main"]["steps"] = [{"menu": {**menu, "choices": {"1": [{"queue": "sale"}]}}}]
    message = refusal(store, "apply", centre={**TREE, "flows": flows})
    expected = "flows.main.steps[0].menu.choices.1[0].queue: there is no queue 'sale'; did you mean sales?"
    assert message.startswith(expected)


def test_prompts_and_music_must_be_there_when_it_is_known_which_there_are() -> None:
    known = {"en": ["welcome"], "zh": ["huanying"], "music": ["hold"]}
    directory = Directory("realm", prompts=known)
    chinese = [{"set": {"language": "zh"}}, {"say": "huanying"}]
    steps = [{"say": "wellcome"}, *chinese, {"queue": {"name": "q", "music": "jazz"}}]
    tree = {"queues": {"q": {"music": "welcome"}}, "flows": {"f": {"steps": steps}}}
    with pytest.raises(ConfigError) as caught:
        directory.plan(validate(Centre, tree))
    assert str(caught.value).splitlines() == [
        "queues.q.music: there is no music 'welcome'; allowed: hold",
        "flows.f.steps[0].say: there is no prompt 'wellcome';"
        " did you mean welcome? allowed: huanying, welcome",
        "flows.f.steps[3].queue.music: there is no music 'jazz'; allowed: hold",
    ]
    assert Directory("realm").plan(validate(Centre, tree))


ONLY_CHINESE = {"say": "huanying"}


@pytest.mark.parametrize(
    ("language", "steps", "missing"),
    [
        ("en", [{"say": "welcome"}, ONLY_CHINESE], "en at steps[1].say"),
        ("zh", [{"say": "welcome"}, ONLY_CHINESE], None),
        ("zh", [{"say": ["welcome", "hello"]}], "zh at steps[0].say[1]"),
        ("en", [{"set": {"language": "zh"}}, ONLY_CHINESE, {"say": "hello"}], "zh at steps[2].say"),
        ("en", [{"set": {"language": "= called"}}, ONLY_CHINESE], "en at steps[1].say"),
        (
            "en",
            [{"menu": {"prompts": "welcome", "choices": {"1": [{"set": {"language": "zh"}}]}}}, ONLY_CHINESE],
            "en at steps[1].say",
        ),
        (
            "en",
            [
                {"set": {"language": "= called"}},
                {"branch": {"if": 'language == "zh"', "then": [ONLY_CHINESE], "else": [{"say": "hello"}]}},
            ],
            None,
        ),
        (
            "en",
            [{"set": {"language": "= called"}}, {"branch": {"if": "caller", "then": [ONLY_CHINESE]}}],
            "en at steps[1].branch.then[0].say",
        ),
        (
            "en",
            [{"loop": {"times": 2, "steps": [{"say": "hello"}, {"set": {"language": "zh"}}]}}],
            "zh at steps[0].loop.steps[0].say",
        ),
    ],
)
def test_prompts_must_be_there_in_every_language_in_which_the_flow_may_say_them(
    language: str, steps: list[Any], missing: str | None
) -> None:
    asked = ["welcome", "no_input", "invalid_choice"]
    directory = Directory("realm", prompts={"en": [*asked, "hello"], "zh": [*asked, "huanying"]})
    centre = validate(Centre, {"flows": {"f": {"language": language, "steps": steps}}})
    if missing is None:
        assert directory.plan(centre)
        return
    lacking, _, path = missing.partition(" at ")
    with pytest.raises(ConfigError) as caught:
        directory.plan(centre)
    (problem,) = map(str, caught.value.problems)
    assert problem.startswith(f"flows.f.{path}: there is no prompt ")
    assert f" in language {lacking}, in which the flow may come here, only in " in problem


def test_no_mistake_hides_another_one() -> None:
    """A wrong key, a wrong step, unknown names, an unknown prompt and unknown music, in one answer."""
    directory = Directory("realm", prompts={"en": ["welcome"], "music": ["hold"]})
    commands = ConfigCommands(directory, lambda _: None)
    tree = {
        "users": {"alice": {"passwrd": "x"}, "bob": {"password": ["x"]}, "a b": {"password": "x"}},
        "agents": {"ann": {"user": "alice", "queues": ["sales", "sale"], "colour": "red"}, "ben": {}},
        "queues": {"sales": {"music": "jazz", "max_wait_s": "long"}},
        "numbers": {"1": {"target": "user:bob"}, "2": "queue:non", "3": {"target": 5}},
        "flows": {"f": {"steps": [{"dance": 1}, {"say": "wellcome"}, {"queue": "gone"}]}},
    }
    with pytest.raises(ConfigError) as caught:
        commands.handle("apply", {"centre": tree})
    assert sorted(str(problem).partition(";")[0] for problem in caught.value.problems) == [
        "agents.ann.colour: unknown key",
        "agents.ann.queues[1]: there is no queue 'sale'",
        "agents.ben: has neither user nor number, so that nobody can sign in",
        "flows.f.steps[0]: 'dance' is no step",
        "flows.f.steps[1].say: there is no prompt 'wellcome'",
        "flows.f.steps[2].queue: there is no queue 'gone'",
        "numbers.2.target: there is no queue 'non'",
        "numbers.3.target: is no target",
        "queues.sales.max_wait_s: 'long' is not allowed here",
        "queues.sales.music: there is no music 'jazz'",
        "users.a b: 'a b' is not allowed here",
        "users.alice.passwrd: unknown key",
        "users.bob.password: this value is not allowed here",
    ]


@pytest.mark.parametrize("tree", [5, {"users": 5}, {"queue": {"q": {}}}, {1: {}}, {"users": {"a": 5}}])
def test_what_cannot_be_read_at_all_has_no_echoes(tree: Any) -> None:
    """A number that leads to what was given in an unreadable group is not called wrong."""
    given = {**tree, "numbers": {"1": "queue:q"}} if isinstance(tree, dict) and "users" not in tree else tree
    with pytest.raises(ConfigError) as caught:
        ConfigCommands(Directory("realm"), lambda _: None).handle("apply", {"centre": given})
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"certificate": "/b.pem"}, True),
        ({}, True),
        ({"certificate": "/a.pem", "key": "/other.key"}, True),
        ({"certificate": "/a.pem"}, False),
        ({"certificate": "/b.pem", "addresses": ["sip.example.net"]}, False),
        ({"transport": "TCP"}, False),
    ],
)
def test_one_host_is_shown_one_certificate(store: Store, other: dict[str, Any], told: bool) -> None:
    common = {"transport": "TLS", "addresses": ["sip.example.com:5061;weight=2"]}
    trunks = {"a": {**common, "certificate": "/a.pem"}, "b": {**common, **other}}
    tree = {**TREE, "trunks": {**TREE["trunks"], **trunks}}
    if told:
        refused = refusal(store, "apply", centre=tree)
        assert "trunks.b.certificate: trunk a shows 'sip.example.com' another certificate" in refused
    else:
        store.run("apply", centre=tree)


def test_two_trunks_may_not_claim_the_same_network(store: Store) -> None:
    trunks = {"a": {"allow_from": ["10.0.0.0/8"]}, "b": {"allow_from": ["10.0.0.0/8"]}}
    assert "trunks.b.allow_from: '10.0.0.0/8' already belongs to a" in refusal(
        store, "apply", centre={**TREE, "trunks": {**TREE["trunks"], **trunks}}
    )


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("user", "alice", "user 'alice' is still used by agents.ann.user; change that first"),
        ("queue", "sales", "queue 'sales' is still used by agents.ann.queues[0], numbers.100.target"),
        ("trunk", "carrier", "trunk 'carrier' is still used by numbers.200.trunk"),
        ("user", "alise", "there is no user 'alise'; did you mean alice?"),
    ],
)
def test_what_is_used_is_not_removed(store: Store, kind: str, name: str, expected: str) -> None:
    assert expected in refusal(store, f"{kind}.remove", name=name)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"fields": {"name": "alice"}, "must": "new"}, "there is already a user 'alice'; use user set"),
        ({"fields": {"name": "zoe"}, "must": "exist"}, "there is no user 'zoe'; use user add"),
        ({"fields": {"name": "zoe"}}, "a new user needs a password"),
        ({"fields": {"name": "alice", "colour": "red"}}, "colour: unknown key"),
        ({"fields": {"display": "x"}}, "name: is missing"),
        ({"fields": "alice"}, "fields must be a group of keys"),
        ({}, "fields must be a group of keys"),
    ],
)
def test_a_refused_set_changes_nothing(store: Store, args: dict[str, Any], expected: str) -> None:
    assert expected in refusal(store, "user.set", **args)


def test_set_changes_only_the_fields_given(store: Store) -> None:
    store.run("user.set", fields={"name": "alice", "display": "Alice", "permissions": ["supervise"]})
    store.run("user.set", fields={"name": "alice", "display": None})
    user = store.directory.centre.users["alice"]
    assert (user.display, user.permissions) == ("", ("supervise",))
    assert store.directory.ha1("alice", "MD5") == ha1("alice", "realm", "wonder", "MD5")


def test_secrets_that_cannot_be_saved_refuse_the_change() -> None:
    def full(secrets: Mapping[str, str]) -> None:
        raise OSError(28, "No space left on device")

    directory = Directory("realm")
    with pytest.raises(OSError, match="No space left"):
        ConfigCommands(directory, full).handle("apply", {"centre": TREE})
    assert directory.centre == Centre()


def test_users_of_another_realm_are_named_and_not_let_in(store: Store) -> None:
    moved = Directory("elsewhere", store.secrets)
    moved.restore(store.state)
    users = ConfigCommands(moved, store._save).handle("user.list", {}).result
    assert [user["needs_password"] for user in users] == [True, True]
    assert not any(user["needs_password"] for user in store.run("user.list"))
    assert moved.ha1("alice", "MD5") is None


def test_feature_codes_change_only_when_mentioned(store: Store) -> None:
    store.run("apply", centre={**TREE, "feature_codes": {"listen": "*3"}})
    store.run("apply", centre=TREE, prune=True)
    assert store.restarted().centre.feature_codes.listen == "*3"


def test_the_dial_plan_is_stored_and_pruned(store: Store) -> None:
    plan = {
        "numbering": {"country": "DE"},
        "trunks": {**TREE.get("trunks", {}), "line": {"addresses": ["192.0.2.9"]}},
        "routes": {"all": {"trunks": ["line"]}},
        "calling_classes": {"near": {"prefixes": ["+43"]}},
    }
    store.run("apply", centre={**TREE, **plan})
    centre = store.restarted().centre
    assert (centre.numbering.country, centre.routes["all"].trunks) == ("DE", ("line",))
    assert centre.calling_classes["near"].prefixes == ("+43",)
    store.run("apply", centre=TREE, prune=True)
    centre = store.restarted().centre
    assert (centre.numbering.country, centre.routes, centre.calling_classes) == ("DE", {}, {})


@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "remove"]), st.sampled_from("abc"), st.text(max_size=5)),
        max_size=12,
    )
)
def test_whatever_is_done_a_restart_sees_the_same(steps: list[tuple[str, str, str]]) -> None:
    store = Store()
    for verb, name, text in steps:
        args = (
            {"name": name}
            if verb == "remove"
            else {"fields": {"name": name, "display": text, "password": "p"}}
        )
        try:
            store.run(f"user.{verb}", **args)
        except ConfigError:
            continue
    assert store.restarted().centre == store.directory.centre


def test_a_long_list_of_what_is_allowed_is_cut(store: Store) -> None:
    for number in range(30):
        store.run("queue.set", fields={"name": f"q{number:02}"})
    message = refusal(store, "queue.remove", name="q07x")
    assert "did you mean q07?" in message
    assert "q18, q19" in message
    assert "q20" not in message
    assert message.endswith(" and 11 more")


KEYS: dict[str, Any] = {
    **TREE,
    "api_keys": {
        "wallboard": {"role": "supervisor", "sha256": "a" * 64},
        "desk": {"role": "agent", "agent": "ann", "sha256": "b" * 64, "expires": "2027-01-31T18:00:00Z"},
    },
}


def test_the_hash_of_a_token_is_in_the_state_and_in_no_answer(store: Store) -> None:
    applied = store.run("apply", centre=KEYS)
    assert store.restarted().centre.api_keys["desk"].sha256 == "b" * 64
    changed = store.run("api_key.set", fields={"name": "desk", "sha256": "c" * 64})
    assert changed["changes"][0]["fields"] == [{"field": "sha256", "before": "(hidden)", "after": "(hidden)"}]
    told = orjson.dumps([applied, changed, store.run("api_key.list")]).decode()
    for letter in "abc":
        assert letter * 64 not in told


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"agent": "rob"}, "api_keys.desk.agent: there is no agent 'rob'; allowed: ann"),
        ({"user": "rob"}, "api_keys.desk.user: there is no user 'rob'; did you mean bob?"),
        ({"agent": None}, "a key of the role agent needs agent or user"),
        ({"role": "boss"}, "'boss' is not allowed here; allowed: agent, supervisor, quality, admin, auditor"),
        ({"sha256": "A" * 64}, "sha256: this value is not allowed here; allowed: 64 digits of 0-9a-f"),
        ({"sha256": "a" * 64}, "api_keys.desk.sha256: is that of wallboard; a token belongs to one key"),
        ({"expires": "2027-01-31"}, "'2027-01-31' is no date and time with zone"),
        ({"expires": "soon"}, "'soon' is no date and time with zone"),
    ],
)
def test_a_wrong_key_is_refused(store: Store, change: dict[str, Any], expected: str) -> None:
    store.run("apply", centre=KEYS)
    assert expected in refusal(store, "api_key.set", fields={"name": "desk", **change})


def test_who_is_a_key_is_not_removed(store: Store) -> None:
    store.run("apply", centre=KEYS)
    assert "still used by api_keys.desk.agent" in refusal(store, "agent.remove", name="ann")


@pytest.mark.parametrize(
    ("command", "args", "code"),
    [
        ("queue.remove", {"name": "gone"}, "not_found"),
        ("queue.remove", {"name": "sales"}, "conflict"),
        ("queue.set", {"fields": {"name": "sales"}, "must": "new"}, "conflict"),
        ("queue.set", {"fields": {"name": "gone"}, "must": "exist"}, "not_found"),
        ("queue.set", {"fields": {"name": "sales", "survey": "gone"}}, "invalid"),
    ],
)
def test_programs_are_told_by_a_code_why(store: Store, command: str, args: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        store.run(command, **args)
    assert caught.value.code == code
