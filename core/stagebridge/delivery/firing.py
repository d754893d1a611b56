"""Stages that send events: every row of the stage history that counts, in the transaction that decides it (rule S1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import takewhile
from typing import Any
from uuid import uuid5

import sqlalchemy as sa

from stagebridge.config import SendRule
from stagebridge.contact import Contact, is_blank
from stagebridge.delivery.queue import Given, Targets, enqueue
from stagebridge.errors import ConfigError
from stagebridge.event import NAMESPACE, ConversionEvent, snapshot
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, HistoryRow
from stagebridge.ledger.tables import chunks
from stagebridge.sync.side import from_ms

DATED = "dated by the platform"


class Firing:
    """Called at the end of every transaction of the engine; `targets` are the connections that take events."""

    def __init__(self, rules: Sequence[SendRule], targets: Targets) -> None:
        self.rules = rules
        self.targets = targets

    def __call__(self, book: Book) -> None:
        rows = [r for r in book.judged() if not r.baseline and reached(r) and not told_before(book, r)]
        if rows and self.rules:
            given = self.given(book, rows)
            if given:
                enqueue(book, given, self.targets)

    def given(self, book: Book, rows: Iterable[HistoryRow]) -> list[Given]:
        """The events that these rows of the history send. A stage that was reached because of an event does not send that
        event's name again."""
        rows = list(rows)
        caused = names_of(book, [r.cause for r in rows if r.cause])
        out = []
        for row in rows:
            contact = book.follow(book.contacts[row.contact_id])
            for rule in self.rules:
                if (row.stage in rule.stages or "*" in rule.stages) and caused.get(row.cause or "") != rule.send:
                    out.append(
                        Given(event_of(rule, row, contact), contact.id, row.connection, rule.to or tuple(self.targets))
                    )
        return out


def reached(row: HistoryRow) -> bool:
    """Whether the person really came to this stage: it counts, or the platform says when it was passed through."""
    return (row.verdict == "accepted" and row.stage != row.previous) or (
        row.verdict == "passed" and row.reason == DATED
    )


def told_before(book: Book, row: HistoryRow) -> bool:
    """Whether this is an earlier date of a stage that was told of already: two systems know of one step, and the later date came
    first."""
    history = book.history_of(book.follow(book.contacts[row.contact_id]))
    after = sorted(
        (r for r in history if r.verdict == "accepted" and r.at >= row.at and r is not row), key=lambda r: r.at
    )
    same = takewhile(lambda r: r.stage == row.stage, after)
    return any(r.was == "accepted" and not r.baseline for r in same)


def names_of(book: Book, ids: Sequence[str]) -> dict[str, str]:
    """{event id: name}."""
    found: dict[str, str] = {}
    for part in chunks(set(ids)):
        found.update(
            {r[0]: r[1] for r in book.tx.execute(sa.select(t.event.c.id, t.event.c.name).where(t.event.c.id.in_(part)))}
        )
    return found


def event_of(rule: SendRule, row: HistoryRow, contact: ContactRow) -> ConversionEvent:
    """Its id comes from what the source knows of the stage, so that no ledger ever makes another one of it (rule E1)."""
    values = {p: v for p, v in contact.values.items() if not is_blank(v)}
    money = amount(values.get(rule.value) if rule.value in values else rule.value)
    currency = values.get(rule.currency, rule.currency) if rule.currency else None
    priced = money is not None and re.fullmatch("[A-Z]{3}", str(currency).upper()) is not None
    given: dict[str, Any] = {
        "id": str(uuid5(NAMESPACE, f"{row.event_id}\x1f{rule.send}")), "name": rule.send, "at": from_ms(row.at),
        "key": contact.key, "channel": rule.channel, "stage": row.stage, **snapshot(values),
    }  # fmt: skip
    if priced:
        given |= {"value": money, "currency": str(currency).upper()}
    return ConversionEvent(**given)


def amount(given: Any) -> Decimal | None:
    """A finite amount that is not negative; None for anything else, a path without a value among it."""
    try:
        found = Decimal(str(given).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None


def check(rules: Sequence[SendRule], targets: Targets) -> None:
    """Refuse rules that can never send anything. Raises `ConfigError`."""
    for number, rule in enumerate(rules, 1):
        for name in rule.to or tuple(targets):
            if name not in targets:
                raise ConfigError(f"events.{number}: {name} takes no events", hint="Leave it out of `to`.")
            side = targets[name]
            if side is None:
                continue
            wrong = side.mapping.write_event(_complete(rule)).problems
            if "name" in wrong or "channel" in wrong:
                why = wrong.get("name") or wrong["channel"]
                raise ConfigError(
                    f"events.{number}: {rule.send} never reaches {name}: {why}",
                    hint="Send another name, or give it a row under `event.names` in the mapping.",
                )
            if "value" in wrong.get("require", ""):
                raise ConfigError(
                    f"events.{number}: {name} takes a {rule.send} with value and currency only",
                    hint="Say where they come from: `value: custom.deal_amount, currency: EUR`.",
                )


def _complete(rule: SendRule) -> ConversionEvent:
    """An event of this rule that lacks nothing but what the rule does not give."""
    ids: dict[str, str] = dict.fromkeys(
        ("fbc", "fbp", "fbclid", "ctwa_clid", "ttclid", "ttp", "gclid", "meta", "tiktok"), "1"
    )
    money: dict[str, Any] = {"value": Decimal(1), "currency": "EUR"} if rule.value is not None else {}
    return ConversionEvent(
        id="1", name=rule.send, at=from_ms(0), contact=Contact(email="ada@example.com", phone="+442079460001", external_id="1"),
        channel=rule.channel, stage=next(iter(rule.stages)), click_ids=ids, lead_ids=ids, order_id="1",
        source_url="https://example.com/", **money,
    )  # fmt: skip


__all__ = ["Firing", "check", "event_of", "reached"]
