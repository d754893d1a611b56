"""Two or three stand-ins, an engine between them, and people who edit through the platforms' own clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hubspot.client import Client as HubSpotSdk

from salesforce_sdk import connect
from stagebridge.clock import ElasticClock
from stagebridge.config import Config, load_config
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import Sandbox
from stagebridge.sync.engine import Engine, RoundReport
from stagebridge.sync.setup import open_side, open_sides
from stagebridge.sync.side import Side

SECRETS = {"TOKEN": "pat-test", "SECRET": "sandbox-secret"}
OPEN_GUARDS = {"max_creates": "off", "max_changes": "off", "max_stage_moves": "off"}


@dataclass
class World:
    folder: Path
    clock: ElasticClock
    boxes: dict[str, Sandbox]
    contacts: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger: str | None = None
    provisioned: bool = False
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Connections that are files, before the stand-ins."""
    document: dict[str, Any] = field(default_factory=dict)
    """Further sections of the configuration."""
    keep_open: bool = False
    """Learn the accounts once, not anew for every round: for tests of many rounds."""
    flight: int = 1
    """Calls under way at once."""
    notice: Callable[[str], None] | None = None
    """Told what an engine has to say before it writes."""
    _sides: list[Side] = field(default_factory=list)

    # --- configuration -----------------------------------------------------------------------------------------

    def connection(self, name: str) -> dict[str, Any]:
        box = self.boxes[name]
        base: dict[str, Any] = {"type": box.platform.name, "base_url": box.url}
        if box.platform.name == "hubspot":
            base |= {"token": "${TOKEN}"}
        elif box.platform.name == "salesforce":
            base |= {
                "domain": "acme.my",
                "client_id": "sandbox-id",
                "client_secret": "${SECRET}",
                "default_region": "GB",
            }
        elif box.platform.name == "omnisend":
            base |= {"api_key": "${SECRET}"}
        elif box.platform.name == "zendesk":
            base |= {"email": "admin@example.com", "api_token": "${SECRET}"}
        return base | self.extra.get(name, {})

    def config(self) -> Config:
        names = [*self.files, *self.boxes]
        given = {"initial": {"prefer": names[0]}, "guards": OPEN_GUARDS, **self.contacts}
        contacts = {k: v for k, v in given.items() if v is not None}
        accounts = {**self.files, **{n: self.connection(n) for n in self.boxes}}
        document = {"version": 1, "connections": accounts, "contacts": contacts, **self.document}
        if self.ledger is not None:
            document["ledger"] = self.ledger
        path = self.folder / "stagebridge.yaml"
        path.write_text(json.dumps(document), "utf-8")
        return load_config(path, SECRETS)

    def engine(self) -> Engine:
        config = self.config()
        if not self.provisioned:
            for name in config.contacts.between:
                side = open_side(config.connections[name], config.lifecycle, self.clock)
                if side.connector.capabilities.provision == "api" and side.writes:
                    side.connector.provision(side.mapping.missing(), dry_run=False)
            self.provisioned = True
        if not (self.keep_open and self._sides):
            self._sides, failures = open_sides(config, self.clock)
            if failures:
                raise next(iter(failures.values()))
        ledger = Ledger.open(config.ledger)
        return Engine(
            config.contacts, ledger, self._sides, config.lifecycle, self.clock, flight=self.flight, notice=self.notice
        )

    # --- rounds ------------------------------------------------------------------------------------------------

    def sync(self, wait: float = 130.0, **options: Any) -> RoundReport:
        """A round, a while after whatever happened last."""
        self.clock.sleep(wait)
        engine = self.engine()
        try:
            report = engine.sync(**options)
        finally:
            engine.ledger.close()
        if report.failures and not options.get("failures_expected"):
            raise next(iter(report.failures.values()))
        return report

    def settle(self) -> None:
        """Rounds until nothing is written any more."""
        for _ in range(5):
            if self.sync().writes == 0:
                return
        raise AssertionError("five rounds, and still writing")

    # --- people ------------------------------------------------------------------------------------------------

    def hubspot(self, name: str) -> Any:
        client = HubSpotSdk(access_token="pat-test", host=self.boxes[name].url, base_url=self.boxes[name].url)
        return client.crm.contacts.basic_api

    def edit_hubspot(self, name: str, who: str, **properties: str) -> None:
        self.clock.sleep(1)
        self.hubspot(name).update(who, {"properties": properties}, id_property="email", _request_timeout=(5, 30))

    def edit_salesforce(self, name: str, who: str, object: str = "Contact", **values: Any) -> None:
        self.clock.sleep(1)
        sf = connect(self.boxes[name])
        found = sf.query(f"SELECT Id FROM {object} WHERE Email = '{who}'")["records"]
        getattr(sf, object).update(found[0]["Id"], values)

    # --- what is there -----------------------------------------------------------------------------------------

    def in_hubspot(self, name: str) -> dict[str, dict[str, Any]]:
        return {c.get("email", c["id"]): c for c in self.boxes[name].state()["contacts"]}

    def in_salesforce(self, name: str, object: str = "Contact") -> dict[str, dict[str, Any]]:
        return {str(c.get("Email", c["Id"])).lower(): c for c in self.boxes[name].state()[object]}

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        ledger = Ledger.open(self.config().ledger)
        try:
            with ledger.begin() as tx:
                return list(tx.execute(query).all())
        finally:
            ledger.close()

    def open_conflicts(self) -> list[str]:
        return [r[0] for r in self.rows(sa.select(t.conflict.c.kind).where(t.conflict.c.closed.is_(None)))]

    def changes(self, path: str) -> list[tuple[str, str]]:
        """(kind, rule) of every logged change of a path."""
        c = t.change.c
        return [(r[0], r[1]) for r in self.rows(sa.select(c.kind, c.rule).where(c.path == path).order_by(c.id))]

    def write_requests(self, name: str) -> int:
        """Requests that change contacts, as the platform counted them."""
        counted: Mapping[str, int] = self.boxes[name].requests()["by_route"]
        words = ("batch/update", "batch/upsert", "batch/create", "composite/sobjects", "jobs/ingest", "users/update_many",
                 "users/create_many")  # fmt: skip
        return sum(n for route, n in counted.items() if any(w in route for w in words))


@contextmanager
def world(folder: Path, **platforms: str | tuple[str, dict[str, Any]]) -> Iterator[World]:
    """Stand-ins by connection name: `crm="hubspot"`, or with switches `crm=("hubspot", {…})`."""
    with ExitStack() as stack:
        clock = ElasticClock()
        boxes = {}
        for i, (name, what) in enumerate(platforms.items()):
            platform, switches = (what, {}) if isinstance(what, str) else what
            if platform == "hubspot":
                switches = {"portal_id": 1000 + i, **switches}
            boxes[name] = stack.enter_context(Sandbox(platform, clock=clock, switches=switches, seed=i + 1))
        yield World(folder, clock, boxes)
