"""The call centre in which the real phones meet: each has a caller, an agent, a queue and a number."""

from __future__ import annotations

from itertools import product
from typing import Any

from softswitch.sip.digest import ha1

PEERS = ("sipp", "baresip", "linphone", "pjsua")
TRANSPORTS = ("udp", "tcp")
REALM = "softswitch"
CARRIER_HOST, TRUNK_HOST, PROVIDER_HOST = "127.0.0.78", "127.0.0.77", "127.0.0.79"
OUTSIDE_NUMBER, OUR_NUMBER, GATEWAY_NUMBER = "0301234567", "+4930100", "+4930200"
PROVIDER_NUMBER = "+4930300"
EDGE_HOST, BEHIND_HOST = "127.0.0.82", "127.0.0.83"
RING_TIMEOUT_S = 1.5

CALLED_BACK = {"agent-first": "206", "customer-first": "207"}
"""Queues that call back in one order or the other, and their numbers."""

# Who is an agent in a queue of the same name, which the number `number_of` leads to.
AGENTS = (
    *(f"{peer}-{transport}" for peer, transport in product(PEERS, TRANSPORTS)),
    "trunk",
    "provider",
    "holding",
    "codec",
    "transfers",
    "secure",
    *CALLED_BACK,
)


def password(user: str) -> str:
    return f"{user}-secret"


def number_of(agent: str) -> str:
    """A number that asks two questions, answered by 1 and 2, and leads to the agent's queue."""
    return str(100 + AGENTS.index(agent))


def flow(agent: str) -> dict[str, Any]:
    """The second question can only be reached by the first key, the queue only by the second."""
    ask = {"timeout_s": 20, "retries": 0, "on_no_input": "wrong", "on_wrong_input": "wrong"}
    return {
        "steps": [
            {"name": "first", "menu": {"prompts": "welcome", "choices": {"1": "second"}, **ask}},
            {"name": "second", "menu": {"prompts": "main_menu", "choices": {"2": "third"}, **ask}},
            {"name": "third", "queue": agent},
            {"name": "wrong", "hang_up": {}},
        ]
    }


LONGER = ("press_star_to_repeat", "stay_on_line")
"""Said after the prompt of a question, so that a key cuts something else short."""


def tour() -> dict[str, Any]:
    """A flow through every kind of step that a caller hears or answers; each says what nothing else says."""
    ask = {"retries": 0, "timeout_s": 20, "on_no_input": "lost", "on_wrong_input": "lost"}
    return {
        "tour": {
            "on_hang_up": [{"hang_up": "flow_finished"}],
            "steps": [
                {"menu": {"prompts": ["n_1", *LONGER], "choices": {"1": "collect"}, **ask}},
                {
                    "name": "collect",
                    "collect": {"into": "account", "prompts": ["n_2", *LONGER], "digits": 2, **ask},
                },
                {"say": {"digits": "{account}"}},
                {"set": {"language": "zh", "sum": "= account + 1"}},
                {"branch": {"if": "sum == 68", "then": [{"say": {"number": "{sum}"}}], "else": "lost"}},
                {"loop": {"times": 2, "steps": [{"say": "n_3"}]}},
                {
                    "flow": {
                        "name": "part",
                        "with": {"key": "5"},
                        "into": {"told": "told"},
                        "on": {"right": "next"},
                    }
                },
                {"goto": "lost"},
                {"name": "next", "record": True},
                {"dial": {"target": "user:nobody", "on_unreachable": [{"say": {"number": "{told}"}}]}},
                {"queue": {"name": "tour", "on_timeout": [{"say": "thank_you"}]}},
                {"survey": {"question": "tour", "prompts": ["n_5", *LONGER], **ask}},
                {"python": {"flow": "tour", "with": {"key": "{told}"}, "on": {"right": "opening"}}},
                {"goto": "lost"},
                {"name": "opening", "hours": {"calendar": "tour", "closed": "shut", "open": "lost"}},
                {"name": "shut", "say": "year"},
                {"transfer": "flow:last"},
                {"name": "lost", "hang_up": "flow_failed"},
            ],
        },
        "part": {
            "language": "zh",
            "steps": [
                {
                    "menu": {
                        "prompts": ["n_4", *LONGER],
                        "choices": {"5": [{"set": {"told": "9"}}, {"return": "right"}]},
                        **ask,
                    }
                },
                {"name": "lost", "return": "wrong"},
            ],
        },
        "last": {"steps": [{"say": {"money": "2 EUR"}}, {"hang_up": "flow_finished"}]},
    }


# What is heard on the tour, in its order; n_6 and n_7 are the digits 6 and 7 that the caller enters.
TOUR = (
    "en/n_1 en/n_2 en/n_6 en/n_7 zh/n_60 zh/n_8 zh/n_3 zh/n_3 zh/n_4 zh/n_9 zh/thank_you zh/n_5 zh/n_wan"
    " zh/year en/n_2 en/euros"
).split()
PYTHON_FLOWS = {
    "tour": """\
from softswitch.ivr.actions import Say


def flow(call):
    yield Say("n_wan")
    return "right" if call["key"] == "9" else "wrong"
"""
}


def with_tour(settings: dict[str, Any]) -> dict[str, Any]:
    """The centre with the tour on number 300, and those who go on it."""
    users = [f"walks-{kind}" for kind in ("events", "info", "tones")] + ["nobody"]
    settings["users"] |= {name: {"password": password(name)} for name in users}
    settings["queues"]["tour"] = {"wrap_up_s": 0, "announce_position_every_s": None, "max_wait_s": 0.5}
    settings["calendars"] = {"tour": {"week": {}}}
    settings["flows"] |= tour()
    settings["numbers"]["300"] = "flow:tour"
    return settings


def strong_user(name: str) -> dict[str, Any]:
    """One whose password is known by its SHA-256 hash only, so that no MD5 answer can be right."""
    return {"ha1": {"SHA-256": ha1(name, REALM, password(name), "SHA-256")}}


def centre(carrier_port: int) -> dict[str, Any]:
    callers = [f"caller-{peer}-{transport}" for peer, transport in product(PEERS, TRANSPORTS)]
    users = [*AGENTS, *callers, "gateway", "slow", "quick", "hunter", "sender", "colleague", "speaks-gsm"]
    users += ["web-ws", "web-wss", "web-other", "six", "six-too", "four"]
    users += [f"{role}-{peer}" for role, peer in product(("calls", "called", "codec"), PEERS)]
    users += [f"holds-{peer}-{role}" for peer, role in product(PEERS, ("caller", "agent"))]
    roles = product(("watches", "watched", "seen", "lit", "behind"), TRANSPORTS)
    users += [f"{role}-{transport}" for role, transport in roles]
    quiet = {"wrap_up_s": 0, "announce_position_every_s": None}
    return {
        "users": {name: {"password": password(name)} for name in users}
        | {"outgoing": {"password": password("outgoing"), "permissions": ["dial_out"]}}
        | {f"secure-{peer}": {"password": password(f"secure-{peer}"), "srtp": "required"} for peer in PEERS}
        | {f"strong-{peer}": strong_user(f"strong-{peer}") for peer in PEERS},
        "agents": {name: {"user": name, "queues": [name]} for name in AGENTS}
        | {name: {"user": name, "queues": ["hunting"]} for name in ("slow", "quick")},
        "queues": dict.fromkeys(AGENTS, quiet)
        | {"hunting": {**quiet, "ring_timeout_s": RING_TIMEOUT_S}}
        | {
            name: {
                **quiet,
                "callback": {"order": name.replace("-", "_"), "calling": ["other"]},
                "timeline": [{"after_s": 0.2, "callback": True}],
            }
            for name in CALLED_BACK
        },
        "trunks": {
            "carrier": {"addresses": [f"{CARRIER_HOST}:{carrier_port}"]},
            "line": {"allow_from": [TRUNK_HOST]},
            "gateway": {"user": "gateway"},
        },
        "flows": {name: flow(name) for name in AGENTS},
        "numbers": {number_of(name): f"flow:{name}" for name in AGENTS}
        | {
            "200": "queue:holding",
            "201": "queue:codec",
            "202": "queue:transfers",
            "204": "queue:hunting",
            "205": "queue:secure",
            **{number: f"queue:{name}" for name, number in CALLED_BACK.items()},
            OUR_NUMBER: {"target": "queue:trunk", "trunk": "line"},
            GATEWAY_NUMBER: {"target": "queue:trunk", "trunk": "gateway"},
            PROVIDER_NUMBER: "queue:provider",
        },
    }
