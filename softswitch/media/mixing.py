"""One cohort's tick: gather frames, mix, encode, send; and the digits that legs are being sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.arrays import Samples
from softswitch.media.comfort import noise_level, quiet, suppress
from softswitch.media.dtmf import FRAME, DigitSender
from softswitch.media.fading import Fade, fade
from softswitch.media.formats import PASSED, WIDE
from softswitch.media.g711 import SILENCE
from softswitch.media.inband import ToneSender
from softswitch.media.legs import LegTable
from softswitch.media.outbound import Sender
from softswitch.media.packets import Indices
from softswitch.media.players import PlayerTable
from softswitch.media.ring import SampleRing
from softswitch.media.routing import MixPlan, Routing, plan_cohort
from softswitch.media.wideband import Wideband

PAUSE = 1600
"""A relayed leg whose source has sent nothing for this long gets silence until it goes on."""


class Mixer:
    def __init__(
        self, legs: LegTable, ring: SampleRing, wideband: Wideband, players: PlayerTable, routing: Routing,
        sender: Sender,
    ) -> None:
        self._legs = legs
        self._ring = ring
        self._wideband = wideband
        self._players = players
        self._routing = routing
        self._sender = sender
        self.members: Indices = np.zeros(0, np.int32)
        self._plans: dict[int, MixPlan] = {}
        self._fades: dict[int, Fade] = {}
        self._digits: dict[int, DigitSender | ToneSender] = {}
        self._levels = np.ones((2, legs.capacity), np.float32)

    def tick(self, cohort: int, clock: int) -> None:
        """Sends 20 ms to each leg of the cohort that is not relayed, from the position `clock` on."""
        plan = self._plan(cohort)
        self.members = plan.members
        legs, ears = self._legs, plan.ears
        self._wideband.clear(plan.members, clock)
        if len(plan.relayed):
            self._fill_pauses(plan.relayed, clock)
        if self._digits:
            self._send_digits(cohort, clock)
        if not len(ears):
            return
        if plan.plain:
            change = self._fades.get(cohort)
            codes, which = self._encoded(plan, change, self._mixed(plan, clock), clock)
            if self._sender.send_codes(ears, plan.heard, codes, which, clock) and change is not None:
                del self._fades[cohort]
            return
        ready = legs.send[ears] & (legs.remote_port[ears] > 0) & ~legs.sending_digits[ears]
        ready &= plan.heard | legs.started[ears]
        if not ready.any():
            return
        mixed = self._mixed(plan, clock)
        change = self._fades.pop(cohort, None)
        if change is not None:
            plan, mixed = change.plan, change.blend(self._mixed(change.old, clock), mixed)
        if plan.comfort:
            ready &= ~self._suppressed(plan, mixed, ready, clock)
        if plan.wide.any():
            self._send_wide(plan, ready & plan.wide, clock, change)
            ready &= ~plan.wide
        codes, which = self._encoded(plan, None, mixed, clock)
        if plan.standard:
            self._sender.send_codes(ears[ready], plan.heard[ready], codes, which[ready], clock)
        else:
            self._sender.send_frames(ears[ready], codes[which[ready]], clock)

    def _encoded(
        self, plan: MixPlan, change: Fade | None, mixed: Samples, clock: int
    ) -> tuple[NDArray[np.uint8], Indices]:
        """G.711 of the mixed rows, once a law, and which of these each ear hears."""
        if change is not None:
            plan, mixed = change.plan, change.blend(self._mixed(change.old, clock), mixed)
        codes = np.empty((len(plan.law), FRAME), np.uint8)
        _codecs.encode(mixed, plan.mixed_row, plan.law, codes, FRAME)
        return codes, plan.encoded

    def _send_wide(self, plan: MixPlan, ready: NDArray[np.bool_], clock: int, change: Fade | None) -> None:
        if ready.any():
            rows = plan.mixed_row[plan.encoded[ready]]
            mixed = self._wideband.mix(plan, clock)
            if change is not None:
                mixed = change.blend(self._wideband.mix(change.old, clock), mixed)
            for ears, payload, size in self._wideband.encode(plan.ears[ready], rows, mixed):
                self._sender.send_wide(ears, payload, size, clock)

    def _suppressed(
        self, plan: MixPlan, mixed: Samples, ready: NDArray[np.bool_], clock: int
    ) -> NDArray[np.bool_]:
        """Which ears need no frame, because the peer makes its own noise; some are told how loud."""
        row = plan.mixed_row[plan.encoded]
        left_out, announced = suppress(self._legs, plan.ears, quiet(mixed)[row])
        announced &= ready
        if announced.any():
            self._sender.send_noise(plan.ears[announced], noise_level(mixed[row[announced]]), clock)
        return left_out

    def _plan(self, cohort: int) -> MixPlan:
        if cohort not in self._plans or cohort in self._routing.stale_cohorts:
            former = self._plans.get(cohort)
            plan = self._plans[cohort] = plan_cohort(self._legs, self._routing.rows, cohort)
            self._carry_levels(former, plan)
            self._routing.stale_cohorts.discard(cohort)
            self._go_over(cohort)
        return self._plans[cohort]

    def _carry_levels(self, former: MixPlan | None, plan: MixPlan) -> None:
        """What an ear hears goes on as far turned down as it was."""
        if former is not None:
            rows = former.mixed_row[former.encoded]
            self._levels[:, former.ears] = former.level[rows], former.wide_level[rows]
        self._levels[:, plan.ears[~self._legs.started[plan.ears]]] = 1.0
        for level, last in zip((plan.level, plan.wide_level), self._levels, strict=True):
            np.minimum.at(level, plan.mixed_row[plan.encoded], last[plan.ears])

    def _go_over(self, cohort: int) -> None:
        """Rows that were replaced since the last tick."""
        self._fades.pop(cohort, None)
        replaced = {
            ear: row for ear, row in self._routing.replaced.items() if self._legs.cohort[ear] == cohort
        }
        for ear in replaced:
            del self._routing.replaced[ear]
        found = fade(self._legs, self._plans[cohort], replaced, self._levels) if replaced else None
        if found is not None:
            self._fades[cohort] = found

    def _mixed(self, plan: MixPlan, clock: int) -> Samples:
        """int16[distinct rows, 160]."""
        mixed = np.empty((len(plan.base), FRAME), np.int16)
        _codecs.heard(
            *self._ring.arrays, plan.legs, self._players.take(plan.players, clock, FRAME), plan.start,
            plan.source, plan.gain, mixed, plan.base, plan.level, clock, FRAME, self._ring.length,
        )  # fmt: skip
        return mixed

    def _fill_pauses(self, relayed: Indices, clock: int) -> None:
        legs, ears = self._legs, np.empty(len(relayed), np.int32)
        count = _codecs.pauses(
            relayed, legs.started, legs.relayed_at, legs.send, legs.law, legs.remote_port,
            legs.sending_digits, ears, clock - PAUSE, WIDE,
        )  # fmt: skip
        if count:
            ears = ears[:count]
            codes = np.repeat(SILENCE[legs.law[ears]][:, None], FRAME, axis=1)
            self._sender.send_frames(ears, codes, clock)

    # Digits.

    def add_digits(self, leg: int, digits: str) -> None:
        """While digits are sent, the leg gets nothing else."""
        if leg in self._digits:
            self._digits[leg].add(digits)
            return
        settings = self._legs.settings[leg]
        if settings is not None and settings.dtmf_send is None:
            if self._legs.law[leg] == PASSED:
                return  # no tone can be said in it
            self._digits[leg] = ToneSender(digits, 16000 if self._legs.law[leg] >= WIDE else 8000)
        else:
            self._digits[leg] = DigitSender(digits, int(self._legs.scale[leg]))
        self._legs.sending_digits[leg] = True

    def _send_digits(self, cohort: int, clock: int) -> None:
        for leg in [leg for leg in self._digits if self._legs.cohort[leg] == cohort]:
            sender = self._digits[leg]
            try:
                if isinstance(sender, ToneSender):
                    self._send_tone(leg, sender.next_frame(), clock)
                    continue
                packet = sender.next_packet()
            except StopIteration:
                self.stop_digits(leg)
                continue
            if packet is not None and self._legs.remote_port[leg]:
                marker, payload, new = packet
                self._sender.send_event(leg, payload, clock, marker=marker, new=new)

    def _send_tone(self, leg: int, frame: Samples, clock: int) -> None:
        ears = np.array([leg], np.int32)
        if not self._legs.remote_port[leg]:
            return
        if self._legs.law[leg] >= WIDE:
            for some, payload, size in self._wideband.encode(ears, np.zeros(1, np.int32), frame[None]):
                self._sender.send_wide(some, payload, size, clock)
            return
        codes = np.empty((1, FRAME), np.uint8)
        _codecs.encode(np.ascontiguousarray(frame), np.zeros(1, np.int32), self._legs.law[ears], codes, FRAME)
        self._sender.send_frames(ears, codes, clock)

    def stop_digits(self, leg: int) -> None:
        self._digits.pop(leg, None)
        self._legs.sending_digits[leg] = False
        self._legs.relay_fresh[leg] = True
