"""The `events:` section: which stages send which events, and which events move people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

from stagebridge.config.problems import Problems
from stagebridge.config.values import EventsConfig, MoveRule, SendRule
from stagebridge.contact import PATHS, kind_of
from stagebridge.document import Table, nearest
from stagebridge.event import NAMES, Channel
from stagebridge.lifecycle import Lifecycle

SEND_KEYS = ("when", "send", "value", "currency", "channel", "to")
MOVE_KEYS = ("when", "stage")
EVERY = "*"
MONEY = re.compile(r"\d+(\.\d+)?")


class Events:
    """`connections` are the names in the file; without a readable lifecycle, stages are not looked at."""

    def __init__(self, problems: Problems, connections: Sequence[str], lifecycle: Lifecycle | None) -> None:
        self.problems = problems
        self.connections = connections
        self.lifecycle = lifecycle

    def read(self, document: Table) -> EventsConfig:
        listed = document.get("events")
        if listed is not None and not isinstance(listed, list):
            self.problems.add(document, "events", "events", "a list of rules is expected here")
            return EventsConfig()
        sends, moves = [], []
        for number, table in enumerate(listed or (), 1):
            where = f"events.{number}"
            if not isinstance(table, Table) or not isinstance(table.get("when"), Table):
                what = "a rule is {when: {stage: …}, send: …} or {when: {event: …}, stage: …}"
                self.problems.add(table if isinstance(table, Table) else document, "events", where, what)
                continue
            when = table["when"]
            self.problems.keys(when, ("stage", "event"), f"{where}.when")
            if "event" in when:
                moves.append(self._move(table, when, where))
            else:
                sends.append(self._send(table, when, where))
        return EventsConfig(tuple(sends), tuple(moves))

    def _send(self, table: Table, when: Table, where: str) -> SendRule:
        problems = self.problems
        problems.keys(table, SEND_KEYS, where)
        stages = problems.words(when, "stage", f"{where}.when.stage")
        if not stages:
            problems.add(table, "when", f"{where}.when", "say which stage sends it, or `stage: *` for each of them")
        for stage in stages:
            if stage != EVERY:
                self._stage(when, "stage", f"{where}.when.stage", stage)
        send = problems.word(table, "send", f"{where}.send")
        if send is None:
            problems.add(table, "send", where, f"say what it sends, for example Purchase: {', '.join(sorted(NAMES))}")
        value, currency = self._value(table, where), self._currency(table, where)
        if (value is None) != (currency is None):
            problems.add(table, "value", where, "value and currency come together: give both or neither")
        to = problems.words(table, "to", f"{where}.to")
        problems.named(table, "to", f"{where}.to", to, self.connections)
        channel = problems.choice(table, "channel", f"{where}.channel", get_args(Channel), "crm")
        return SendRule(stages, send or "", value, currency, channel, to)

    def _move(self, table: Table, when: Table, where: str) -> MoveRule:
        self.problems.keys(table, MOVE_KEYS, where)
        event = self.problems.word(when, "event", f"{where}.when.event") or ""
        stage = self.problems.word(table, "stage", f"{where}.stage")
        if stage is None:
            self.problems.add(table, "stage", where, "say which stage the event leads to")
        else:
            self._stage(table, "stage", f"{where}.stage", stage)
        return MoveRule(event, stage or "")

    def _stage(self, table: Table, key: str, where: str, name: str) -> None:
        if self.lifecycle is not None and name not in self.lifecycle.names:
            near = nearest(name, self.lifecycle.names)
            self.problems.add(table, key, where, f"'{name}' is no stage of the lifecycle{near}")

    def _value(self, table: Table, where: str) -> str | None:
        text = self.problems.word(table, "value", f"{where}.value")
        if text is not None and not MONEY.fullmatch(text) and kind_of(text) is None:
            self.problems.add(
                table, "value", f"{where}.value", f"'{text}' is neither an amount nor a path{nearest(text, PATHS)}"
            )
        return text

    def _currency(self, table: Table, where: str) -> str | None:
        text = self.problems.word(table, "currency", f"{where}.currency")
        if text is not None and not re.fullmatch("[A-Z]{3}", text) and kind_of(text) is None:
            self.problems.add(
                table, "currency", f"{where}.currency", f"'{text}' is neither a currency such as EUR nor a path"
            )
        return text


__all__ = ["Events"]
