"""init, connectors, check, discover, provision."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

import orjson
import typer

from stagebridge.cli.console import STATE, emit, out, side_of, table
from stagebridge.config import config_schema
from stagebridge.config import connectors as installed
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.setup import Outgoing

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="A connection of the configuration.")]


def register(app: typer.Typer) -> None:
    app.command()(init)
    app.command("connectors")(list_connectors)
    app.command()(check)
    app.command()(discover)
    app.command()(provision)


TEMPLATE = """\
# stagebridge: which accounts are kept in step, and how. Secrets stay in .env or in files.
# yaml-language-server: $schema={schema}
version: 1
ledger: sqlite:///stagebridge.db
lifecycle: default                 # default, messaging, five_phase, relationship, or your own .yaml
timezone: UTC

connections:
{connections}
contacts:
  between: [{names}]
  initial: {{prefer: {first}}}           # who is right where both hold a value at first: prefer one, or fill_empty
  rules: {{"consent.*": most_restrictive, "*": latest}}
  guards: {{max_creates: 500, max_stage_moves: 20%}}

# events:                          # conversions: what a stage sends, and which stage an event leads to
#   - {{when: {{stage: customer}}, send: Purchase, value: custom.deal_amount, currency: EUR, to: [ads]}}
#   - {{when: {{event: Purchase}}, stage: customer}}

jobs:
  - {{name: contacts, every: 5m}}
"""
SCHEMA = "stagebridge.schema.json"


def init(
    from_: Annotated[
        str | None, typer.Option("--from", help="Read these connections and suggest stages: crm,sales")
    ] = None,
) -> None:
    """Write a commented stagebridge.yaml and .env.example, or suggest stages from the accounts."""
    if from_ is not None:
        _suggest(from_.split(","))
        return
    for path, text in _first_files(STATE.path).items():
        if path.exists():
            raise ConfigError(f"{path} exists already", hint="Name another file with -c, or move it away.")
        path.write_text(text, "utf-8")
        out.print(f"wrote {path}")
    out.print(
        "Next: put the secrets into .env, then `stagebridge check`, `stagebridge provision CONN` and `stagebridge plan`."
    )


def _first_files(target: Path) -> dict[Path, str]:
    """The configuration, the variables that it refers to and the schema that editors check it with."""
    found = [entry.load() for _, entry in sorted(installed().items())]
    kinds = [c for c in found if c.example]
    if not kinds:
        raise ConfigError(
            "no connector is installed", hint="Install two, for example with `pip install stagebridge[all]`."
        )
    names = [c.example.partition(":")[0] for c in kinds if c.capabilities.write is not None]
    telling = [c.example.partition(":")[0] for c in kinds if c.capabilities.api]
    text = TEMPLATE.format(
        schema=SCHEMA,
        connections="\n".join(indent(c.example, "  ") for c in kinds),
        names=", ".join([*names, *telling]),
        first=(names or [""])[0],
    )
    schema = orjson.dumps(config_schema(), option=orjson.OPT_INDENT_2).decode() + "\n"
    beside = target.parent
    return {
        target: text, beside / ".env.example": "".join(c.credentials for c in kinds), beside / SCHEMA: schema
    }  # fmt: skip


def _suggest(names: list[str]) -> None:
    """The accounts' own stages beside ours: what matches by name, and what a person must decide."""
    lifecycle = STATE.config().lifecycle
    for name in names:
        side = side_of(name.strip())
        facts = side.connector.discover().facts
        field = (side.mapping.field("stage") or "").rpartition(".")[2]
        rows = []
        for object in side.objects:
            known = side.mapping.stages_there(object)
            for label, value in (facts["options"].get(object, {}).get(field) or {}).items():
                plain = label.lower().replace(" ", "_").removesuffix("_lead")
                alike = next((s for s in sorted(lifecycle.names) if s in (plain, value)), None)
                rows.append({
                    "connection": name, "object": object, "their_stage": f"{label} ({value})",
                    "our_stage": known.get(value) or alike or "?  decide",
                })  # fmt: skip
        table(rows, ("connection", "object", "their_stage", "our_stage"), f"{name}: no stage field with options")


def list_connectors(json_: Json = False) -> None:
    """Installed connectors and what they can do."""
    rows = []
    for name, entry in sorted(installed().items()):
        c = entry.load().capabilities
        rows.append(
            {
                "platform": name, "read": _word(c.read, "incremental" if c.read and c.read.incremental else "full"),
                "deletes": bool(c.read and c.read.deletes), "write": _word(c.write, f"{c.write.batch} a call" if c.write else ""),
                "stage_back": c.stage.backward if c.stage else None,
                "events": _word(c.events, f"{c.events.batch} a call" if c.events else ""), "webhooks": c.webhooks.signature if c.webhooks else None,
                "provision": c.provision, "erase": c.erase,
            }
        )  # fmt: skip
    if json_:
        emit(rows)
    else:
        table(
            rows,
            ("platform", "read", "deletes", "write", "stage_back", "events", "webhooks", "provision", "erase"),
            "no connector is installed",
        )


def _word(have: object, word: str) -> str | None:
    return word if have else None


def check(
    connection: Annotated[str | None, typer.Argument(help="One connection; all without.")] = None, json_: Json = False
) -> None:
    """Credentials, scopes, missing fields, mapping and ledger."""
    config = STATE.config()
    names = [connection] if connection else list(config.connections)
    rows: list[dict[str, Any]] = []
    worst = 0
    outgoing = Outgoing(config, STATE.clock)
    outgoing.close()
    forbidden = outgoing.forbidden()
    for name in names:
        try:
            health = side_of(name).connector.check()
        except StagebridgeError as error:
            if isinstance(error, ConfigError):
                raise
            rows.append({"connection": name, "account": None, "problems": [error.in_full], "warnings": []})
            worst = max(worst, error.exit_code)
            continue
        problems = [*health.problems, *([forbidden[name].in_full] if name in forbidden else [])]
        worst = max(worst, 2 if problems else 0)
        rows.append(
            {"connection": name, "account": health.account, "problems": problems, "warnings": list(health.warnings),
             "limits": dict(health.limits)}
        )  # fmt: skip
    Ledger.open(config.ledger).close()
    if json_:
        emit({"connections": rows, "ledger": "ok"})
    else:
        for row in rows:
            out.print(f"{row['connection']}: {row['account'] or 'not reached'}")
            for kind in ("problems", "warnings"):
                for line in row[kind] or []:
                    out.print(f"  {kind[:-1]}: {line}", markup=False)
        out.print("ledger: ok")
    raise typer.Exit(worst)


def discover(connection: Name, json_: Json = False) -> None:
    """The account's fields, options, stages and owners."""
    facts = side_of(connection).connector.discover().facts
    if json_:
        emit(facts)
        return
    rows = []
    for object, labels in facts["fields"].items():
        for label, name in sorted(labels.items()):
            if label != name:
                options = facts["options"].get(object, {}).get(name) or {}
                rows.append({"object": object, "label": label, "name": name, "options": ", ".join(options)})
    table(rows, ("object", "label", "name", "options"), "no fields are visible")


def provision(
    connection: Name,
    apply: Annotated[bool, typer.Option("--apply", help="Create what is missing.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write the files that an administrator deploys.")
    ] = None,
) -> None:
    """Create the fields that the mapping needs, or show them."""
    side = side_of(connection)
    missing = side.mapping.missing()
    if not missing and write is None:
        out.print(f"{connection}: nothing is missing")
        return
    if side.connector.capabilities.provision == "files" or write is not None:
        files = side.connector.deployable(missing)
        if write is None:
            for m in missing:
                out.print(f"{connection}: {m.object}.{m.name} ({m.type})", markup=False)
            out.print(
                "Only an administrator can create these: `stagebridge provision "
                + connection
                + " --write DIR` writes the files."
            )
            return
        for name, text in files.items():
            path = write / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        out.print(f"wrote {len(files)} files into {write}; see its README.md for how to deploy them")
        return
    for line in side.connector.provision(missing, dry_run=not apply):
        out.print(f"{connection}: {'created' if apply else 'would create'} {line}", markup=False)
