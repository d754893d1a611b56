"""A HubSpot account to test against: the stand-in, a connector on the same clock, and the mapping resolved for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from outside import recordings_of
from stagebridge.clock import ElasticClock
from stagebridge.connector import Entry, Page, Record
from stagebridge.mapping import load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot import HubSpot

KEY = "stagebridge_id"
CONTACTS = "contacts"


@contextmanager
def account(
    *, provisioned: bool = True, switches: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[tuple[HubSpot, Sandbox]]:
    """The connector has its mapping, and the account its custom properties unless they are not wanted."""
    clock = ElasticClock()
    with Sandbox("hubspot", clock=clock, switches=switches) as box:
        given = settings if "refresh_token" in settings else {"token": "pat-x"} | settings
        with HubSpot(base_url=box.url, clock=clock, **given) as hs:
            use_mapping(hs, provision=provisioned)
            box.forget_requests()
            yield hs, box


def use_mapping(hs: HubSpot, *, provision: bool = False) -> None:
    values = {k: v for k, v in hs.settings.model_dump().items() if isinstance(v, str)}
    mapping = load_mapping(hs.default_mapping, facts=hs.discover().facts, settings=values, lenient=True)
    if provision and mapping.missing():
        hs.provision(mapping.missing(), dry_run=False)
        mapping = load_mapping(hs.default_mapping, facts=hs.discover().facts, settings=values)
    hs.use(mapping)


def seed(box: Sandbox, data: Any) -> list[str]:
    """The ids of the contacts, in order."""
    ids: list[str] = box.seed(data).get("ids", [])
    return ids


def new(key: str, **properties: str) -> Entry:
    return Entry(CONTACTS, {"properties": {KEY: key, **properties}}, key=key, email=properties.get("email"))


def change(hs: HubSpot, id_: str, **properties: str) -> Entry:
    """Onto the record as it stands now."""
    base = hs.fetch(CONTACTS, [id_])[id_].data
    return Entry(CONTACTS, {"properties": properties}, id_, base, email=base["properties"].get("email"))


def onto(record_id: str, **properties: str) -> Entry:
    """Onto a record that nobody has read."""
    return Entry(CONTACTS, {"properties": properties}, record_id)


def held(box: Sandbox) -> dict[str, dict[str, Any]]:
    """What the platform holds, by id."""
    return {c["id"]: c for c in box.state()["contacts"]}


def by_email(box: Sandbox) -> dict[str, dict[str, Any]]:
    return {c["email"]: c for c in box.state()["contacts"] if c.get("email")}


def records(pages: Sequence[Page]) -> list[Record]:
    return [r for p in pages for r in p.records]


def living(pages: Sequence[Page]) -> list[str]:
    return [r.id for r in records(pages) if not r.deleted]


def sent(box: Sandbox, tail: str) -> list[dict[str, Any]]:
    """The bodies of the requests whose path ends so."""
    return [orjson.loads(r["body"] or "{}") for r in box.requests()["last"] if r["path"].endswith(tail)]


def recording(name: str) -> bytes:
    return (recordings_of("hubspot") / name).read_bytes()
