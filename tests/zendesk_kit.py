"""A Zendesk account to test against: the stand-in, a connector on the same clock, and the mapping resolved for it. Whatever the
connector sends, and is answered, is held against Zendesk's own OpenAPI where somebody has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from stagebridge.clock import ElasticClock
from stagebridge.connector import Entry, Page, Record
from stagebridge.http import Response
from stagebridge.mapping import load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_zendesk import Zendesk
from zendesk_http import has_spec
from zendesk_openapi import validate_exchange

CONTACTS = "contacts"
Exchange = tuple[str, str, dict[str, str], Any, int, Any]


@contextmanager
def account(
    *, switches: Mapping[str, Any] | None = None, provisioned: bool = True, **settings: Any
) -> Iterator[tuple[Zendesk, Sandbox]]:
    """The connector has its mapping, and the account its user fields unless they are not wanted."""
    clock = ElasticClock()
    with Sandbox("zendesk", clock=clock, switches=switches) as box:
        given = {"email": "admin@example.com", "api_token": "token-1", "subdomain": "acme", **settings}
        with Zendesk(base_url=box.url, clock=clock, **given) as zd:
            exchanges = overheard(zd)
            use_mapping(zd, provision=provisioned)
            box.forget_requests()
            yield zd, box
            if has_spec():
                assert [p for e in exchanges for p in validate_exchange(*e)] == []


def overheard(zd: Zendesk) -> list[Exchange]:
    """Everything that it asks from now on, and what it is answered."""
    heard: list[Exchange] = []
    ask = zd.client.request

    def listening(method: str, path: str, **given: Any) -> Response:
        answer = ask(method, path, **given)
        query = {k: str(v) for k, v in (given.get("params") or {}).items()}
        heard.append((method, path, query, given.get("json"), answer.status, answer.object() or None))
        return answer

    zd.client.request = listening  # type: ignore[method-assign]
    return heard


def use_mapping(zd: Zendesk, *, provision: bool = False) -> None:
    mapping = load_mapping(zd.default_mapping, facts=zd.discover().facts, lenient=True)
    if provision and mapping.missing():
        zd.provision(mapping.missing(), dry_run=False)
        mapping = load_mapping(zd.default_mapping, facts=zd.discover().facts)
    zd.use(mapping)


def seed(box: Sandbox, *users: Mapping[str, Any]) -> list[str]:
    """The ids of these users, in order."""
    return [str(i) for i in box.seed({"users": list(users)})["ids"]]


def new(zd: Zendesk, key: str, **values: Any) -> Entry:
    """A new person of these canonical values."""
    assert zd.mapping is not None
    given = {"external_id": key, **values}
    return Entry(CONTACTS, dict(zd.mapping.write(given)), key=key, email=values.get("email"), context=given)


def change(zd: Zendesk, id_: str, **values: Any) -> Entry:
    """Onto the record as it stands now; `consent_email` is `consent.email`."""
    assert zd.mapping is not None
    base = zd.fetch(CONTACTS, [id_])[id_].data
    given = {k.replace("_email", ".email") if k.startswith("consent") else k: v for k, v in values.items()}
    return Entry(CONTACTS, dict(zd.mapping.write(given, onto=base)), id_, base, context=given)


def held(box: Sandbox) -> dict[str, dict[str, Any]]:
    """What Zendesk holds, by id; deleted people too."""
    return {str(u["id"]): u for u in box.state()["users"]}


def emails(box: Sandbox, id_: str) -> dict[str, bool]:
    """{address: whether it is the primary one}."""
    found = box.state()["identities"]
    return {i["value"]: i["primary"] for i in found if str(i["user_id"]) == id_ and i["type"] == "email"}


def records(pages: Sequence[Page]) -> list[Record]:
    return [r for p in pages for r in p.records]


def asked(box: Sandbox, path: str) -> list[dict[str, Any]]:
    """The requests to a path."""
    found: list[dict[str, Any]] = box.requests(path=path)["last"]
    return found
