"""The stored configuration: what is there, what would change, and the change itself, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from softswitch.config import KINDS, SINGLES, Centre, Flow, Model, Queue, User, Webhook
from softswitch.config.base import ALGORITHMS
from softswitch.config.errors import (
    CONFLICT,
    NOT_FOUND,
    ConfigError,
    Path,
    Problem,
    did_you_mean,
    key_text,
    validate,
)
from softswitch.directory.change import Action, Change, Stored
from softswitch.directory.flows import FlowCatalogue
from softswitch.directory.names import Names
from softswitch.directory.prompts import PromptNames, Texts
from softswitch.directory.references import check_references, names_of
from softswitch.directory.usable import Usable
from softswitch.sip.digest import ha1

# The field of a kind that must be known in clear: it is kept in the secrets, never in the journal.
SECRET_FIELDS = {"trunk": "password", "agent": "pin", "voicemail": "pin", "webhook": "secret"}
# Kinds whose secret stays when none is given.
KEEPING_SECRET = ("webhook",)


class Directory:
    """`centre` is the whole stored configuration as one typed tree, passwords of trunks and PINs included.

    `realm` is that of the node; `secrets` maps 'trunk/NAME' and 'agent/NAME' to what must be known in
    clear. A change is planned (ConfigError with every mistake, nothing changed) and then applied; `apply`
    returns the facts for the journal, and `restore` takes back the live state these facts keep. With
    `prompts` (names by language, and of 'music') flows and queues may name only those.
    """

    def __init__(
        self,
        realm: str,
        secrets: Mapping[str, str] | None = None,
        prompts: Mapping[str, Collection[str]] | None = None,
        texts: Texts | None = None,
    ) -> None:
        self.realm = realm
        self.centre = Centre()
        self.secrets = dict(secrets or {})
        self._prompts = PromptNames(prompts, texts or Texts())
        self.flows = FlowCatalogue(self._prompts)
        self._stored: dict[str, Stored] = {}
        self._origins: dict[str, str] = {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the configuration in a live state; keys of other owners are left alone."""
        groups: dict[str, dict[str, Model]] = {kind.group: {} for kind in KINDS.values()}
        singles: dict[str, Model] = {}
        for key, kept in state.items():
            kind, _, name = key.partition("/")
            if kind in KINDS:
                secret = {SECRET_FIELDS[kind]: self.secrets.get(key)} if kind in SECRET_FIELDS else {}
                given = {**kept["value"], **secret}
                groups[KINDS[kind].group][name] = validate(KINDS[kind].model, given, (kind, name))
            elif kind in SINGLES:
                singles[kind] = validate(SINGLES[kind], kept["value"], (kind,))
            else:
                continue
            self._stored[key], self._origins[key] = kept["value"], kept["created_by"]
        self.centre = Centre().model_copy(update={**groups, **singles})

    def ha1(self, username: str, algorithm: str) -> str | None:
        """HA1 of a user for a digest algorithm, None when there is none that fits the realm."""
        user = self.centre.users.get(username)
        if user is None or user.realm != self.realm:
            return None
        return user.ha1.get(algorithm)  # type: ignore[call-overload, no-any-return]

    def created_by(self, kind: str, name: str) -> str | None:
        """'apply' or 'command'; None when there is no such object."""
        return self._origins.get(f"{kind}/{name}")

    def plan(self, centre: Centre, *, prune: bool = False, origin: str = "apply") -> list[Change]:
        """Changes that make the stored configuration hold all of `centre`.

        With `prune` what an earlier plan of the same origin created and `centre` lacks is removed. Feature
        codes and numbering that `centre` does not mention stay.
        """
        return self._checked(self._changes(centre, prune, origin))

    def problems(self, part: Usable, *, prune: bool = False, origin: str = "apply") -> list[Problem]:
        """What is wrong besides with the usable part of a configuration that has mistakes already."""
        changes = self._changes(part.centre, prune, origin)
        after = self._centre_after(changes)
        names = {kind: known | part.names[kind] for kind, known in names_of(after).items()}
        return self._contradictions(changes, after, names)

    def _changes(self, centre: Centre, prune: bool, origin: str) -> list[Change]:
        changes = [
            self._change(kind, name, model, origin)
            for kind, group in ((kind, entry.group) for kind, entry in KINDS.items())
            for name, model in getattr(centre, group).items()
        ]
        for kind in SINGLES:
            wanted = getattr(centre, kind)
            if kind in centre.model_fields_set and wanted != getattr(self.centre, kind):
                changes.append(self._change(kind, "", wanted, origin))
        if prune:
            changes += self._pruned(centre, origin)
        return changes

    def left_out(self, centre: Centre, *, origin: str = "apply") -> list[str]:
        """'user/alice' of everything that an earlier plan of `origin` created and `centre` lacks."""
        return [change.key for change in self._pruned(centre, origin)]

    def plan_set(self, kind: str, model: Model, *, origin: str = "command") -> list[Change]:
        """The change that adds or replaces one object."""
        name = getattr(model, KINDS[kind].key)
        return self._checked([self._change(kind, name, model, origin)])

    def plan_settings(self, group: str, model: Model, *, origin: str = "command") -> list[Change]:
        """The change of a group of which there is one, such as numbering."""
        return self._checked([self._change(group, "", model, origin)])

    def plan_remove(self, kind: str, name: str) -> list[Change]:
        """The change that removes one object; ConfigError while another one refers to it."""
        known = getattr(self.centre, KINDS[kind].group)
        if name not in known:
            message = f"there is no {kind} {name!r}; {did_you_mean(name, known)}"
            raise ConfigError([Problem((), message, NOT_FOUND)])
        try:
            return self._checked([self._removal(kind, name)])
        except ConfigError as error:
            users = ", ".join(key_text(problem.path) for problem in error.problems)
            message = f"{kind} {name!r} is still used by {users}; change that first"
            raise ConfigError([Problem((), message, CONFLICT)]) from None

    def secrets_after(self, changes: Iterable[Change]) -> dict[str, str]:
        """All clear secrets as they will be once `changes` are applied."""
        secrets = dict(self.secrets)
        for change in changes:
            if change.secret is None:
                secrets.pop(change.key, None)
            else:
                secrets[change.key] = change.secret
        return secrets

    def apply(self, changes: Iterable[Change]) -> None:
        """Carry out planned changes."""
        changes = list(changes)
        self.centre = self._centre_after(changes)
        self.secrets = self.secrets_after(changes)
        for change in changes:
            if change.after is None:
                del self._stored[change.key], self._origins[change.key]
            else:
                self._stored[change.key], self._origins[change.key] = change.after, change.origin

    def _change(self, kind: str, name: str, model: Model, origin: str) -> Change:
        if isinstance(model, User):
            model = self._hashed(model)
        key, secret_field = f"{kind}/{name}", SECRET_FIELDS.get(kind)
        secret = getattr(model, secret_field) if secret_field else None
        if secret is None and secret_field and kind in KEEPING_SECRET:
            secret = self.secrets.get(key)
            model = model.model_copy(update={secret_field: secret})
        hidden = {secret_field} if secret_field else set()
        after = model.model_dump(mode="json", exclude_defaults=True, exclude=hidden)
        before = self._stored.get(key)
        action: Action = "add" if before is None else "change"
        origin = self._origins.get(key, origin)
        changed = secret != self.secrets.get(key)
        return Change(kind, name, action, origin, before, after, model, secret, changed)

    def _removal(self, kind: str, name: str) -> Change:
        key = f"{kind}/{name}"
        known = key in self.secrets
        return Change(kind, name, "remove", self._origins[key], self._stored[key], None, secret_changed=known)

    def _pruned(self, centre: Centre, origin: str) -> list[Change]:
        wanted = {kind: getattr(centre, entry.group) for kind, entry in KINDS.items()}
        candidates = (key.split("/", 1) for key, by in self._origins.items() if by == origin)
        return [
            self._removal(kind, name)
            for kind, name in candidates
            if kind in wanted and name not in wanted[kind]
        ]

    def _checked(self, changes: list[Change]) -> list[Change]:
        """Without those that change nothing; ConfigError when the outcome would contradict itself."""
        changes = [each for each in changes if each.before != each.after or each.secret_changed]
        after = self._centre_after(changes)
        problems = self._contradictions(changes, after, names_of(after))
        if problems:
            raise ConfigError(problems)
        return changes

    def _contradictions(self, changes: list[Change], after: Centre, names: Names) -> list[Problem]:
        """Every mistake of the configuration `after` the changes, in which `names` are known."""
        return [
            *_without_password(changes),
            *_without_key(changes),
            *check_references(after, names),
            *self.flows.problems(after, names),
            *self._missing_prompts(changes),
        ]

    def _missing_prompts(self, changes: Iterable[Change]) -> list[Problem]:
        """Only of what changes: a prompt file that got lost must not stop every other change."""
        found: list[Problem] = []
        for change in changes:
            if isinstance(change.model, Queue):
                found += self._prompts.missing_in_queue(change.model)
            elif isinstance(change.model, Flow):
                found += self.flows.missing_prompts(change.model)
        return found

    def _centre_after(self, changes: Iterable[Change]) -> Centre:
        update: dict[str, Any] = {
            kind.group: dict(getattr(self.centre, kind.group)) for kind in KINDS.values()
        }
        for change in changes:
            if change.kind in SINGLES:
                update[change.kind] = change.model
            elif change.model is None:
                del update[KINDS[change.kind].group][change.name]
            else:
                update[KINDS[change.kind].group][change.name] = change.model
        return self.centre.model_copy(update=update)

    def _hashed(self, user: User) -> User:
        """`user` with HA1 instead of its password; without either, the HA1 that is stored stays."""
        if user.password is not None:
            hashes = {each: ha1(user.name, self.realm, user.password, each) for each in ALGORITHMS}
            return user.model_copy(update={"password": None, "ha1": hashes, "realm": self.realm})
        stored = self.centre.users.get(user.name)
        if not user.ha1 and stored is not None:
            return user.model_copy(update={"ha1": stored.ha1, "realm": stored.realm})
        return user.model_copy(update={"realm": user.realm or self.realm})


def _without_password(changes: Iterable[Change]) -> list[Problem]:
    nameless: list[tuple[Path, User]] = [
        (("users", change.name), change.model) for change in changes if isinstance(change.model, User)
    ]
    return [
        Problem(path, "a new user needs a password (or ha1); add password: ...")
        for path, user in nameless
        if not user.ha1
    ]


def _without_key(changes: Iterable[Change]) -> list[Problem]:
    message = "a new webhook needs a secret (softswitch webhook add makes one); add secret: whsec_..."
    return [
        Problem(("webhooks", change.name), message)
        for change in changes
        if isinstance(change.model, Webhook) and change.secret is None
    ]
