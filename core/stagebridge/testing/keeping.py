"""What all groups of checks share: their fixtures, invented people, and when a group applies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest

from stagebridge.clock import ElasticClock
from stagebridge.connector import Connector, Cursor, Page, Record
from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent, Item
from stagebridge.sandbox import platforms
from stagebridge.testing.bench import Bench

ADA = {
    "email": "zoë.o'brien@example.com", "first_name": "Zoë", "last_name": "O'Brien-Ångström", "phone": "+442079460001",
}  # fmt: skip


def person(i: int) -> dict[str, Any]:
    """An invented person."""
    return {"email": f"person{i}@example.com", "first_name": f"Given{i}", "last_name": f"Family{i}"}


def people(count: int) -> list[dict[str, Any]]:
    return [person(i) for i in range(count)]


def conversion(number: int = 0, who: Mapping[str, Any] = ADA, /, **values: Any) -> ConversionEvent:
    """A complete Purchase, as soon as `at` is given; its id is a UUID."""
    given: dict[str, Any] = {
        "id": str(UUID(int=0x5B << 96 | number, version=4)), "name": "Purchase", "contact": Contact.from_paths(who),
        "value": Decimal("30.50"), "currency": "EUR", "order_id": f"order-{number}", "channel": "web",
        "items": (Item(id="sku-1", name="Sponge", quantity=2, price=Decimal("15.25")),),
        "source_url": "https://shop.example.com/thanks", "ip": "192.0.2.7", "user_agent": "Mozilla/5.0",
        "consent_ads": "granted",
    }  # fmt: skip
    return ConversionEvent.model_validate({**given, **values})


def records(pages: Sequence[Page]) -> list[Record]:
    return [r for p in pages for r in p.records]


def living(pages: Sequence[Page]) -> list[str]:
    """The ids of records that are not deleted, each as often as it came."""
    return [r.id for r in records(pages) if not r.deleted]


def everything(connector: Connector, object: str, since: Cursor | None = None) -> tuple[list[Record], Cursor]:
    """A whole pass, and where the next one begins."""
    pages = list(connector.read(object, since))
    return records(pages), pages[-1].cursor


def faults_of(connector: type[Connector]) -> tuple[str, ...]:
    """Kinds of fault that the platform's stand-in carries out by itself; none where there is no stand-in."""
    found = platforms().get(connector.platform)
    return getattr(found, "faults", ()) if found is not None else ()


def has_stand_in(connector: type[Connector]) -> bool:
    return connector.platform in platforms()


def own_code(connector: Connector, code: str) -> bool:
    """Whether a code says whose it is."""
    return code.split("-")[:2] == ["SB", connector.platform.upper()]


class Checks:
    """A group of checks. `needs` says in a few words when it applies."""

    needs: ClassVar[str] = "anything"
    bench_class: ClassVar[type[Bench]]

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return True

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        with self.bench_class(ElasticClock(), tmp_path) as made:
            yield made

    @pytest.fixture
    def connector(self, bench: Bench) -> Connector:
        return bench.open()


__all__ = [
    "ADA", "Checks", "conversion", "everything", "faults_of", "has_stand_in", "living", "own_code", "people", "person", "records",
]  # fmt: skip
