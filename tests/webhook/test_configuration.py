"""Webhooks in the configuration: their secret, and the names they may use."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config import Webhook
from softswitch.config.errors import ConfigError, validate
from tests.config.test_directory import TREE, Store
from tests.webhook.world import SECRET, URL

OTHER = "whsec_" + "B" * 32


def test_the_secret_is_in_no_fact_and_no_listing() -> None:
    store = Store()
    store.run(
        "apply", centre={**TREE, "webhooks": {"crm": {"url": URL, "secret": SECRET, "queues": ["sales"]}}}
    )
    assert store.secrets["webhook/crm"] == SECRET
    assert SECRET not in str(store.facts) + str(store.run("webhook.list"))
    assert store.restarted().centre.webhooks["crm"].secret == SECRET
    assert SECRET not in repr(store.directory.centre)


def test_a_secret_that_is_not_given_stays() -> None:
    store = Store()
    tree: dict[str, Any] = {**TREE, "webhooks": {"crm": {"url": URL, "secret": SECRET}}}
    store.run("apply", centre=tree)
    tree["webhooks"] = {"crm": {"url": URL}}
    assert store.run("apply", centre=tree)["changes"] == []
    store.run("webhook.set", fields={"name": "crm", "deadline_s": 5, "secret": None}, must="exist")
    assert store.secrets["webhook/crm"] == store.directory.centre.webhooks["crm"].secret == SECRET
    (change,) = store.run("webhook.set", fields={"name": "crm", "secret": OTHER})["changes"]
    assert change["fields"] == [{"field": "secret", "before": "(hidden)", "after": "(hidden)"}]
    store.run("webhook.remove", name="crm")
    assert "webhook/crm" not in store.secrets


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "webhooks.crm: a new webhook needs a secret"),
        (
            {"secret": SECRET, "queues": ["sale"]},
            "webhooks.crm.queues[0]: there is no queue 'sale'; did you mean",
        ),
        ({"secret": SECRET, "agents": ["bob"]}, "webhooks.crm.agents[0]: there is no agent 'bob'"),
        (
            {"secret": "whsec_short"},
            "webhooks.crm.secret: this value is not allowed here; allowed: whsec_ and",
        ),
        ({"secret": SECRET + "A"}, "webhooks.crm.secret: this value is no base64"),
        ({"secret": SECRET, "url": "ftp://x"}, "allowed: http:// or https://"),
        ({"secret": SECRET, "url": "https://user:pw@x/"}, "allowed: http:// or https://"),
        ({"secret": SECRET, "events": ["call.*"]}, "allowed: small letters, digits, _ and *"),
        ({"secret": SECRET, "headers": {"Host": "x"}}, "Host is written by the switch itself"),
        ({"secret": SECRET, "max_age_s": 1e6}, "604800"),
    ],
)
def test_mistakes(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        Store().run("apply", centre={**TREE, "webhooks": {"crm": {"url": URL, **settings}}})
    assert expected in str(error.value)
    assert "whsec_short" not in str(error.value)


def test_two_secrets_while_one_is_changed() -> None:
    assert validate(Webhook, {"name": "x", "url": URL, "secret": f"{SECRET} {OTHER}"}).secret
    with pytest.raises(ConfigError):
        validate(Webhook, {"name": "x", "url": URL, "secret": f"{SECRET} {OTHER} {OTHER}"})
