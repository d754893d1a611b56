"""Reading `stagebridge.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from stagebridge.config.connections import Connections, keeps_people, literal_password, zone_of
from stagebridge.config.contacts import Contacts
from stagebridge.config.events import Events
from stagebridge.config.outgoing import outgoing
from stagebridge.config.problems import Problems, seconds
from stagebridge.config.references import References
from stagebridge.config.serving import Serving
from stagebridge.config.values import Config, Job
from stagebridge.document import Table, parse_file
from stagebridge.errors import ConfigError
from stagebridge.lifecycle import Lifecycle, load_lifecycle

VERSION = "1"
KEYS = ("version", "ledger", "lifecycle", "timezone", "connections", "contacts", "events", "jobs", "serve", "outgoing")
LEDGER = "sqlite:///stagebridge.db"


def connectors() -> dict[str, EntryPoint]:
    """Installed connectors by platform; none of them is imported."""
    return {e.name: e for e in entry_points(group="stagebridge.connectors")}


def load_config(path: str | Path = "stagebridge.yaml", environ: Mapping[str, str] | None = None) -> Config:
    """Read, check and resolve a configuration. `.env` beside the file is read too; the environment wins.

    Raises `ConfigError` that lists every problem as `file:line: path: what`.
    """
    path = Path(path)
    document, problems = parse_file(path), Problems()
    references = References(path.parent, problems, environ)
    problems.keys(document, KEYS, "")
    if document.get("version", VERSION) != VERSION:
        problems.add(document, "version", "version", f"this stagebridge reads version {VERSION} only")
    zone = zone_of(problems, document, "timezone")
    lifecycle = _lifecycle(document, problems, path.parent)
    accounts = problems.table(document, "connections", "connections")
    if not accounts:
        problems.add(document, "connections", "connections", "name at least one account")
    reading = Connections(problems, references, connectors(), zone)
    connections = {name: c for name in accounts if (c := reading.read(accounts, name, path.parent)) is not None}
    section = problems.table(document, "contacts", "contacts")
    keepers = tuple(n for n in accounts if n not in connections or keeps_people(connections[n]))
    contacts = Contacts(problems, tuple(accounts), lifecycle, keepers).read(section)
    events = Events(problems, tuple(accounts), lifecycle).read(document)
    jobs = _jobs(document, problems)
    serve = Serving(problems, references).read(problems.table(document, "serve", "serve"))
    told = outgoing(problems, problems.table(document, "outgoing", "outgoing"))
    ledger = _ledger(document, problems, references, path.parent)
    problems.tell()
    assert lifecycle is not None
    return Config(path, ledger, lifecycle, zone or "UTC", connections, contacts, events, jobs, serve, told)


def _lifecycle(document: Table, problems: Problems, folder: Path) -> Lifecycle | None:
    source = problems.word(document, "lifecycle", "lifecycle") or "default"
    try:
        return load_lifecycle(folder / source if source.endswith((".yaml", ".yml")) else source)
    except ConfigError as error:
        for line in str(error).splitlines():
            problems.add(document, "lifecycle", "lifecycle", line)
        return None


def _jobs(document: Table, problems: Problems) -> tuple[Job, ...]:
    jobs = []
    listed = document.get("jobs")
    if listed is not None and not isinstance(listed, list):
        problems.add(document, "jobs", "jobs", "a list is expected here: [{name: contacts, every: 5m}]")
        return ()
    for number, table in enumerate(listed or (), 1):
        where = f"jobs.{number}"
        if not isinstance(table, Table):
            problems.add(document, "jobs", where, "a job is a table: {name: contacts, every: 5m}")
            continue
        problems.keys(table, ("name", "every"), where)
        if problems.word(table, "name", f"{where}.name") != "contacts":
            problems.add(table, "name", f"{where}.name", "the job that exists is 'contacts'")
        every = seconds(problems.word(table, "every", f"{where}.every") or "")
        if not every:
            problems.add(table, "every", f"{where}.every", "say how often, for example 5m, 1h or 30s")
        else:
            jobs.append(Job("contacts", every))
    return tuple(jobs)


def _ledger(document: Table, problems: Problems, references: References, folder: Path) -> str:
    url = problems.word(document, "ledger", "ledger") or LEDGER
    if literal_password(url):
        problems.add(document, "ledger", "ledger", "a password stands here in plain text; write ${NAME} in its place")
    found = references.resolve(document, "ledger", "ledger", url)
    prefix = "sqlite:///"
    relative = found.startswith(prefix) and not found.startswith(prefix + "/") and found != prefix + ":memory:"
    return prefix + str((folder / found.removeprefix(prefix)).resolve()) if relative else found
