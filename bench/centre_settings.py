"""The call centre under load: callers of a trunk, one menu, one queue, and agents with a phone each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.system import Addresses

QUEUE = "support"
_CENTRE = """\
users:
{users}
agents:
{agents}
queues:
  {queue}: {{wrap_up_s: 0, announce_position_every_s: 10, record: {record}}}
trunks:
  carrier: {{allow_from: [{callers}]}}
numbers:
  "100": flow:main
flows:
  main:
    steps:
      - menu:
          prompts: main_menu
          choices:
            "1":
              - queue: {queue}
"""


@dataclass(frozen=True, slots=True)
class Centre:
    """Enough agents for the load, with the passwords of their phones."""

    passwords: dict[str, str]
    record: bool
    others: tuple[tuple[str, str], ...] = ()
    """Users who are no agents, with their passwords."""

    @classmethod
    def of(cls, agents: int, record: bool, others: Mapping[str, str] | None = None) -> Centre:
        passwords = {f"agent{number}": f"password{number}" for number in range(1, agents + 1)}
        return cls(passwords, record, tuple((others or {}).items()))

    def yaml(self, addresses: Addresses) -> str:
        """The text of centre.yaml."""
        return _CENTRE.format(
            users="\n".join(
                f"  {name}: {{password: {word}}}" for name, word in (*self.passwords.items(), *self.others)
            ),
            agents="\n".join(f"  {name}: {{user: {name}, queues: [{QUEUE}]}}" for name in self.passwords),
            queue=QUEUE,
            record=str(self.record).lower(),
            callers=addresses.callers,
        )
