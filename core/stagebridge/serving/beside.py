"""`stagebridge serve` beside the other work of a process: for the demo, and for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.serving.app import make_app
from stagebridge.serving.hall import Hall

HOST = "127.0.0.1"


@contextmanager
def beside(config: Config, clock: Clock) -> Iterator[tuple[str, Hall]]:
    """Its address, on a free port of this machine, and the hall behind it."""
    hall = Hall(config, clock)
    hall.open()
    settings = uvicorn.Config(make_app(hall), host=HOST, port=0, lifespan="off", log_level="warning", access_log=False)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, name="serve", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise OSError(f"no port of {HOST} could be opened")
            time.sleep(0.01)
        yield f"http://{HOST}:{server.servers[0].sockets[0].getsockname()[1]}", hall
    finally:
        server.should_exit = True
        thread.join(10)
        hall.close()


__all__ = ["beside"]
