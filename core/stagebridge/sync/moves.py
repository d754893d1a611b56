"""What a stage that a record shows means: a row in the history, and sometimes a question for a person (rule S7)."""

from __future__ import annotations

from stagebridge.config import ContactsConfig
from stagebridge.contact import is_blank, same
from stagebridge.event import derive_id
from stagebridge.lifecycle import Lifecycle, Move
from stagebridge.sync.debts import Debts
from stagebridge.sync.observation import Observation
from stagebridge.sync.side import from_ms, ms
from stagebridge.sync.stages import refold, remember_loss

UNKNOWN_AGE = 0
"""The time of a first-seen stage that nobody dates: older than every dated one."""


class Moves:
    def __init__(self, debts: Debts, config: ContactsConfig, lifecycle: Lifecycle) -> None:
        self.debts = debts
        self.config = config
        self.lifecycle = lifecycle

    def observe(self, o: Observation) -> None:
        """The record shows another stage than it did."""
        value, current, contact, link = o.view["stage"], o.contact.stage, o.contact, o.link
        first, base = o.is_first("stage"), link.sent.get("stage")
        o.note("stage", value)
        if is_blank(value):
            o.log("stage", current, value, "overruled", "a cleared stage is no stage")
            return
        here = o.image.get("stage", current)
        if same(value, here):
            remember_loss(link, contact, self.lifecycle)
            return
        when = self._entered(o, first)
        deliberate, reason = False, ""
        if not first and same(here, base) and current is not None:  # whoever moved it had seen where it stood
            when = max(when, (ms(contact.values.get("stage_at")) or 0) + 1)
            move = self.lifecycle.move(current, value)
            if move is Move.REENTRY:
                deliberate, reason = True, "re-entry"
            elif move is Move.BACKWARD and self.config.backward == "hold":
                self._hold(o, value, when)
                return
            elif move is Move.BACKWARD:
                deliberate, reason = self.config.backward == "allow", "correction"
        self._passed(o, value, when)
        saw = link.saw_row if base is not None and self.lifecycle.is_lost(base) else None
        row = o.book.new_history(
            contact, stage=value, at=when, connection=o.side.name, link_id=link.id, saw_row=saw,
            baseline=o.baseline or o.remapped, deliberate=deliberate, reason=reason, event_id=self._event_id(o, value, when),
        )  # fmt: skip
        refold(o.book, contact, self.lifecycle)
        if contact.stage != value:
            o.log("stage", contact.stage, value, "overruled", row.reason)
            return
        remember_loss(link, contact, self.lifecycle)
        if not o.baseline:
            o.log("stage", current, value, "accepted", row.reason)

    def _entered(self, o: Observation, first: bool) -> int:
        """When the stage was entered. Where the platform keeps no date, a first sync does not believe the record's time:
        the preferred side is taken as the latest word, every other as the oldest."""
        entered = ms(o.view.get("stage_at"))
        if entered is not None:
            return entered
        if not (first and o.baseline):
            return o.at
        rule = self.config.initial_rule("stage")
        preferred = rule is not None and rule.kind == "prefer" and rule.prefer[:1] == (o.side.name,)
        return o.book.now if preferred else UNKNOWN_AGE

    def _hold(self, o: Observation, value: str, when: int) -> None:
        """A deliberate correction backwards touches neither side until a person has decided."""
        current = o.contact.stage
        o.book.new_history(
            o.contact, stage=value, at=when, connection=o.side.name, link_id=o.link.id, previous=current, verdict="held",
            reason="a deliberate correction backwards waits for a person", baseline=o.baseline, deliberate=False,
            event_id=self._event_id(o, value, when),
        )  # fmt: skip
        o.book.open_conflict("stage_backward", o.contact, o.link, "stage", holds=current, there=value)
        message = f"{o.side.name} says {value}, everybody else {current}"
        self.debts.block(o.link, "stage", "held", o.image.get("stage", current), message=message)

    def _passed(self, o: Observation, value: str, when: int) -> None:
        """Stages that were skipped between two reads leave a row, at the platform's own date where it keeps one."""
        current = o.contact.stage
        if o.baseline or current is None or self.lifecycle.is_lost(value) or self.lifecycle.is_lost(current):
            return
        for rank in range(self.lifecycle.rank(current) + 1, self.lifecycle.rank(value)):
            stage = self.lifecycle.stages[rank].name
            dated = ms(o.view.entered(stage))
            at = when if dated is None else dated
            o.book.new_history(
                o.contact, stage=stage, at=at, connection=o.side.name, link_id=o.link.id, verdict="passed",
                reason="skipped between two reads" if dated is None else "dated by the platform", baseline=False,
                deliberate=False, event_id=self._event_id(o, stage, at),
            )  # fmt: skip

    @staticmethod
    def _event_id(o: Observation, stage: str, when: int) -> str:
        return str(derive_id(o.side.name, o.link.object, o.link.remote_id, stage, from_ms(when)))
