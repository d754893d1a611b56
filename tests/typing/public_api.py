"""What an integrator, an embedder and an author of a connector write, as type checkers see it. Nothing here is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, assert_type

from stagebridge_file import File

from stagebridge import Contact, ConversionEvent, load_mapping
from stagebridge.connector import Capabilities, Connector, Done, Draft, Entry, Health, Outcome, Page, Record, Rejected
from stagebridge.mapping import Mapping, Payload, View
from stagebridge_hubspot import HubSpot
from stagebridge_meta import Meta
from stagebridge_salesforce import Salesforce
from stagebridge_tiktok import TikTok


def integrator() -> None:
    with HubSpot(token="pat-…") as hs:
        assert_type(hs, HubSpot)
        for page in hs.read("contacts", since=datetime.now()):
            assert_type(page, Page)
            for record in page.records:
                assert_type(record, Record)
        outcomes = hs.write([Entry("contacts", {"properties": {"email": "ada@example.com"}}, key="k")])
        assert_type(outcomes, list[Outcome])
        for outcome in outcomes:
            match outcome:
                case Done(remote_id):
                    assert_type(remote_id, str)
                case Rejected(code, message):
                    assert_type(code, str)
                    assert_type(message, str)
        assert_type(hs.check(), Health)
    assert_type(
        Salesforce(domain="acme.my", client_id="…", client_secret="…").fetch("Contact", ["003"]), dict[str, Record]
    )
    assert_type(File(path="people.csv").capabilities, Capabilities)


def advertiser() -> None:
    event = ConversionEvent(id="order-1", name="Purchase", at=datetime.now().astimezone())
    for connector in (Meta(dataset="1", token="EAA…"), TikTok(token="…", pixel="C1")):
        draft = connector.draft(event)
        assert_type(draft, Draft | Rejected)
        if isinstance(draft, Draft):
            assert_type(connector.send([draft]), list[Outcome])


def embedder() -> None:
    mapping = load_mapping("hubspot", lifecycle="default", facts={})
    assert_type(mapping, Mapping)
    view = mapping.read({"properties": {}})
    assert_type(view, View)
    assert_type(view.problems, dict[str, str])
    contact = Contact.from_paths({**view, "stage": "customer"})
    assert_type(contact, Contact)
    assert_type(contact.stage, str | None)
    assert_type(mapping.write(contact, onto={"properties": {}}), Payload)
    assert_type(mapping.image(contact), dict[str, Any])


class Acme(Connector):
    platform = "acme"
    capabilities = Capabilities()

    def check(self) -> Health:
        return Health("acme")

    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        yield Page([], {})

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [Done("1") for _ in batch]
