"""The commands that read and change the configuration, the same for a running switch and without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from softswitch.config import KINDS, SINGLES, Centre, Model, User
from softswitch.config.errors import CONFLICT, NOT_FOUND, ConfigError, Problem, did_you_mean, validate
from softswitch.directory.change import HIDDEN_FIELDS, Change
from softswitch.directory.directory import SECRET_FIELDS, Directory
from softswitch.directory.usable import usable

SaveSecrets = Callable[[Mapping[str, str]], None]
VERBS = ("list", "set", "remove")
OTHERS = ("apply", "settings.list", "settings.set", "centre.show")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answer for the one who asked, changes for the engines, facts for the journal."""

    result: Any
    changes: tuple[Change, ...] = ()

    @property
    def facts(self) -> tuple[dict[str, Any], ...]:
        return tuple(change.fact() for change in self.changes)


class ConfigCommands:
    """`apply`, `centre.show`, KIND.list, KIND.set, KIND.remove, and settings.list, settings.set of the groups
    without names, on a Directory.

    `save_secrets` is called with all clear secrets before a change of them is applied; when it raises,
    nothing has changed.
    """

    def __init__(self, directory: Directory, save_secrets: SaveSecrets) -> None:
        self._directory = directory
        self._save_secrets = save_secrets

    def knows(self, command: str) -> bool:
        kind, _, verb = command.partition(".")
        return command in OTHERS or (kind in KINDS and verb in VERBS)

    def handle(self, command: str, args: Mapping[str, Any]) -> Outcome:
        """Carry out one command; ConfigError with every mistake, and then nothing has changed. The facts say
        by whom it was given (`by`)."""
        outcome, by = self._carry_out(command, args), str(args.get("by") or "command")[:64]
        return Outcome(outcome.result, tuple(replace(each, by=by) for each in outcome.changes))

    def _carry_out(self, command: str, args: Mapping[str, Any]) -> Outcome:
        if command == "apply":
            return self._apply(args)
        if command == "centre.show":
            return Outcome(self._shown())
        kind, _, verb = command.partition(".")
        if kind == "settings":
            return Outcome(self._settings()) if verb == "list" else self._set_settings(args)
        if verb == "list":
            return Outcome(self._list(kind))
        if verb == "set":
            return self._commit(self._directory.plan_set(kind, self._wanted(kind, args)))
        return self._commit(self._directory.plan_remove(kind, text_argument(args, "name")))

    def _apply(self, args: Mapping[str, Any]) -> Outcome:
        """args: centre (plain tree of centre.yaml), prune, dry_run."""
        prune = bool(args.get("prune"))
        centre = self._centre(args.get("centre"), prune)
        left = [] if prune else self._directory.left_out(centre)
        changes = self._directory.plan(centre, prune=prune)
        if args.get("dry_run"):
            shown = [change.to_json() for change in changes]
            return Outcome({"changes": shown, "applied": False, "left": left})
        done = self._commit(changes)
        return Outcome({**done.result, "left": left}, done.changes)

    def _centre(self, tree: Any, prune: bool) -> Centre:
        """The typed tree; ConfigError with its mistakes and with those of what is right by itself."""
        try:
            return validate(Centre, tree)
        except ConfigError as error:
            part = usable(tree, error.problems)
            further = [] if part is None else self._directory.problems(part, prune=prune)
            told = {problem.path for problem in error.problems}
            # What was left out for a mistake there is not missing.
            rest = [each for each in further if not any(path[: len(each.path)] == each.path for path in told)]
            raise ConfigError([*error.problems, *rest]) from None

    def _settings(self) -> dict[str, Any]:
        return {group: getattr(self._directory.centre, group).model_dump(mode="json") for group in SINGLES}

    def _set_settings(self, args: Mapping[str, Any]) -> Outcome:
        """args: group, and fields that change; null is the default."""
        group, fields = text_argument(args, "group"), args.get("fields")
        if group not in SINGLES:
            message = f"there is no group {group!r}; {did_you_mean(group, SINGLES)}"
            raise ConfigError([Problem(("group",), message, NOT_FOUND)])
        if not isinstance(fields, Mapping):
            raise ConfigError([Problem((), "fields must be a group of keys")])
        stored = getattr(self._directory.centre, group).model_dump(exclude_defaults=True)
        model = validate(SINGLES[group], {**stored, **fields}, (group,))
        return self._commit(self._directory.plan_settings(group, model))

    def _shown(self) -> dict[str, Any]:
        """The groups of centre.yaml without what is secret, hashed or not, or at its default."""
        centre, tree = self._directory.centre, {}
        for kind, entry in KINDS.items():
            hidden = {*HIDDEN_FIELDS, "password", SECRET_FIELDS.get(kind, "password"), entry.key}
            tree[entry.group] = {
                name: each.model_dump(mode="json", exclude=hidden, exclude_defaults=True)
                for name, each in getattr(centre, entry.group).items()
            }
        for group in SINGLES:
            tree[group] = getattr(centre, group).model_dump(mode="json", exclude_defaults=True)
        return {group: value for group, value in tree.items() if value}

    def _list(self, kind: str) -> list[dict[str, Any]]:
        hidden = HIDDEN_FIELDS | {"password", SECRET_FIELDS.get(kind, "password")}
        objects = getattr(self._directory.centre, KINDS[kind].group)
        return [
            {
                **objects[name].model_dump(mode="json", exclude=set(hidden)),
                "created_by": self._directory.created_by(kind, name),
                **self._told_of(objects[name]),
            }
            for name in sorted(objects)
        ]

    def _told_of(self, model: Model) -> dict[str, Any]:
        """Users whose password was hashed for another realm cannot register until it is given again."""
        if not isinstance(model, User):
            return {}
        return {"needs_password": model.realm != self._directory.realm}

    def _wanted(self, kind: str, args: Mapping[str, Any]) -> Model:
        """The object after `set`: the one stored with `fields` changed, or a new one.

        args: fields, and must ("new" or "exist") when only one of both is meant.
        """
        entry = KINDS[kind]
        fields = args.get("fields")
        if not isinstance(fields, Mapping):
            raise ConfigError([Problem((), "fields must be a group of keys")])
        name = text_argument(fields, entry.key)
        stored = getattr(self._directory.centre, entry.group).get(name)
        must, word = args.get("must"), kind.replace("_", "-")
        if must == "new" and stored is not None:
            raise ConfigError(
                [Problem((), f"there is already a {kind} {name!r}; use {word} set to change it", CONFLICT)]
            )
        if must == "exist" and stored is None:
            message = f"there is no {kind} {name!r}; use {word} add to make it"
            raise ConfigError([Problem((), message, NOT_FOUND)])
        base = {} if stored is None else stored.model_dump(exclude_defaults=True)
        if fields.get("password") is not None:
            base.pop("ha1", None)
        return validate(entry.model, {**base, **fields})

    def _commit(self, changes: list[Change]) -> Outcome:
        if any(change.secret_changed for change in changes):
            self._save_secrets(self._directory.secrets_after(changes))
        shown = [change.to_json() for change in changes]
        self._directory.apply(changes)
        return Outcome({"changes": shown, "applied": True}, tuple(changes))


def text_argument(args: Mapping[str, Any], name: str) -> str:
    """A text argument of a command; ConfigError when it is missing."""
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError([Problem((name,), "is missing; give it as text")])
    return value
