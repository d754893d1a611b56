"""Everything that the connector asks of Zendesk is in Zendesk's own OpenAPI, in the form that it has there."""

from __future__ import annotations

from stagebridge.connector import Done
from zendesk_kit import CONTACTS, account, change, new, overheard, seed
from zendesk_openapi import spec, validate_exchange


def test_every_request_is_as_the_specification_has_it() -> None:
    spec()  # skipped with the reason where nobody has it
    with account(organizations="create", tickets={"Refunded": {"subject": "A refund"}}) as (zd, box):
        heard = overheard(zd)
        [ada] = seed(box, {"name": "Ada", "email": "ada@example.com"})
        asks = [new(zd, "k-1", email="new@example.com", name="New", company="Granat s.r.o.", stage="lead")]
        assert isinstance(zd.write(asks)[0], Done)
        assert isinstance(zd.write([change(zd, ada, email="countess@example.com", tags=frozenset({"vip"}))])[0], Done)
        zd.clock.sleep(130)
        for object_pages in (zd.read(CONTACTS), zd.read_events()):
            assert list(object_pages)
        zd.find(CONTACTS, "external_id", ["k-1"])
        zd.pace()
        zd.check()
        zd.bulk = False
        assert isinstance(zd.write([new(zd, "k-2", email="second@example.com", name="Second")])[0], Done)
        assert isinstance(zd.erase(CONTACTS, ada, None), Done)
        assert [p for e in heard for p in validate_exchange(*e)] == []
        methods = {(method, path.rpartition("/")[2]) for method, path, *_ in heard}
        assert {("POST", "create_many"), ("PUT", "update_many"), ("PUT", "make_primary"), ("GET", "cursor")} <= methods
