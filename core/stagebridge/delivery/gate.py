"""What is decided at the moment of sending: whether an event is still in time, whether the person agreed, and whether what was
sent before without an answer may be sent again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stagebridge.config import AdsConsent
from stagebridge.connector import Draft, Rejected
from stagebridge.delivery.queue import restored
from stagebridge.event import ConversionEvent
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow
from stagebridge.sync.letters import CONSENT, EXPIRED, FORGOTTEN
from stagebridge.sync.side import Side, ms

MARGIN = 600_000
"""Milliseconds before the end of a platform's dedup window after which nothing is sent again into it: clocks differ, and a
request takes its time."""

UNANSWERED = "SB-EVENT-UNANSWERED"


@dataclass(frozen=True, slots=True)
class Shut:
    """Not sent, for good. `state`: dead, or unknown where it may have been counted."""

    code: str
    message: str
    state: str = "dead"


class Gate:
    def __init__(self, side: Side) -> None:
        self.side = side
        events = side.connector.capabilities.events
        self.ads = events is not None and events.ads

    def preload(self, book: Book, rows: Iterable[Any]) -> dict[str, ConversionEvent]:
        """{event id: event} of these deliveries; whoever they are about is loaded."""
        events = {r.event_id: restored(r.data) for r in rows if r.data is not None}
        book.load_contacts(r.contact_id for r in rows if r.contact_id is not None)
        book.load_identities("email", (e.contact.email for e in events.values() if e.contact.email))
        return events

    def look(self, book: Book, row: Any, event: ConversionEvent | None) -> Draft | Shut:
        """The event as it is sent now, or why it is not."""
        if event is None:
            return Shut(
                FORGOTTEN, "what it said is kept no more: the person was forgotten, or it is older than the change log"
            )
        if row.first_sent is not None and book.now - row.first_sent >= row.dedup - MARGIN:
            return Shut(UNANSWERED, self._unanswered(row), "unknown")
        if row.deadline is not None and row.deadline <= book.now:
            return Shut(EXPIRED, self._expired())
        if self.ads and (why := refusal(self.side.config.ads_consent, whose(book, row, event), event)):
            return Shut(CONSENT, why)
        draft = self.side.connector.draft(event)
        if isinstance(draft, Rejected):
            return Shut(draft.code, draft.message)
        late = draft.deadline is not None and (ms(draft.deadline) or 0) <= book.now
        return Shut(EXPIRED, self._expired()) if late else draft

    def _expired(self) -> str:
        return f"{self.side.name} takes events of this kind up to a certain age only"

    def _unanswered(self, row: Any) -> str:
        if row.dedup == 0:
            return f"it was sent and not answered, and {self.side.name} would count it twice"
        return f"it was sent and not answered, and {self.side.name} has forgotten its id by now"


def whose(book: Book, row: Any, event: ConversionEvent) -> ContactRow | None:
    """The person as the ledger knows him now, not as he was when the event was queued."""
    if row.contact_id is not None and row.contact_id in book.contacts:
        return book.follow(book.contacts[row.contact_id])
    return by_address(book, event)


def by_address(book: Book, event: ConversionEvent) -> ContactRow | None:
    """The contact that holds the event's address, where one alone does."""
    found = book.holders("email", event.contact.email.casefold()) if event.contact.email else []
    return found[0] if len(found) == 1 else None


def refusal(policy: AdsConsent, contact: ContactRow | None, event: ConversionEvent) -> str:
    """Why this person's events go to no advertising platform; empty if they may. A refusal counts wherever it was said."""
    consents = event.contact.consent.ads
    said = {
        contact.values.get("consent.ads") if contact is not None else None, event.consent_ads,
        consents.value if consents is not None else None,
    }  # fmt: skip
    if "denied" in said:
        return "the person does not agree to ads"
    if "granted" not in said and policy == "granted_only":
        return "nothing says that the person agrees to ads (ads_consent: granted_only)"
    return ""


__all__ = ["CONSENT", "EXPIRED", "FORGOTTEN", "UNANSWERED", "Gate", "Shut", "by_address", "refusal"]
