"""Listening to voice messages by phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.message_taking import GREETING, TAKEN, Taking
from softswitch.call.party import Party
from softswitch.call.pins import PinEntry, Typed
from softswitch.call.routing import NoRoute
from softswitch.call.voicemail import Message
from softswitch.ivr.numbers import digits, number

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.config import Voicemail

KEY_WAIT_S = 20.0
"""How long the caller may think after the last prompt."""


class VoicemailActivity(Activity):
    """Asks for the PIN where there is one, says what there is, plays messages one by one.

    Keys in the menu: 1 messages, 2 record the greeting, * end. After a message: 1 again, 4 previous, 6 next,
    7 delete, 8 call back, 9 save, * back to the menu.
    """

    kind = "voicemail"
    abandoned = "normal_hang_up_caller"

    def __init__(self, call: Call, mailbox: str, *, known: bool = False) -> None:
        super().__init__(call)
        self.mailbox = mailbox
        self._known = known
        self._pin = PinEntry(call, f"voicemail:{mailbox}")
        self._messages: list[Message] = []
        self._place = -1
        self.taking: Taking | None = None
        self._ending = False
        self._more: list[str] = []

    @property
    def _settings(self) -> Voicemail | None:
        found: Voicemail | None = self.call.exchange.voicemail.settings(self.mailbox)
        return found

    def start(self, now: float, out: list[Any]) -> None:
        settings = self._settings
        if settings is None:
            self._end("flow_failed", now, out)
        elif settings.pin is not None and not self._known:
            self._say(("enter_pin",), now, out)
        else:
            self._open(now, out)

    # What happens

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        settings = self._settings
        if self._ending or settings is None:
            return
        if self.taking is not None:
            self.taking.digit(digit, now, out)
        elif not self._known:
            self._pin_digit(settings.pin or "", digit, now, out)
        else:
            keys = _IN_MENU if self._place < 0 else _AFTER_MESSAGE
            action = keys.get(digit)
            if action is None:
                self._say(("invalid_choice", self._help), now, out)
            else:
                action(self, now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self.taking is not None:
            self.taking.player_finished(now, out)
        elif self._ending:
            self._end("flow_finished", now, out)
        elif self._more:
            more, self._more = self._more, []
            self._play(more, now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self._end("flow_finished" if self._known else "authentication_failed", now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        if self.taking is not None:
            self.taking.left(now, out)

    def message_timeout(self, now: float, out: list[Any]) -> None:
        if self.taking is not None:
            self.taking.timeout(now, out)

    def message_taken(self, outcome: str, message: str, now: float, out: list[Any]) -> None:
        self.taking = None
        name = "greeting_saved" if outcome == TAKEN else "message_too_short"
        self._say((name, "voicemail_menu"), now, out)

    # The PIN

    def _pin_digit(self, pin: str, digit: str, now: float, out: list[Any]) -> None:
        typed = self._pin.key(digit, pin, now, out)
        if typed is Typed.RIGHT:
            self._open(now, out)
        elif typed is Typed.WRONG:
            self._say(("wrong_pin", "enter_pin"), now, out)
        elif typed is Typed.REFUSED:
            self._end("authentication_failed", now, out)

    def _open(self, now: float, out: list[Any]) -> None:
        self._known = True
        messages = self.call.exchange.voicemail.messages(self.mailbox)
        new = sum(not each.heard for each in messages)
        names: list[str] = []
        for count, one, many in (
            (new, "new_message", "new_messages"),
            (len(messages) - new, "saved_message", "saved_messages"),
        ):
            if count:
                names += [*number(count, self._language), one if count == 1 else many]
        said = ["you_have", *names] if names else ["no_messages"]
        self._say((*said, "voicemail_menu"), now, out)
        self.call.keep(out)

    # The menu

    def _listen(self, now: float, out: list[Any]) -> None:
        self._messages = self.call.exchange.voicemail.messages(self.mailbox)
        self._place = 0
        self._present(now, out)

    def _record_greeting(self, now: float, out: list[Any]) -> None:
        settings, exchange = self._settings, self.call.exchange
        if settings is None:
            return
        self.call.wake_at(None)
        taking = Taking(self.call, self, GREETING, self.mailbox, exchange.voicemail.limits(settings))
        self.taking = taking
        taking.start(
            exchange.prompt_paths(self._language, ("record_greeting",), out), self._language, now, out
        )

    def _leave(self, now: float, out: list[Any]) -> None:
        self._ending = True
        self._say(("goodbye",), now, out)

    # Messages

    def _present(self, now: float, out: list[Any], *first: str) -> None:
        """Play the message at the present place, or say that there are no more."""
        if not 0 <= self._place < len(self._messages):
            self._place = -1
            self._say((*first, "no_more_messages", "voicemail_menu"), now, out)
            return
        exchange, message = self.call.exchange, self._messages[self._place]
        exchange.voicemail.hear(message, self.call.caller.source, True, out)
        names = [*first, *self._from(message)]
        paths = exchange.prompt_paths(self._language, names, out)
        self._more = exchange.prompt_paths(self._language, ("message_menu",), out)
        self._play([*paths, message.path], now, out)

    def _from(self, message: Message) -> Sequence[str]:
        said = digits("".join(each for each in message.caller if each.isdigit()))
        return ("message_from", *said) if said else ()

    def _again(self, now: float, out: list[Any]) -> None:
        self._present(now, out)

    def _previous(self, now: float, out: list[Any]) -> None:
        self._place = max(self._place - 1, 0)
        self._present(now, out)

    def _next(self, now: float, out: list[Any]) -> None:
        self._place += 1
        self._present(now, out)

    def _delete(self, now: float, out: list[Any]) -> None:
        message = self._messages.pop(self._place)
        self.call.exchange.voicemail.delete(message, self.call.caller.source, out)
        self._present(now, out, "message_deleted")

    def _save(self, now: float, out: list[Any]) -> None:
        self._place += 1
        self._present(now, out, "message_kept")

    def _call_back(self, now: float, out: list[Any]) -> None:
        """Call who has left the message, with the permissions of who listens."""
        call, caller = self.call, self._messages[self._place].caller
        try:
            found = call.exchange.route(call.caller, caller, now)
            if found.kind == "feature":
                raise NoRoute("forbidden")
        except NoRoute:
            self._say(("not_permitted", "message_menu"), now, out)
            return
        call.follow(found, None, now, out)

    def _to_menu(self, now: float, out: list[Any]) -> None:
        self._place = -1
        self._say(("voicemail_menu",), now, out)

    # Speaking

    @property
    def _language(self) -> str:
        settings = self._settings
        return settings.language if settings is not None else "en"

    @property
    def _help(self) -> str:
        return "voicemail_menu" if self._place < 0 else "message_menu"

    def _say(self, names: Sequence[str], now: float, out: list[Any]) -> None:
        self._more = []
        self._play(self.call.exchange.prompt_paths(self._language, names, out), now, out)

    def _play(self, paths: Sequence[str], now: float, out: list[Any]) -> None:
        self.call.play(paths, out)
        longest_s = self._settings.max_s if self._settings is not None else 0.0
        self.call.wake_at(now + KEY_WAIT_S + longest_s)

    def _end(self, reason: str, now: float, out: list[Any]) -> None:
        self.call.end(reason, "switch", now, out)

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "mailbox": self.mailbox, "known": self._known}


_IN_MENU: dict[str, Callable[[VoicemailActivity, float, list[Any]], None]] = {
    "1": VoicemailActivity._listen,
    "2": VoicemailActivity._record_greeting,
    "*": VoicemailActivity._leave,
}
_AFTER_MESSAGE: dict[str, Callable[[VoicemailActivity, float, list[Any]], None]] = {
    "1": VoicemailActivity._again,
    "4": VoicemailActivity._previous,
    "6": VoicemailActivity._next,
    "7": VoicemailActivity._delete,
    "8": VoicemailActivity._call_back,
    "9": VoicemailActivity._save,
    "*": VoicemailActivity._to_menu,
}


def mailbox_of(exchange: Exchange, caller: Party, wanted: str) -> str:
    """The mailbox that a user dials: the named one, or the first of the user's. Raises NoRoute."""
    mine = exchange.voicemail.of_user(caller.name) if caller.kind == "user" else []
    if not mine or (wanted and wanted not in mine):
        raise NoRoute("forbidden" if wanted in exchange.centre.voicemail else "number_not_found")
    return wanted or mine[0]
