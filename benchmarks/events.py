"""A thousand purchases to Meta's request body, ours and with Meta's own SDK: `python benchmarks/events.py`.

Each event has eight fields about a person, phone numbers as people write them, a value and one item. Three ways, in turns in
one process, CPU time, the best of several rounds:

- raw: plain dictionaries, through the canonical model's validation, the mapping and every check before the wire;
- validated: the same from `ConversionEvent`s, as they lie in a queue;
- SDK: facebook-business' classes from the same dictionaries, its normalisation, and the form-encoded body that it sends.

Prints JSON: milliseconds of each, how many times as fast as the SDK, the bytes, and which hashes differ.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.user_data import UserData

from stagebridge import load_mapping
from stagebridge.connector import Draft
from stagebridge.event import ConversionEvent
from stagebridge_meta import Meta
from stagebridge_meta.sending import body

EVENTS = 1000
ROUNDS = 9
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GIVEN = ("Mary", "Valéry", "Jürgen", "Zoë", "Anna", "John", "정", "Ines")
FAMILY = ("Smith", "Müller", "Nguyen", "Silva", "Kowalski", "Jones")
CITIES = (("Menlo Park", "CA", "94025-1234"), ("Austin", "TX", "78701"), ("New York", "NY", "10001"))


def purchases(count: int = EVENTS) -> list[dict[str, Any]]:
    """Invented people's purchases, as a shop's system would hand them over."""
    out = []
    for i in range(count):
        city, region, postal_code = CITIES[i % len(CITIES)]
        contact = {
            "email": f"Person.{i}@Example.com", "phone": f"+1 (650) 555-{100 + i % 100:04d}", "first_name": GIVEN[i % len(GIVEN)],
            "last_name": FAMILY[i % len(FAMILY)],
            "address": {"city": city, "region": region, "postal_code": postal_code, "country": "US"},
        }  # fmt: skip
        out.append(
            {
                "id": f"order-{i}", "name": "Purchase", "at": NOW, "channel": "web", "source_url": "https://shop.example.com/thanks",
                "ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "value": "12.50", "currency": "EUR", "order_id": f"{i}",
                "items": [{"id": f"sku-{i % 50}", "quantity": 1, "price": "12.50"}], "contact": contact,
            }
        )  # fmt: skip
    return out


def connected() -> Meta:
    """A connection that never sends anything."""
    meta = Meta(dataset="1234567890", token="no token", base_url="http://127.0.0.1:9")
    meta.use(load_mapping("meta", settings={"crm_name": "Shop"}))
    return meta


def of_events(meta: Meta, events: list[ConversionEvent]) -> bytes:
    drafts = [d for e in events if isinstance(d := meta.draft(e), Draft)]
    assert len(drafts) == len(events)
    return body(drafts)


def of_raw(meta: Meta, rows: list[dict[str, Any]]) -> bytes:
    return of_events(meta, [ConversionEvent.model_validate(row) for row in rows])


def by_sdk(rows: list[dict[str, Any]]) -> bytes:
    """As its documentation shows it, up to the bytes that its session would send."""
    events = [sdk_event(row) for row in rows]
    params = EventRequest(pixel_id="1234567890", events=events).get_params()
    return urlencode({"data": json.dumps(params["data"])}).encode()


def sdk_event(row: dict[str, Any]) -> Any:
    """A purchase in the SDK's classes."""
    person = row["contact"]
    address = person["address"]
    user = UserData(
        email=person["email"], phone=person["phone"], first_name=person["first_name"], last_name=person["last_name"],
        city=address["city"], state=address["region"], zip_code=address["postal_code"], country_code=address["country"],
        client_ip_address=row["ip"], client_user_agent=row["user_agent"],
    )  # fmt: skip
    contents = [Content(product_id=i["id"], quantity=i["quantity"], item_price=float(i["price"])) for i in row["items"]]
    custom = CustomData(
        value=float(row["value"]), currency=row["currency"], order_id=row["order_id"], contents=contents
    )
    return Event(
        event_name=row["name"], event_time=int(row["at"].timestamp()), event_id=row["id"], user_data=user,
        custom_data=custom, event_source_url=row["source_url"], action_source=ActionSource.WEBSITE,
    )  # fmt: skip


def hashes(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each event's hashed fields."""
    return [{k: v for k, v in e["user_data"].items() if isinstance(v, list)} for e in data]


def differing(ours: bytes, theirs: bytes) -> dict[str, int]:
    """{field: events in which the two say something else about the person}."""
    mine = hashes(json.loads(ours)["data"])
    sdk = hashes([json.loads(e) for e in json.loads(parse_qs(theirs.decode())["data"][0])])
    out: dict[str, int] = {}
    for one, other in zip(mine, sdk, strict=True):
        for key in one.keys() | other.keys():
            out[key] = out.get(key, 0) + (one.get(key) != other.get(key))
    return {key: count for key, count in sorted(out.items()) if count}


def best(ways: dict[str, Callable[[], bytes]], rounds: int) -> dict[str, float]:
    """Milliseconds of CPU of the fastest of several rounds; the ways take turns, so that a busy machine is so for all."""
    found = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            way()
            found[name] = min(found[name], 1000 * (time.process_time() - began))
    return found


def main() -> None:
    rows = purchases()
    events = [ConversionEvent.model_validate(row) for row in rows]
    with connected() as meta:
        ways: dict[str, Callable[[], bytes]] = {
            "validated": lambda: of_events(meta, events), "raw": lambda: of_raw(meta, rows), "sdk": lambda: by_sdk(rows),
        }  # fmt: skip
        made = {name: way() for name, way in ways.items()}
        ms = best(ways, ROUNDS)
    json.dump(
        {
            "events": EVENTS, "python": sys.version.split()[0], "milliseconds": {n: round(t, 1) for n, t in ms.items()},
            "times_as_fast_as_the_sdk": {n: round(ms["sdk"] / t, 1) for n, t in ms.items() if n != "sdk"},
            "bytes": {n: len(b) for n, b in made.items()}, "hashes_that_differ": differing(made["validated"], made["sdk"]),
        },
        sys.stdout, indent=2,
    )  # fmt: skip
    print()


if __name__ == "__main__":
    main()
