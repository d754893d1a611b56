"""The demo's second half: conversions to every advertising platform, with the mishaps that happen to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stagebridge.contact import Contact
from stagebridge.delivery.gate import EXPIRED
from stagebridge.delivery.setup import Events
from stagebridge.event import ConversionEvent

if TYPE_CHECKING:
    from stagebridge.sandbox import Sandbox
    from stagebridge.sandbox.demo import Audience

PURCHASES = 30


@dataclass
class Conversions:
    """`boxes` are the platforms' stand-ins, `audiences` what their connectors know of them."""

    work: Events
    boxes: Mapping[str, Sandbox]
    audiences: Mapping[str, Audience]

    def purchases(self, now: datetime) -> list[ConversionEvent]:
        """What a web shop hands over: one purchase too old, one of somebody who said no to ads."""
        made = []
        for i in range(PURCHASES):
            made.append(
                ConversionEvent(
                    id=f"order-{i:03d}", name="Purchase", at=now - timedelta(days=40 if i == 7 else 0, minutes=i),
                    contact=Contact(email=f"person{i:04d}@example.com"), value=Decimal("49.90"), currency="EUR", order_id=f"{i:03d}",
                    channel="web", source_url="https://shop.example.com/thanks", user_agent="Mozilla/5.0",
                    consent_ads="denied" if i == 11 else "granted",
                )
            )  # fmt: skip
        return made

    def play(self, now: datetime) -> dict[str, int]:
        """Everything twice, the first answer lost on the way back. Returns what the platforms' own books say."""
        for box in self.boxes.values():
            box.fault("timeout_after", writes=True)
        given = self.purchases(now)
        sent: Counter[str] = Counter()
        for _ in range(2):
            self.work.arrival.give(given)
            for name, flush in self.work.deliverer().flush().items():
                if name not in self.boxes:  # a CRM may take conversions too, and keeps no such books
                    continue
                sent["sent"] += flush.sent
                sent.update({"expired" if code == EXPIRED else "refused": n for code, n in flush.verdicts.items()})
        books = [self.audiences[n].books(box.state()) for n, box in self.boxes.items()]
        return {
            "sent": sent["sent"], "counted": sum(b[0] for b in books), "duplicates": sum(b[1] for b in books),
            "expired": sent["expired"], "refused": sent["refused"],
        }  # fmt: skip


def rules(audiences: Mapping[str, Audience]) -> list[dict[str, Any]]:
    """Whoever becomes an advocate is told to the platforms that take stages; whoever buys becomes a customer."""
    told = [n for n, a in audiences.items() if a.stages]
    out: list[dict[str, Any]] = [{"when": {"event": "Purchase"}, "stage": "customer"}] if audiences else []
    return [*out, *([{"when": {"stage": "advocate"}, "send": "StageChanged", "to": told}] if told else [])]


__all__ = ["Conversions", "rules"]
