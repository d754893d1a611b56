"""keys: create, list, revoke."""

from __future__ import annotations

from typing import Annotated

import typer

from stagebridge.access import keys
from stagebridge.cli.console import STATE, emit, err, out, table
from stagebridge.document import nearest
from stagebridge.errors import ConfigError
from stagebridge.outgoing import subscriptions as made
from stagebridge.sync.side import ms


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Keys for the API and the pages of `serve`: create, list, revoke.", no_args_is_help=True)
    group.command()(create)
    group.command("list")(list_)
    group.command()(revoke)
    app.add_typer(group, name="keys")


def create(
    name: Annotated[str, typer.Argument(help="Who or what it is for, as `keys list` shows it.")],
    for_: Annotated[str | None, typer.Option("--for", help="The connection on whose behalf it asks the API.")] = None,
    pages: Annotated[bool, typer.Option("--pages", help="For a person, to log in to the pages.")] = False,
) -> None:
    """Make a key and show it, this once."""
    if (for_ is None) == (not pages):
        raise ConfigError("say what the key is for: --for CONNECTION or --pages")
    if for_ is not None:
        _check(for_)
    key = keys.create(STATE.ledger(), name, _now(), scope="pages" if pages else "api", connection=for_)
    err.print("This is shown once and kept nowhere; `stagebridge keys revoke` makes it useless.", highlight=False)
    out.print(key, markup=False, highlight=False)


def _check(connection: str) -> None:
    there = STATE.config().connections
    if connection not in there:
        raise ConfigError(f"no connection is called '{connection}'{nearest(connection, there)}")
    if not there[connection].capabilities.api:
        asking = [n for n, c in there.items() if c.capabilities.api]
        others = (
            f"These do: {', '.join(asking)}."
            if asking
            else "None here does: `stagebridge init` writes one for each platform that can."
        )
        raise ConfigError(
            f"{connection} ({there[connection].type}) does not ask our API",
            hint=f"{others} --pages makes a key for a person.",
        )


def list_(json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The keys, when each was used last, and which are revoked."""
    found = keys.list_keys(STATE.ledger())
    if json_:
        emit(found)
    else:
        table(found, ("name", "id", "scope", "connection", "created", "used", "revoked"), "there are no keys yet")


def revoke(
    which: Annotated[str, typer.Argument(help="The name or the id from the list.")],
    subscriptions: Annotated[
        bool, typer.Option("--subscriptions", help="End the subscriptions that were made with it, too.")
    ] = False,
) -> None:
    """Make a key useless, at once and for good. What was subscribed with it goes on, unless it is to end too."""
    ledger = STATE.ledger()
    key = keys.revoke(ledger, which, _now())
    out.print(f"{key.name} ({key.id}) is revoked", markup=False, highlight=False)
    if subscriptions:
        out.print(f"subscriptions ended: {made.end_of_key(ledger, key.id)}")
    elif left := made.count_of_key(ledger, key.id):
        out.print(
            f"{left} subscriptions were made with it and are told as before; where it fell into the wrong hands, end them: "
            f"stagebridge keys revoke {key.name} --subscriptions", markup=False, highlight=False,
        )  # fmt: skip


def _now() -> int:
    return ms(STATE.clock.now()) or 0
