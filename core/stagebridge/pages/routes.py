"""The door of the pages: nobody sees anything without a key, and no form is taken but one of our own."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stagebridge.access import keys
from stagebridge.access.throttle import Throttle, TooMany
from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.errors import StagebridgeError, TryLater
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.outlets import Outlets
from stagebridge.pages import receivers, views
from stagebridge.pages.forms import Unfit, form_of, from_us, local
from stagebridge.pages.render import HEADERS, page, part, static
from stagebridge.pages.sessions import Session, Sessions
from stagebridge.pages.views import Ask, Missing, to
from stagebridge.sync.side import ms
from stagebridge.webhooks import receive

log = logging.getLogger("stagebridge.access")

View = Callable[[Ask], Response]
Endpoint = Callable[[Request], Awaitable[Response]]
AGAIN = {"retry-after": "10"}


class Hall(Protocol):
    """What the pages work with. Nothing of the ledger is used before `ready`."""

    ready: bool
    config: Config
    clock: Clock
    outlets: Outlets

    @property
    def reading(self) -> Ledger: ...

    def troubles(self) -> list[str]: ...


def add_pages(app: FastAPI, hall: Hall) -> None:
    pages = Pages(hall)
    app.add_route("/static/{name}", static, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(HTTPException, pages.nowhere)
    app.add_route("/login", pages.log_in, methods=["GET", "POST"], include_in_schema=False)
    for path, view, methods in (
        ("/", views.home, ["GET"]),
        ("/runs", views.runs, ["GET"]),
        ("/runs/{id}", views.run, ["GET"]),
        ("/conflicts", views.conflicts, ["GET"]),
        ("/dead-letters", views.dead_letters, ["GET"]),
        ("/dead-letters", views.release, ["POST"]),
        ("/receivers", receivers.receivers, ["GET"]),
        ("/receivers/{name}", receivers.receiver, ["GET"]),
        ("/receivers/{name}", receivers.act, ["POST"]),
        ("/contacts", views.contacts, ["GET", "POST"]),
        ("/contacts/{key:path}", views.contact, ["GET"]),
        ("/logout", pages.log_out, ["POST"]),
    ):
        app.add_route(path, pages.guarded(view), methods=methods, include_in_schema=False)


class Pages:
    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.sessions = Sessions()
        self.throttle = Throttle()
        self.secure = (hall.config.serve.public_url or "").startswith("https://")
        # a name that browsers take from nobody but this very host, over TLS
        self.cookie = "__Host-stagebridge" if self.secure else "stagebridge"

    # --- every page --------------------------------------------------------------------------------------------

    def guarded(self, view: View) -> Endpoint:
        """A page for whoever is logged in; everybody else is sent to log in, and comes back."""

        def answer(request: Request, form: dict[str, str]) -> Response:
            session = self._session(request)
            if session is None:
                back = local(request.url.path) if request.method == "GET" else "/"
                return to("/login" if back == "/" else f"/login?next={part(back)}")
            token = form.get("token", "")
            if request.method == "POST" and not hmac.compare_digest(token.encode(), session.token.encode()):
                raise Unfit(403, "This form is not one of this session. Go back, load the page again, and repeat it.")
            hall = self.hall
            ask = Ask(request, session, hall.reading, hall.config, hall.clock, hall.outlets, hall.troubles, form)
            try:
                return view(ask)
            except Missing:
                return ask.shown("error.html", 404, said="There is no such page, or not any more.", hint="")

        return self._endpoint(answer)

    def _endpoint(self, answer: Callable[[Request, dict[str, str]], Response]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                form = {}
                if request.method == "POST":
                    if not from_us(request.headers, self.hall.config.serve.public_url):
                        raise Unfit(403, "This form was not sent from these pages, so nothing was done.")
                    form = await form_of(request, self.hall.config.serve.timeout)
                if not self.hall.ready:
                    raise TryLater("stagebridge is starting: the ledger is not open yet")
                response = await run_in_threadpool(answer, request, form)
            except Exception as error:
                response = self._failed(error)
            if response.status_code >= 400:
                _, first, *more = request.url.path.split("/")  # what follows may be somebody's address
                log.info("%s /%s%s %d", request.method, first, "/…" if more else "", response.status_code)
            response.headers.update(HEADERS)
            return response

        return endpoint

    def _failed(self, error: Exception) -> Response:
        """What went wrong, in words; what is nobody's business stays in the log."""
        headers: dict[str, str] = {}
        if isinstance(error, Unfit):
            status, said, hint = error.status, str(error), ""
        elif isinstance(error, TryLater):
            status, said, hint, headers = 503, f"Not now: {error}.", error.hint or "Try again in a moment.", AGAIN
        elif isinstance(error, StagebridgeError):
            log.error("%s: %s", error.code, error)
            status, said, hint = 503, f"The ledger cannot be read ({error.code}).", "The log of this server says why."
        else:
            log.error("a page failed", exc_info=error)
            status, said, hint = 500, "This page has a defect.", "The log of this server has the details."
        return HTMLResponse(page("error.html", session=None, notice="", path="", said=said, hint=hint), status, headers)

    async def nowhere(self, request: Request, error: Exception) -> Response:
        """What is at no address of ours: a page for whoever reads pages, a line for programs."""
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
        if "text/html" not in request.headers.get("accept", ""):
            return receive.said(status, "not found" if status == 404 else "not allowed", dict(headers or {}))
        text = "There is no such page." if status == 404 else "This page is not asked for like that."
        shown = page("error.html", session=None, notice="", path="", said=text, hint="")
        return HTMLResponse(shown, status, {**HEADERS, **(headers or {})})

    # --- in and out --------------------------------------------------------------------------------------------

    @property
    def log_in(self) -> Endpoint:
        return self._endpoint(self._log_in)

    def _log_in(self, request: Request, form: dict[str, str]) -> Response:
        if request.method != "POST":
            back = local(request.query_params.get("next", "/"))
            return to(back) if self._session(request) is not None else self._ask_key(back)
        back, address = local(form.get("next", "/")), request.client.host if request.client else ""
        try:
            key = self.throttle.find(self.hall.reading, form.get("key", "").strip(), self._now, address)
        except TooMany as error:
            log.warning("login from %s has to wait", address)
            wait = f"Too many wrong keys came from your address. Wait {error.seconds} s."
            return self._ask_key(back, wait, 429, {"retry-after": str(error.seconds)})
        if key is None or key.scope != "pages":
            log.warning("login from %s refused", address)
            return self._ask_key(back, "That is no key for these pages, or it was revoked.", 403)
        self.sessions.end(request.cookies.get(self.cookie, ""))
        session = self.sessions.begin(key, self._now)
        response = to(back)
        response.set_cookie(self.cookie, session.id, path="/", secure=self.secure, httponly=True, samesite="strict")
        return response

    def _ask_key(
        self, back: str, trouble: str = "", status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        return HTMLResponse(
            page("login.html", session=None, notice="", path="", back=back, trouble=trouble), status, headers
        )

    def log_out(self, ask: Ask) -> Response:
        self.sessions.end(ask.session.id)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="strict")
        return response

    def _session(self, request: Request) -> Session | None:
        """A key that was revoked ends its sessions."""
        session = self.sessions.find(request.cookies.get(self.cookie, ""), self._now)
        if session is not None and not keys.holds(self.hall.reading, session.key.id):
            self.sessions.end(session.id)
            return None
        return session

    @property
    def _now(self) -> int:
        return ms(self.hall.clock.now()) or 0


__all__ = ["add_pages"]
