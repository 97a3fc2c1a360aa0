"""One difference between the stored configuration and the wanted one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from softswitch.config import KINDS, Model

Action = Literal["add", "change", "remove"]
Stored = dict[str, Any]

# Shown as "(hidden)": the stored hashes of users' passwords are as good as the passwords to a phone. Those of
# tokens are not, but are nobody's business either.
HIDDEN_FIELDS = frozenset({"ha1", "sha256"})


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after` are the stored forms (None: not there); `secret` is kept outside the journal.

    `secret_changed` says whether `secret` differs from the one there now, `by` who wanted it. `model` is the
    object after the change, secret included.
    """

    kind: str
    name: str
    action: Action
    origin: str
    before: Stored | None = field(repr=False)
    after: Stored | None = field(repr=False)
    model: Model | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    secret_changed: bool = False
    by: str = "command"

    @property
    def key(self) -> str:
        """Key of the live state and of the secrets: 'user/alice'."""
        return f"{self.kind}/{self.name}"

    def differences(self) -> list[dict[str, Any]]:
        """[{field, before, after}] for display: no credential, hashed or not, is in it."""
        before, after = self.before or {}, self.after or {}
        fields = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        key = KINDS[self.kind].key if self.kind in KINDS else ""
        shown = [_shown(name, before.get(name), after.get(name)) for name in fields if name != key]
        if self.secret_changed and self.action == "change":
            shown.append({"field": "secret", "before": "(hidden)", "after": "(hidden)"})
        return shown

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "action": self.action, "fields": self.differences()}

    def fact(self) -> dict[str, Any]:
        """What the journal keeps of it: type, data and the new live state."""
        kept = None if self.after is None else {"value": self.after, "created_by": self.origin}
        changed = [difference["field"] for difference in self.differences()]
        return {
            "type": "configuration_changed",
            "data": {
                "kind": self.kind,
                "name": self.name,
                "change": self.action,
                "fields": changed,
                "by": self.by,
            },
            "keep": {self.key: kept},
        }


def _shown(name: str, before: Any, after: Any) -> dict[str, Any]:
    if name in HIDDEN_FIELDS:
        before, after = before and "(hidden)", after and "(hidden)"
    return {"field": name, "before": before, "after": after}
