"""`stagebridge.yaml`: which accounts, which rules, which guards.

    config = load_config("stagebridge.yaml")
    config.connections["crm"].connect(clock)

Everything that is wrong in a file is reported at once, each with its line; secrets come by reference only.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import SecretStr, ValidationError

from stagebridge.clock import Clock
from stagebridge.connector import Connector, ConnectorSettings
from stagebridge.contact import is_blank, kind_of
from stagebridge.document import Table, nearest, parse_file
from stagebridge.errors import ConfigError
from stagebridge.lifecycle import Lifecycle, load_lifecycle

RuleKind = Literal["latest", "prefer", "fill_empty", "most_restrictive"]
Mode = Literal["two_way", "read", "write"]
PACKAGED = ("hubspot", "salesforce")
"""Connectors that stagebridge publishes, as `stagebridge-<name>`."""

GUARDS: Mapping[str, str] = {
    "max_creates": "500",
    "max_changes": "50%",
    "max_stage_moves": "20%",
    "max_clears": "20",
    "max_deletes": "0",
    "max_opt_outs": "0",
}
"""What one run may do to one connection unless the file says otherwise: a number, or a share of the people linked
there (at least 50, so that a small account is not stopped by its size). Opting people out and deleting them is
never a side effect: 0 until raised."""

SMALLEST_SHARE = 50


@dataclass(frozen=True, slots=True)
class Rule:
    """How a path is decided where two systems changed it; `prefer` lists connections, best first."""

    kind: RuleKind = "latest"
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guards:
    limits: Mapping[str, str] = field(default_factory=lambda: dict(GUARDS))

    def limit(self, guard: str, linked: int) -> int | None:
        """The largest number allowed; None where the guard is off."""
        text = self.limits[guard]
        if text == "off":
            return None
        if text.endswith("%"):
            return max(SMALLEST_SHARE, int(linked * float(text[:-1]) / 100))
        return int(text)


@dataclass(frozen=True, slots=True)
class ContactsConfig:
    """How contacts are kept in step.

    `between`: connections. `initial`: who is right where two full systems meet, per path pattern. `include`: who is
    written at all, {path: condition}. `create`: {connection: whether, or as which object, people are created}.
    `rules`: per path pattern, the most exact first. `backward`: what becomes of a deliberate correction backwards.
    `verify`: whether records are read again before they are written.
    """

    between: tuple[str, ...]
    initial: Mapping[str, Rule] = field(default_factory=dict)
    include: Mapping[str, str] = field(default_factory=dict)
    create: Mapping[str, bool | str] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    guards: Guards = field(default_factory=Guards)
    ambiguous: Literal["review", "newest", "prefer_contact"] = "review"
    backward: Literal["hold", "revert", "allow"] = "hold"
    deletes: Literal["ignore"] = "ignore"
    verify: Literal["always", "off"] = "always"
    write: Literal["primary", "all"] = "primary"
    match_phone: bool = False
    max_flips: int = 5

    def rule(self, path: str) -> Rule:
        return _best(self.rules, path) or Rule()

    def initial_rule(self, path: str) -> Rule | None:
        return _best(self.initial, path)

    def includes(self, values: Mapping[str, Any], lifecycle: Lifecycle) -> bool:
        """Whether a contact with these values is written anywhere. A lost contact stands beside the order and stays in."""
        return all(_holds(condition, values.get(path), lifecycle) for path, condition in self.include.items())

    def fingerprint(self) -> str:
        """Changes whenever something that decides what is owed changes."""
        parts = (self.between, sorted(self.include.items()), sorted(self.create.items()), self.write)
        return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One account: its platform (`type`), how it is mapped, and the connector's own settings."""

    name: str
    type: str
    mode: Mode = "two_way"
    mapping: str | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    default_region: str | None = None
    timezone: str | None = None
    settings: ConnectorSettings | None = None
    connector: Callable[..., Connector] | None = None
    folder: Path = Path()

    def connect(self, clock: Clock | None = None) -> Connector:
        """The connector, not yet asked for anything."""
        assert self.connector is not None
        return self.connector(self.settings, clock=clock)

    @property
    def mapping_source(self) -> str | Path:
        """A file beside the configuration, or the platform's own mapping."""
        if self.mapping is None:
            return self.type
        path = self.folder / self.mapping
        return path if self.mapping.endswith((".yaml", ".yml")) else self.mapping


@dataclass(frozen=True, slots=True)
class Job:
    """`every` in seconds."""

    name: str
    every: float


@dataclass(frozen=True, slots=True)
class Config:
    path: Path
    ledger: str
    lifecycle: Lifecycle
    timezone: str
    connections: Mapping[str, ConnectionConfig]
    contacts: ContactsConfig
    jobs: tuple[Job, ...] = ()


# --- reading the file -----------------------------------------------------------------------------------------


def load_config(path: str | Path = "stagebridge.yaml", environ: Mapping[str, str] | None = None) -> Config:
    """Read, check and resolve a configuration. `.env` beside the file is read too; the environment wins.

    Raises `ConfigError` that lists every problem as `file:line: path: what`.
    """
    path = Path(path)
    return _Reader(path, parse_file(path), environ).config()


def connectors() -> dict[str, EntryPoint]:
    """Installed connectors by platform."""
    return {e.name: e for e in entry_points(group="stagebridge.connectors")}


class _Reader:
    TOP = ("version", "ledger", "lifecycle", "timezone", "connections", "contacts", "jobs")
    CONNECTION = ("type", "mode", "mapping", "custom", "default_region", "timezone")
    CONTACTS = (
        "between", "initial", "include", "create", "rules", "guards", "ambiguous", "backward", "deletes", "verify",
        "write", "match_phone", "max_flips",
    )  # fmt: skip

    def __init__(self, path: Path, document: Table, environ: Mapping[str, str] | None) -> None:
        self.path = path
        self.document = document
        self.problems: list[str] = []
        self.environ = {**_dotenv(path.parent / ".env"), **(os.environ if environ is None else environ)}

    def config(self) -> Config:
        d = self.document
        self._keys(d, self.TOP, "")
        if d.get("version", "1") != "1":
            self._problem(d, "version", "version", f"this stagebridge reads version 1, not {d['version']}")
        if not d.get("connections"):
            self._problem(d, "connections", "connections", "name at least one account")
        connections = {
            name: c
            for name, table in self._table(d, "connections").items()
            if (c := self._connection(name, table)) is not None
        }
        lifecycle = self._lifecycle(d)
        contacts = self._contacts(self._table(d, "contacts"), connections, lifecycle)
        jobs = self._jobs(d)
        ledger = self._reference(d, "ledger", d.get("ledger") or "sqlite:///stagebridge.db", "ledger")
        if self.problems:
            raise ConfigError("\n".join(self.problems), hint="Nothing was contacted; mend the file and run again.")
        assert lifecycle is not None and contacts is not None
        return Config(
            self.path, _absolute(ledger, self.path.parent), lifecycle, d.get("timezone") or "UTC", connections,
            contacts, jobs,
        )  # fmt: skip

    # --- connections -------------------------------------------------------------------------------------------

    def _connection(self, name: str, table: Any) -> ConnectionConfig | None:
        here = f"connections.{name}"
        if not isinstance(table, Table):
            self._problem(self.document, "connections", here, "an account is a table: {type: …, …}")
            return None
        installed = connectors()
        kind = table.get("type")
        if kind not in installed:
            known = sorted({*installed, *PACKAGED})
            if kind in PACKAGED:
                what = f"the connector for {kind} is not installed; `pip install stagebridge-{kind}`"
            elif kind is None:
                what = f"say which platform it is: `type:` one of {', '.join(known)}"
            else:
                what = f"no connector is called '{kind}'{nearest(str(kind), known)}"
            self._problem(table, "type", f"{here}.type", what)
            return None
        connector: type[Connector] = installed[kind].load()
        own = connector.Settings.model_fields
        self._keys(table, (*self.CONNECTION, *own), here)
        values = {key: self._setting(table, key, own[key].annotation, f"{here}.{key}") for key in table if key in own}
        mode = table.get("mode", "two_way")
        self._choice(table, "mode", f"{here}.mode", mode, get_args(Mode))
        try:
            settings = connector.Settings.model_validate(values)
        except ValidationError as error:
            for e in error.errors(include_url=False, include_input=False):
                key = str(e["loc"][0]) if e["loc"] else ""
                self._problem(table, key or None, f"{here}.{key}".rstrip("."), e["msg"].removeprefix("Value error, "))
            return None
        return ConnectionConfig(
            name, kind, mode, table.get("mapping"), table.get("custom") or {}, table.get("default_region"),
            table.get("timezone") or self.document.get("timezone"), settings, connector, self.path.parent,
        )  # fmt: skip

    def _setting(self, table: Table, key: str, annotation: Any, where: str) -> Any:
        value = table[key]
        secret = annotation is SecretStr or SecretStr in get_args(annotation)
        if not isinstance(value, str):
            return value
        if key == "budget":
            return self._share(table, key, value, where)
        if secret and not re.match(r"\$\{|file:|keyring:", value):
            self._problem(
                table, key, where, "a secret stands here in plain text; write "
                f"${{{_shout(where)}}}, file:/path or keyring:service/name instead"
            )  # fmt: skip
            return value
        return self._reference(table, key, value, where)

    def _reference(self, table: Table, key: str, value: str, where: str) -> str:
        """`${NAME}` inside a text, `file:/path`, `keyring:service/name`."""
        if value.startswith("file:"):
            try:
                return (self.path.parent / value.removeprefix("file:")).read_text("utf-8").strip()
            except OSError as error:
                self._problem(table, key, where, f"{value}: {error.strerror}")
                return value
        if value.startswith("keyring:"):
            return self._keyring(table, key, value, where)

        def variable(match: re.Match[str]) -> str:
            name = match[1]
            if name not in self.environ:
                self._problem(table, key, where, f"the variable {name} is not set; set it, or write it into .env")
                return ""
            return self.environ[name]

        return re.sub(r"\$\{(\w+)\}", variable, value)

    def _keyring(self, table: Table, key: str, value: str, where: str) -> str:
        service, _, name = value.removeprefix("keyring:").partition("/")
        try:
            import keyring  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            self._problem(table, key, where, "keyring: needs the package keyring; `pip install keyring`")
            return value
        found = keyring.get_password(service, name)
        if found is None:
            self._problem(table, key, where, f"the keyring has no {service}/{name}")
        return found or ""

    def _share(self, table: Table, key: str, value: str, where: str) -> float | str:
        try:
            return float(value[:-1]) / 100 if value.endswith("%") else float(value)
        except ValueError:
            self._problem(table, key, where, f"'{value}' is no share; write for example 80%")
            return 1.0

    # --- contacts ----------------------------------------------------------------------------------------------

    def _contacts(
        self, table: Table, connections: Mapping[str, ConnectionConfig], lifecycle: Lifecycle | None
    ) -> ContactsConfig:
        self._keys(table, self.CONTACTS, "contacts")
        named = [n for n in self._table(self.document, "connections")]
        between = table.get("between") or named
        if isinstance(between, str):
            between = [between]
        for name in between:
            self._known_connection(table, "between", "contacts.between", name, named)
        choices = {
            "ambiguous": ("review", "newest", "prefer_contact"), "backward": ("hold", "revert", "allow"),
            "deletes": ("ignore",), "verify": ("always", "off"), "write": ("primary", "all"),
        }  # fmt: skip
        for key, allowed in choices.items():
            if key in table:
                self._choice(table, key, f"contacts.{key}", table[key], allowed)
        include = self._table(table, "include")
        for path, condition in include.items():
            self._condition(include, path, condition, lifecycle)
        return ContactsConfig(
            between=tuple(between),
            initial=self._initial(table, named),
            include=dict(include),
            create=self._create(table, named),
            rules={p: self._rule(self._table(table, "rules"), p, r, "rules", named) for p, r in self._table(table, "rules").items()},
            guards=self._guards(self._table(table, "guards")),
            match_phone=table.get("match_phone", "false") in ("true", "yes"),
            max_flips=int(table.get("max_flips", "5")),
            **{k: table[k] for k in choices if k in table},
        )  # fmt: skip

    def _initial(self, table: Table, named: list[str]) -> dict[str, Rule]:
        """`initial: fill_empty`, `initial: {prefer: crm}`, or either of them per path."""
        value = table.get("initial")
        if value is None:
            return {}
        if isinstance(value, str) or (isinstance(value, Table) and set(value) == {"prefer"}):
            return {"*": self._rule(table, "initial", value, "", named)}
        return {p: self._rule(value, p, r, "initial", named) for p, r in value.items()}

    def _rule(self, table: Table, path: str, value: Any, under: str, named: list[str]) -> Rule:
        where = "contacts." + (f"{under}.{path}" if under else path)
        if under and path != "*" and "*" not in path and kind_of(path) is None:
            from stagebridge.contact import PATHS

            self._problem(table, path, where, f"a contact has no path '{path}'{nearest(path, PATHS)}")
        if isinstance(value, Table):
            self._keys(value, ("prefer",), where)
            names = value.get("prefer") or []
            names = [names] if isinstance(names, str) else names
            for name in names:
                self._known_connection(value, "prefer", f"{where}.prefer", name, named)
            return Rule("prefer", tuple(names))
        self._choice(table, path, where, value, ("latest", "fill_empty", "most_restrictive"))
        return Rule(value)

    def _create(self, table: Table, named: list[str]) -> dict[str, bool | str]:
        out: dict[str, bool | str] = {}
        create = self._table(table, "create")
        for name, value in create.items():
            self._known_connection(create, name, "contacts.create", name, named)
            out[name] = {"true": True, "yes": True, "false": False, "no": False}.get(str(value), str(value))
        return out

    def _guards(self, table: Table) -> Guards:
        limits = dict(GUARDS)
        for name, value in table.items():
            if name not in GUARDS:
                self._problem(table, name, f"contacts.guards.{name}", f"no such guard{nearest(name, GUARDS)}")
            elif not re.fullmatch(r"\d+|\d+(\.\d+)?%|off", str(value)):
                self._problem(
                    table, name, f"contacts.guards.{name}", f"'{value}' is neither a number, a share (20%) nor off"
                )
            else:
                limits[name] = str(value)
        return Guards(limits)

    def _condition(self, table: Table, path: str, condition: Any, lifecycle: Lifecycle | None) -> None:
        where = f"contacts.include.{path}"
        if kind_of(path) is None:
            self._problem(table, path, where, f"a contact has no path '{path}'")
        match = re.fullmatch(r">=\s*(\w+)", str(condition))
        if match and lifecycle is not None and (path != "stage" or match[1] not in lifecycle.names):
            self._problem(
                table, path, where, f"'{match[1]}' is no stage of the lifecycle{nearest(match[1], lifecycle.names)}"
            )

    # --- the rest ----------------------------------------------------------------------------------------------

    def _lifecycle(self, d: Table) -> Lifecycle | None:
        source = d.get("lifecycle") or "default"
        try:
            return load_lifecycle(self.path.parent / source if str(source).endswith((".yaml", ".yml")) else source)
        except ConfigError as error:
            self._problem(d, "lifecycle", "lifecycle", f"{error}")
            return None

    def _jobs(self, d: Table) -> tuple[Job, ...]:
        jobs = []
        for i, table in enumerate(d.get("jobs") or []):
            where = f"jobs.{i + 1}"
            if not isinstance(table, Table):
                self._problem(d, "jobs", where, "a job is a table: {name: contacts, every: 5m}")
                continue
            self._keys(table, ("name", "every"), where)
            every = _seconds(str(table.get("every", "")))
            if table.get("name") != "contacts":
                self._problem(table, "name", f"{where}.name", "the job that exists is 'contacts'")
            if every is None:
                self._problem(table, "every", f"{where}.every", "say how often, for example 5m, 1h or 30s")
            else:
                jobs.append(Job("contacts", every))
        return tuple(jobs)

    def _table(self, table: Table, key: str) -> Table:
        value = table.get(key)
        if value is None:
            return Table(table.file, table.line)
        if not isinstance(value, Table):
            self._problem(table, key, key, "a table is expected here")
            return Table(table.file, table.line)
        return value

    def _keys(self, table: Table, known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                path = f"{where}.{key}" if where else key
                self._problem(table, key, path, f"no such key{nearest(key, known)}")

    def _choice(self, table: Table, key: str, where: str, value: Any, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            self._problem(table, key, where, f"'{value}' is none of {', '.join(allowed)}{nearest(str(value), allowed)}")

    def _known_connection(self, table: Table, key: str, where: str, name: str, named: list[str]) -> None:
        if name not in named:
            self._problem(table, key, where, f"no connection is called '{name}'{nearest(name, named)}")

    def _problem(self, table: Table, key: str | None, where: str, what: str) -> None:
        self.problems.append(f"{table.where(key)}: {where}: {what}")


def _best(rules: Mapping[str, Rule], path: str) -> Rule | None:
    """The rule of the most exact pattern: the path itself, then the longest pattern that fits."""
    if path in rules:
        return rules[path]
    fitting = [p for p in rules if fnmatchcase(path, p)]
    return rules[max(fitting, key=len)] if fitting else None


def _holds(condition: str, value: Any, lifecycle: Lifecycle) -> bool:
    at_least = re.fullmatch(r">=\s*(\w+)", condition)
    if at_least:
        return not is_blank(value) and (
            lifecycle.is_lost(value) or lifecycle.rank(value) >= lifecycle.rank(at_least[1])
        )
    if condition == "set":
        return not is_blank(value)
    return str(value) in [c.strip() for c in condition.split(",")]


def _seconds(text: str) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)", text.strip())
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else None


def _absolute(url: str, folder: Path) -> str:
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(prefix + "/"):
        return prefix + str((folder / url.removeprefix(prefix)).resolve())
    return url


def _shout(where: str) -> str:
    return re.sub(r"\W+", "_", where.removeprefix("connections.")).upper()


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        from dotenv import dotenv_values
    except ImportError:
        return {}
    return {k: v for k, v in dotenv_values(path).items() if v is not None}
