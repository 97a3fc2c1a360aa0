"""The first configuration: both files with every key explained and secrets of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from softswitch.config import (
    Agent,
    ApiKey,
    Backend,
    Calendar,
    CallingClass,
    Conference,
    FeatureCodes,
    Listen,
    Media,
    Node,
    Number,
    Numbering,
    OutboundRoute,
    Queue,
    ScreenPop,
    Sip,
    Statuses,
    Supervision,
    Trunk,
    User,
    Voicemail,
    Webhook,
)
from softswitch.config.calendar import CalendarDay
from softswitch.config.commented import commented, yaml_value

_NODE_HEAD = """\
# Settings of this machine. A change takes effect when the switch starts again.
# This file holds a secret: keep it readable by its owner only.

"""

_CENTRE_HEAD = """\
# The call centre: users, agents, queues, trunks, numbers and flows.
# Load it with: softswitch apply centre.yaml
# Keys without a value stand there as comments. The passwords were made for this file; once they are
# applied, only hashes of them are stored, and you may delete them here: the stored ones stay.

"""

_FLOW = """\
flows:
  main:
    # Language of the prompts: en or zh.
    language: en
    # Carried out from top to bottom. A text after say is a prompt of the manifest.
    steps:
      - say: welcome
      # One digit decides how to go on; asked again when it is none of the choices.
      - menu:
          prompts: main_menu
          timeout_s: 5
          retries: 2
          choices:
            "1": [{say: queue_sales}, {queue: sales}]
            "2": [{say: queue_support}, {queue: support}]
            "3": [{say: queue_billing}, {queue: billing}]
      # Whoever chose nothing, or was not answered, comes here.
      - say: goodbye
      - hang_up
"""

_CLASS = CallingClass(name="neighbours", prefixes=("+43", "+41"))
_BACKEND = Backend(name="crm", urls=("https://crm.example.com/api",))
_API_KEY = ApiKey(name="wallboard", role="supervisor", sha256="0" * 64)
_WEBHOOK = Webhook(name="crm", url="https://crm.example.com/events", secret="whsec_" + "A" * 32)
_VOICEMAIL = Voicemail(name="alice", users=("alice",))
_ROUTE = OutboundRoute(name="everything", trunks=("carrier",))
_ROOM = Conference(name="team")
_CALENDAR = Calendar(name="office", week={"mon-fri": ("09:00-17:00",)}, dates={"12-31": CalendarDay()})
_QUEUES = ("sales", "support", "billing")
_AGENTS = {"alice": ("sales", "support"), "bob": ("support", "billing")}


def node_file(host: str, secret: str) -> str:
    """softswitch.yaml for a machine that phones reach at `host`."""
    listen = (Listen(transport="UDP", host=host), Listen(transport="TCP", host=host))
    node = Node(sip=Sip(listen=listen, nonce_secret=secret), media=Media(host=host))
    return _NODE_HEAD + commented(node)


def centre_file(password: Callable[[], str], pin: Callable[[], str]) -> str:
    """centre.yaml: two agents, a supervisor, three queues, a menu on the number 100."""
    house = ("house",)
    users = [
        User(name=name, password=password(), display=name.title(), pickup_groups=house) for name in _AGENTS
    ]
    users.append(User(name="sue", password=password(), display="Sue", permissions=("supervise", "dial_out")))
    agents = [Agent(name=name, user=name, pin=pin(), queues=queues) for name, queues in _AGENTS.items()]
    trunk = Trunk(name="carrier", addresses=("192.0.2.10:5060",), allow_from=("192.0.2.10",))
    return "".join(
        [
            _CENTRE_HEAD,
            *_group("users", "People with phones.", users, ("name", "ha1", "realm")),
            *_group("agents", "People who answer queued calls.", agents, ("name",)),
            *_group("queues", "Where calls wait.", [Queue(name=name) for name in _QUEUES], ("name",)),
            "# Carriers and gateways. Take away the # to use it.\n",
            *_as_comment(_group("trunks", "", [trunk], ("name",))),
            "\n# Numbers and where each leads: flow:NAME, queue:NAME, user:NAME or voicemail:NAME.\n",
            "numbers:\n",
            f"  {yaml_value(Number(number='100', target='flow:main').number)}: flow:main\n",
            *(f'  "20{place}": user:{user.name}\n' for place, user in enumerate(users, 1)),
            "\n# What callers hear and choose.\n",
            _FLOW,
            "\n# What users dial for services; no code may be the beginning of another.\nfeature_codes:\n",
            commented(FeatureCodes(), 2),
            "\n# What agents may say of themselves.\nstatuses:\n",
            commented(Statuses(), 2),
            "\n# What those who are supervised see of it.\nsupervision:\n",
            commented(Supervision(), 2),
            "\n# What agents are told about callers when their phones ring.\nscreen_pop:\n",
            commented(ScreenPop(), 2),
            "\n# How numbers outside are read, and which of them are emergency numbers.\nnumbering:\n",
            commented(Numbering(), 2),
            "\n# Classes of numbers outside, for calling of users. Take away the # to use it.\n",
            *_as_comment(_group("calling_classes", "", [_CLASS], ("name",))),
            "\n# Over which trunks numbers outside are called, and when. Take away the # to use it.\n",
            *_as_comment(_group("routes", "", [_ROUTE], ("name",))),
            "\n# Rooms in which any number of callers talk. Take away the # to use it.\n",
            *_as_comment(_group("conferences", "", [_ROOM], ("name",))),
            "\n# Opening hours, for hours of queues. Take away the # to use it.\n",
            *_as_comment(_group("calendars", "", [_CALENDAR], ("name",))),
            "\n# Business systems that flows ask. Take away the # to use it.\n",
            *_as_comment(_group("backends", "", [_BACKEND], ("name",))),
            "\n# Voice mailboxes. Take away the # to use it.\n",
            *_as_comment(_group("voicemail", "", [_VOICEMAIL], ("name",))),
            "\n# Programs that may use the API; softswitch api-key add makes one without this file.\n",
            *_as_comment(_group("api_keys", "", [_API_KEY], ("name",))),
            "\n# Programs that are told what happens; softswitch webhook add makes one with a secret.\n",
            *_as_comment(_group("webhooks", "", [_WEBHOOK], ("name", "secret"))),
        ]
    )


def _as_comment(lines: Iterator[str]) -> Iterator[str]:
    return (f"# {line}\n" for line in "".join(lines).split("\n") if line)


def _group(
    group: str,
    about: str,
    models: list[User]
    | list[Agent]
    | list[Queue]
    | list[Trunk]
    | list[CallingClass]
    | list[OutboundRoute]
    | list[Calendar]
    | list[Backend]
    | list[Voicemail]
    | list[Conference]
    | list[ApiKey]
    | list[Webhook],
    without: tuple[str, ...],
) -> Iterator[str]:
    """A group by name; the keys are explained at the first object, the others have only what they set."""
    yield f"# {about}\n{group}:\n" if about else f"{group}:\n"
    first, *others = models
    yield f"  {first.name}:\n{commented(first, 4, without)}"
    for model in others:
        given = {key: value for key, value in model if key in model.model_fields_set}
        short = {key: value for key, value in given.items() if key not in without}
        yield f"  {model.name}: {yaml_value(short)}\n"
    yield "\n"
