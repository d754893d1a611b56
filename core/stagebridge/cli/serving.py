"""serve."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from stagebridge.cli.console import STATE, err
from stagebridge.errors import ConfigError


def register(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Where to listen; 127.0.0.1 if nothing is said.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="8080 if nothing is said.")] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="A line for every request, not for refused ones only.")
    ] = False,
) -> None:
    """Receive webhooks, work on what they bring, and show pages to people with a key, until stopped."""
    try:
        from stagebridge.serving import server
    except ModuleNotFoundError:
        raise ConfigError("receiving webhooks needs `pip install 'stagebridge[serve]'`") from None
    config = STATE.config()
    lines = logging.StreamHandler()  # on standard error
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name in ("stagebridge.webhooks", "stagebridge.access"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [lines], False
        log.setLevel(logging.DEBUG if access_log else logging.INFO)
    host, port = host or config.serve.host, config.serve.port if port is None else port
    err.print(f"receiving at http://{host}:{port}/hooks/", markup=False, highlight=False)
    pages = f"pages at http://{host}:{port}/, to log in with a key of `stagebridge keys create NAME --pages`"
    err.print(pages, markup=False, highlight=False)
    server.serve(config, host, port, STATE.clock)
