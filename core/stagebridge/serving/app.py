"""Everything that is answered over HTTP, with health and metrics."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import JSONResponse, PlainTextResponse, Response

from stagebridge.api.routes import make_api
from stagebridge.errors import StagebridgeError
from stagebridge.pages.routes import add_pages
from stagebridge.serving.hall import Hall
from stagebridge.sync.side import ms
from stagebridge.webhooks.receive import AGAIN, PLAIN, add_hooks, said

LOOKS = ["GET", "HEAD"]  # load balancers ask by HEAD


def make_app(hall: Hall) -> FastAPI:
    app = FastAPI(title="stagebridge", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    add_hooks(app, hall)
    add_health(app, hall)
    app.mount("/v1", make_api(hall, hall.config.serve.timeout))
    add_pages(app, hall)
    return app


def add_health(app: FastAPI, hall: Hall) -> None:
    @app.api_route("/healthz", methods=LOOKS, include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.api_route("/readyz", methods=LOOKS, include_in_schema=False)
    def readyz() -> Response:
        if not hall.ready:
            return said(503, "not ready", {"retry-after": AGAIN})
        try:
            with hall.reading.look() as tx:
                tx.exec_driver_sql("SELECT 1")
        except StagebridgeError as error:
            return said(503, f"the ledger is out of reach ({error.code})", {"retry-after": AGAIN})
        return JSONResponse(
            {"detail": "ready", "connections": sorted(hall.doors), "troubles": hall.troubles()}, 200, PLAIN
        )

    @app.api_route("/metrics", methods=LOOKS, include_in_schema=False)
    def metrics() -> Response:
        if not hall.ready:
            return said(503, "not ready", {"retry-after": AGAIN})
        text = hall.metrics.text(hall.reading, hall.outlets, ms(hall.clock.now()) or 0)
        return PlainTextResponse(text, 200, PLAIN, "text/plain; version=0.0.4")


__all__ = ["make_app"]
