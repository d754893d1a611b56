"""The `connections:` section: which accounts, and what each platform's connector is told."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, requires
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from stagebridge.config.problems import TRUTH, Problems, seconds, share
from stagebridge.config.references import References
from stagebridge.config.values import AdsConsent, ConnectionConfig, Mode
from stagebridge.connector import Capabilities, Connector
from stagebridge.countries import NAMES
from stagebridge.document import Table, nearest
from stagebridge.normalize import Invalid, timezone

OWN = ("type", "mode", "mapping", "custom", "default_region", "timezone", "ads_consent", "conversions", "segments")
"""What every connection says to us; the rest is for its connector."""
SEGMENTS = "stage: "
"""How they begin where the configuration only says that there are to be some."""


def published() -> tuple[str, ...]:
    """Connectors that stagebridge publishes, as `stagebridge-<name>`: its own extras name them."""
    names = (re.match(r"stagebridge-(\w+)", r) for r in requires("stagebridge") or ())
    return tuple(sorted({m[1] for m in names if m}))


class Connections:
    """`zone` is the document's time zone, for connections that name none."""

    def __init__(
        self, problems: Problems, references: References, installed: dict[str, EntryPoint], zone: str | None
    ) -> None:
        self.problems = problems
        self.references = references
        self.installed = installed
        self.zone = zone

    def read(self, table: Table, name: str, folder: Path) -> ConnectionConfig | None:
        """One connection; None where something is wrong with it."""
        here = f"connections.{name}"
        if not isinstance(table[name], Table):
            self.problems.add(table, name, here, "an account is a table: {type: …, …}")
            return None
        before, table = len(self.problems), table[name]
        mode = self.problems.choice(table, "mode", f"{here}.mode", get_args(Mode), "two_way")
        mapping = self._mapping(table, here, folder)
        custom = self.problems.table(table, "custom", f"{here}.custom")
        region = self._region(table, f"{here}.default_region")
        ads = self.problems.choice(table, "ads_consent", f"{here}.ads_consent", get_args(AdsConsent), "granted_only")
        conversions = self.problems.truth(table, "conversions", f"{here}.conversions", False)
        segments = self._segments(table, f"{here}.segments")
        zone = zone_of(self.problems, table, f"{here}.timezone") or self.zone
        connector = self._connector(table, f"{here}.type")
        if connector is None:
            return None
        events = getattr(connector, "capabilities", Capabilities()).events
        if conversions and (events is None or not events.reads):
            self.problems.add(table, "conversions", f"{here}.conversions", f"{table['type']} records no conversions")
        settings = self._settings(table, connector, here)
        if settings is not None and "mapping" not in table and settings.mapping_needed:
            self.problems.add(table, "mapping", f"{here}.mapping", settings.mapping_needed)
        if settings is None or len(self.problems) > before:
            return None
        return ConnectionConfig(
            name, table["type"], mode, mapping, custom, region, zone, ads, conversions, segments, settings, connector, folder,
        )  # fmt: skip

    def _connector(self, table: Table, where: str) -> type[Connector] | None:
        known = sorted({*self.installed, *published()})
        kind = self.problems.word(table, "type", where)
        if kind in self.installed:
            try:
                found: type[Connector] = self.installed[kind].load()
            except ImportError as error:
                self.problems.add(table, "type", where, f"the connector for {kind} does not load: {error}")
                return None
            return found
        if kind in published():
            what = f"the connector for {kind} is not installed; `pip install stagebridge-{kind}`"
        elif kind is None:
            what = f"say which platform it is: `type:` one of {', '.join(known)}"
        else:
            what = (
                f"no connector is called '{kind}'{nearest(kind, known)}; `stagebridge connectors` lists what there is"
            )
        self.problems.add(table, "type", where, what)
        return None

    def _mapping(self, table: Table, here: str, folder: Path) -> str | None:
        mapping = self.problems.word(table, "mapping", f"{here}.mapping")
        if mapping and mapping.endswith((".yaml", ".yml")) and not (folder / mapping).is_file():
            self.problems.add(
                table, "mapping", f"{here}.mapping", f"there is no file {mapping} beside the configuration"
            )
        return mapping

    def _segments(self, table: Table, where: str) -> str | None:
        """How the tags begin that stand for a stage."""
        text = self.problems.word(table, "segments", where)
        return text if text is None or text.lower() not in TRUTH else SEGMENTS if TRUTH[text.lower()] else None

    def _region(self, table: Table, where: str) -> str | None:
        region = self.problems.word(table, "default_region", where)
        if region is not None and region.upper() not in NAMES:
            self.problems.add(
                table, "default_region", where, f"'{region}' is no country code; write for example DE or GB"
            )
        return region.upper() if region else None

    # --- what the connector is told ----------------------------------------------------------------------------

    def _settings(self, table: Table, connector: type[Connector], here: str) -> Any:
        fields = connector.Settings.model_fields
        self.problems.keys(table, (*OWN, *fields), here)
        given = {k: self._value(table, k, fields[k].annotation, f"{here}.{k}") for k in table if k in fields}
        try:
            return connector.Settings.model_validate(given)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                self._refused(table, here, one["loc"], one["msg"].removeprefix("Value error, "))
        return None

    def _value(self, table: Table, key: str, annotation: Any, where: str) -> Any:
        value, kinds = table[key], {annotation, *get_args(annotation)}
        if isinstance(value, Table) and get_origin(annotation) is dict:
            return {k: self._value(value, k, get_args(annotation)[1], f"{where}.{k}") for k in value}
        model = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if isinstance(value, Table) and model is not None:
            self.problems.keys(value, tuple(model.model_fields), where)
            inner = model.model_fields
            return {k: self._value(value, k, inner[k].annotation, f"{where}.{k}") for k in value if k in inner}
        if not isinstance(value, str):
            return value
        found = self.references.resolve(table, key, where, value, secret=SecretStr in kinds)
        if Path in kinds:
            return self.references.folder / Path(found).expanduser()
        if float in kinds:
            number = share(found) if found.endswith("%") else seconds(found)
            return found if number is None else number
        return found

    def _refused(self, table: Table, where: str, loc: tuple[int | str, ...], what: str) -> None:
        """Name the innermost table that the connector's refusal is about."""
        key = None
        for part in map(str, loc):
            if key is not None and isinstance(table.get(key), Table):
                table = table[key]
            key, where = part, f"{where}.{part}"
        self.problems.add(table, key, where, what)


def keeps_people(connection: ConnectionConfig) -> bool:
    """Whether contacts can be read there, written there, or come from there by themselves."""
    able = connection.capabilities
    return any((able.read, able.write, able.webhooks, able.api))


def zone_of(problems: Problems, table: Table, where: str) -> str | None:
    """The IANA name under `timezone:`."""
    given = problems.word(table, "timezone", where)
    if given is None:
        return None
    try:
        return timezone(given)
    except Invalid:
        problems.add(table, "timezone", where, f"'{given}' is no IANA time zone; write for example Europe/Berlin")
        return None


def literal_password(url: str) -> bool:
    """Whether a database URL has a password in plain text in it."""
    match = re.match(r"[\w+]+://[^/@:]*:([^/@]*)@", url)
    return bool(match and match[1] and not re.fullmatch(r"(\$\{\w+\})+", match[1]))
