"""Where the suite runs: one account of a platform, which it can put people into and look at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from stagebridge.clock import Clock
from stagebridge.config import Config, ConnectionConfig, ContactsConfig
from stagebridge.connector import Connector, ConnectorSettings, Entry
from stagebridge.lifecycle import load_lifecycle
from stagebridge.mapping import Mapping as FieldMapping
from stagebridge.mapping import View
from stagebridge.sandbox import Sandbox
from stagebridge.sync.setup import open_side
from stagebridge.sync.side import Side

HEADLINES = ("job_title", "company", "source", "first_name")
"""Texts that a check may write and clear; the first that the mapping reads and writes is used."""


class Bench(ABC):
    """One account, new for every test. Payloads and records are raw, in the form that the connector's mapping writes and
    reads, and never pass through the connector: what is put in is a person's work, what is held is the platform's word.

    `many` is more people than one page holds; `poison` a payload that the platform refuses of any record (None where it
    takes everything). `money` says whether the conversions that `convert` records have a value. `bare` asks for an account that lacks the custom fields that the mapping needs.

    For platforms that take events: `event` is what a complete one of theirs says otherwise than `keeping.conversion`,
    `poison_event` a part of a payload that the platform refuses of any event. `overlay` is YAML beside `extends:`, for what
    no account takes until its mapping says so.

    For platforms that messages are posted to: `settings` name an address, and `secrets` are what they have messages signed with
    there, the newest first: two, so that one is being replaced. `address` is one as the platform itself hands it out to its
    users, where they subscribe by themselves; nobody calls it.
    """

    connector: ClassVar[type[Connector]]
    object: ClassVar[str] = "contacts"
    many: ClassVar[int] = 250
    poison: ClassVar[Mapping[str, Any] | None] = None
    overlay: ClassVar[str] = ""
    money: ClassVar[bool] = True
    event: ClassVar[Mapping[str, Any]] = {}
    poison_event: ClassVar[Mapping[str, Any] | None] = None
    secrets: ClassVar[Sequence[str]] = ()
    address: ClassVar[str] = ""

    def __init__(self, clock: Clock, folder: Path, *, bare: bool = False, seed: int = 1) -> None:
        self.clock = clock
        self.folder = folder
        self.bare = bare
        self.seed = seed
        self.opened: list[Connector] = []

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """What the connection is told, secrets as they are."""

    @abstractmethod
    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        """Put in new records, as people would; their ids, in order."""

    @abstractmethod
    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        """Change a record, as a person would."""

    @abstractmethod
    def remove(self, id: str) -> None:
        """Delete a record, as a person would."""

    def merge(self, keep: str, lose: str) -> None:
        """Merge one record into another, as a person would: for platforms that tell of deletions."""
        raise NotImplementedError(f"{type(self).__name__} says nothing about merging")

    @abstractmethod
    def held(self) -> Mapping[str, Mapping[str, Any]]:
        """{id: record} of what the platform holds now, deleted ones left out, in the form that the mapping reads."""

    def counted(self) -> list[str]:
        """The ids of the events that the platform has counted, each as often as it counted it: for platforms that take
        events. A check's ids are UUIDs."""
        raise NotImplementedError(f"{type(self).__name__} says nothing about events")

    def convert(self, id: str, value: str) -> str:
        """Record a conversion of this person, as people there would (win a deal, open a ticket); the record's id. For platforms
        that record them."""
        raise NotImplementedError(f"{type(self).__name__} records no conversions")

    def edit_conversion(self, id: str, value: str) -> None:
        """Change the value of a conversion that was recorded, or what it has instead, as people there would."""
        raise NotImplementedError(f"{type(self).__name__} records no conversions")

    def hooks(self, url: str) -> list[dict[str, Any]]:
        """The webhook requests that are due, signed for `url`: `{"method", "url", "headers", "body": bytes}`. For platforms that
        send any."""
        raise NotImplementedError(f"{type(self).__name__} says nothing about webhooks")

    def posted(self, address: str) -> list[Any]:
        """The bodies of what was posted to this address and taken there, parsed, in the order in which they came: for platforms
        that messages are posted to."""
        raise NotImplementedError(f"{type(self).__name__} says nothing about messages")

    def hand_out(self) -> str:
        """An address that somebody there listens at and subscribes with, another one each time: for platforms whose users
        subscribe."""
        raise NotImplementedError(f"{type(self).__name__} hands out no addresses")

    def stop_listening(self, address: str) -> None:
        """Whoever listens at a `hand_out` address stops, as people there do it, and tells us nothing."""
        raise NotImplementedError(f"{type(self).__name__} hands out no addresses")

    def source(self, connector: Connector) -> str:
        """The mapping that the suite looks at, where the connector has none by itself."""
        return connector.default_mapping

    # --- what the suite does with it ---------------------------------------------------------------------------

    def connection(self, **settings: Any) -> ConnectionConfig:
        """As a configuration has it."""
        model = self.connector.Settings(**{**self.settings(), **settings})
        return ConnectionConfig(
            f"{self.connector.platform}{self.seed}", self.connector.platform, default_region="GB", timezone="UTC",
            settings=model, connector=self.connector, folder=self.folder, mapping=self._overlaid(model),
        )  # fmt: skip

    def configuration(self) -> Config:
        """Of this connection alone, with a ledger beside it."""
        one = self.connection()
        return Config(
            self.folder / "stagebridge.yaml", f"sqlite:///{self.folder}/ledger.db", load_lifecycle("default"), "UTC",
            {one.name: one}, ContactsConfig((one.name,)),
        )  # fmt: skip

    def side(self, *, provisioned: bool = True, **settings: Any) -> Side:
        """A connection as the engine has it, the account provisioned where that can be done through the API."""
        config = self.connection(**settings)
        lifecycle = load_lifecycle("default")
        side = open_side(config, lifecycle, self.clock)
        self.opened.append(side.connector)
        if provisioned and self.connector.capabilities.provision == "api" and side.mapping.missing():
            side.connector.provision(side.mapping.missing(), dry_run=False)
            side = open_side(config, lifecycle, self.clock)
            self.opened.append(side.connector)
        self.mapping: FieldMapping = side.mapping
        return side

    def _overlaid(self, settings: ConnectorSettings) -> str | None:
        """The file of the overlay over the mapping that a connection with these settings has by itself."""
        if not self.overlay:
            return None
        with self.connector(settings, clock=self.clock) as asked:
            source = asked.default_mapping
        (self.folder / "overlay.yaml").write_text(f"extends: {source}\n{self.overlay}", "utf-8")
        return "overlay.yaml"

    def open(self, **settings: Any) -> Connector:
        """A connector that is logged in and has its mapping."""
        return self.side(**settings).connector

    def wait(self, seconds: float = 0.0) -> None:
        """Let the platform's lag pass, and more."""
        self.clock.sleep(max(seconds, 2 * self.opened[-1].lag + 1))

    def payload(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A new record of a person in the platform's form."""
        return dict(self.mapping.write(values, object=self.object))

    def put_people(self, people: Sequence[Mapping[str, Any]]) -> list[str]:
        return self.put([self.payload(p) for p in people])

    def edit_person(self, id: str, values: Mapping[str, Any]) -> None:
        self.edit(id, dict(self.mapping.write(values, onto=self.held()[id], object=self.object)))

    def views(self) -> dict[str, View]:
        """{id: canonical values} of what the platform holds."""
        return {id: self.mapping.read(record, self.object) for id, record in self.held().items()}

    def view(self, id: str) -> View:
        return self.views()[id]

    def text_path(self) -> str:
        """A path of plain text that can be written and read."""
        return next(
            p for p in HEADLINES if p in self.mapping.writable(self.object) and p in self.mapping.readable(self.object)
        )

    def create(self, values: Mapping[str, Any], key: str) -> Entry:
        """The entry of a new person, under our key where the platform holds one."""
        given = {**values, "external_id": key}
        return Entry(self.object, self.payload(given), key=key, email=values.get("email"), context=given)

    def update(self, connector: Connector, id: str, values: Mapping[str, Any]) -> Entry:
        """The entry of a change, onto the record as it stands now."""
        base = connector.fetch(self.object, [id])[id].data
        payload = self.mapping.write(values, onto=base, object=self.object)
        return Entry(self.object, dict(payload), id, base, None, self.mapping.read(base, self.object).get("email"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connector in self.opened:
            connector.close()


class SandboxBench(Bench):
    """A bench on the platform's stand-in, which runs as `box` for as long as the `with` block lasts."""

    switches: ClassVar[Mapping[str, Any]] = {}
    bare_switches: ClassVar[Mapping[str, Any]] = {}
    """Switches of an account that lacks our fields, where the stand-in has them by itself."""

    box: Sandbox

    def hooks(self, url: str) -> list[dict[str, Any]]:
        return self.box.hooks(url)

    def __enter__(self) -> Self:
        switches = {**self.switches, **(self.bare_switches if self.bare else {})}
        self.box = Sandbox(self.connector.platform, clock=self.clock, switches=switches, seed=self.seed)
        self.box.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.box.__exit__(kind, error, trace)


__all__ = ["Bench", "SandboxBench"]
