"""Messages in voice mailboxes: where their files are, who has heard them, when they go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from softswitch.call.message_taking import FILE, GREETING, Limits, Recorded
from softswitch.call.outputs import Fact, Keep, RemoveFiles

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.config import Voicemail

LOOK_EVERY_S = 600.0
DAY_S = 86_400.0
FOLDER = "voicemail"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `left_at` in UTC seconds, `caller` the number that left it,
    which `withheld` keeps from agents."""

    id: str
    mailbox: str
    call: str
    path: str
    seconds: float
    caller: str
    left_at: float
    heard: bool = False
    withheld: bool = False


class Mailbox:
    """The messages of one mailbox, the oldest first, and its recorded greeting ('': none)."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.greeting = ""


class VoicemailStore:
    """All mailboxes, and by id what is being recorded. Phones show mailboxes that their users may listen
    to."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._boxes: dict[str, Mailbox] = {}
        self.recording: dict[str, Recorded] = {}
        self._told: dict[str, tuple[str, ...]] = {}

    def settings(self, name: str) -> Voicemail | None:
        return self._exchange.centre.voicemail.get(name)

    def box(self, name: str) -> Mailbox:
        return self._boxes.setdefault(name, Mailbox())

    def messages(self, name: str) -> list[Message]:
        """New ones first, each kind in the order in which they came."""
        return sorted(self.box(name).messages.values(), key=lambda each: (each.heard, each.left_at, each.id))

    def is_full(self, name: str) -> bool:
        settings = self.settings(name)
        return settings is None or len(self.box(name).messages) >= settings.max_messages

    def limits(self, settings: Voicemail) -> Limits:
        return Limits(settings.max_s, settings.min_s, settings.silence_s)

    def greeting(self, settings: Voicemail, out: list[Any]) -> list[str]:
        """Files that callers hear before the tone."""
        recorded = self.box(settings.name).greeting
        if recorded:
            return [recorded]
        return self._exchange.prompt_paths(settings.language, (settings.greeting,), out)

    def path_for(self, purpose: str, mailbox: str, id: str, now: float) -> str:
        """Where a message is recorded. Files of flows lie among the recordings and are kept like those."""
        folder = self._exchange.utc_date(now) if purpose == FILE else f"{FOLDER}/{mailbox}"
        return f"{self._exchange.recordings_directory}/{folder}/{id}.wav"

    # What happens to messages

    def delivered(self, recorded: Recorded, seconds: float, out: list[Any]) -> None:
        """The file of a message is complete."""
        told = {"call": recorded.call, "message": recorded.id, "path": recorded.path, "seconds": seconds}
        if recorded.unwanted or (recorded.purpose != FILE and self.settings(recorded.mailbox) is None):
            _remove([recorded.path], out)
        elif recorded.purpose == FILE:
            out.append(Fact("message_recorded", told))
        elif recorded.purpose == GREETING:
            self._new_greeting(recorded, out)
        else:
            message = Message(
                recorded.id,
                recorded.mailbox,
                recorded.call,
                recorded.path,
                seconds,
                recorded.caller,
                recorded.left_at,
                withheld=recorded.withheld,
            )
            out.append(Fact("message_left", {**told, "mailbox": recorded.mailbox, "from": recorded.caller}))
            self._put(message, out)

    def hear(self, message: Message, by: str, heard: bool, out: list[Any]) -> None:
        """Mark a message as heard, or as new."""
        present = self.box(message.mailbox).messages.get(message.id)
        if present is not None and present.heard != heard:
            fields = {"mailbox": message.mailbox, "message": message.id, "by": by}
            out.append(Fact("message_heard", {"call": message.call, **fields}))
            self._put(Message(**{**asdict(present), "heard": heard}), out)

    def delete(self, message: Message, by: str, out: list[Any]) -> None:
        """Erase a message with its file."""
        if self.box(message.mailbox).messages.pop(message.id, None) is None:
            return
        fields = {"mailbox": message.mailbox, "message": message.id, "by": by}
        out.append(Fact("message_deleted", {"call": message.call, **fields}))
        out.append(Keep(f"voice_message/{message.id}", None))
        _remove([message.path], out)
        self._tell(message.mailbox, out)

    def find(self, id: str) -> Message | None:
        boxes = self._boxes.values()
        return next((box.messages[id] for box in boxes if id in box.messages), None)

    def _put(self, message: Message, out: list[Any]) -> None:
        self.box(message.mailbox).messages[message.id] = message
        out.append(Keep(f"voice_message/{message.id}", asdict(message)))
        self._tell(message.mailbox, out)

    def _new_greeting(self, recorded: Recorded, out: list[Any]) -> None:
        box = self.box(recorded.mailbox)
        former, box.greeting = box.greeting, recorded.path
        if former:
            _remove([former], out)
        out.append(Fact("greeting_recorded", {"call": recorded.call, "mailbox": recorded.mailbox}))
        out.append(Keep(f"greeting/{recorded.mailbox}", {"path": recorded.path}))

    # Lamps

    def listeners(self, settings: Voicemail) -> tuple[str, ...]:
        """Users who may listen."""
        users = settings.users or (settings.name,)
        return tuple(user for user in users if user in self._exchange.centre.users)

    def of_user(self, user: str) -> list[str]:
        """Mailboxes that a user may listen to, the own one first."""
        mine = [each for each in self._exchange.centre.voicemail.values() if user in self.listeners(each)]
        return [each.name for each in sorted(mine, key=lambda each: each.name != user)]

    def _tell(self, name: str, out: list[Any]) -> None:
        settings = self.settings(name)
        for user in self.listeners(settings) if settings is not None else ():
            self._count(user, out)

    def _count(self, user: str, out: list[Any]) -> None:
        heard = [each.heard for name in self.of_user(user) for each in self.box(name).messages.values()]
        self._exchange.mailboxes.set(user, heard.count(False), heard.count(True), out)

    # Configuration, time, restart

    def configured(self, name: str, settings: Voicemail | None, now: float, out: list[Any]) -> None:
        """A mailbox that is removed goes with all that is in it."""
        self._exchange.deadlines.set(("voicemail", ""), now + LOOK_EVERY_S)
        former = self._told.pop(name, ())
        if settings is not None:
            self._told[name] = self.listeners(settings)
            for user in dict.fromkeys((*former, *self._told[name])):
                self._count(user, out)
            return
        box = self._boxes.pop(name, Mailbox())
        for message in [*box.messages.values()]:
            out.append(Keep(f"voice_message/{message.id}", None))
        if box.greeting:
            out.append(Keep(f"greeting/{name}", None))
        files = [each.path for each in box.messages.values()]
        _remove([*files, *([box.greeting] if box.greeting else [])], out)
        for user in former:
            self._count(user, out)

    def look(self, now: float, out: list[Any]) -> None:
        """Erase what has been kept for long enough."""
        self._exchange.deadlines.set(("voicemail", ""), now + LOOK_EVERY_S)
        at = self._exchange.utc(now).timestamp()
        for name, box in self._boxes.items():
            settings = self.settings(name)
            if settings is not None:
                for message in [*box.messages.values()]:
                    if at - message.left_at >= settings.keep_days * DAY_S:
                        self.delete(message, "retention", out)

    def to_state(self) -> dict[str, Any]:
        """Everything that is kept, by key."""
        state: dict[str, Any] = {
            f"message_recording/{id}": each.to_state() for id, each in self.recording.items()
        }
        for name, box in self._boxes.items():
            state |= {f"voice_message/{each.id}": asdict(each) for each in box.messages.values()}
            if box.greeting:
                state[f"greeting/{name}"] = {"path": box.greeting}
        return state

    def restore(self, kept: dict[str, Any]) -> None:
        message = Message(**kept)
        self.box(message.mailbox).messages[message.id] = message

    def restore_greeting(self, name: str, kept: dict[str, Any]) -> None:
        self.box(name).greeting = kept["path"]


def left_for(settings: Voicemail) -> list[Any]:
    """The steps of a caller who is sent to a mailbox."""
    full = [{"say": "mailbox_full"}, "hang_up"]
    short = [{"say": "message_too_short"}, "hang_up"]
    return [
        {"set": {"language": settings.language}},
        {"voicemail": {"mailbox": settings.name, "on_full": full, "on_short": short}},
        {"say": "message_saved"},
    ]


def _remove(paths: Iterable[str], out: list[Any]) -> None:
    """With the certificates beside them."""
    files = tuple(file for path in paths for file in (path, f"{path}.json"))
    if files:
        out.append(RemoveFiles(files))
