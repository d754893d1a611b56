"""The addresses of the API. Everything here is described by `/v1/openapi.json`, which the application publishes itself."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from stagebridge.api import given, people
from stagebridge.api.bodies import (
    ContactBody,
    ConversionBody,
    StageBody,
    SubscriptionBody,
    Who,
    Wrong,
    contact_record,
    conversion_record,
    number,
    utc,
)
from stagebridge.api.callers import Bounded, Caller, Hall, Problem, Refusal, add_answers, asking
from stagebridge.connector import Record
from stagebridge.endpoint import HAPPENINGS
from stagebridge.mapping import Mapping
from stagebridge.outgoing import subscriptions
from stagebridge.outgoing.schema import OF_TYPE
from stagebridge.sync.setup import resolve
from stagebridge.sync.side import ms

Once = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]
Limit = Annotated[int, Query(ge=1, le=people.MOST)]
FAILURES: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The key opens nothing."},
    403: {"model": Problem, "description": "The key is not for this."},
    404: {"model": Problem, "description": "There is nothing of that name."},
    422: {"model": Problem, "description": "Something is wrong with what was handed over."},
    429: {"model": Problem, "description": "Too many wrong keys; `Retry-After` says how long to wait."},
    503: {"model": Problem, "description": "Not now; `Retry-After` says when."},
}
LATER: dict[int | str, dict[str, Any]] = {
    202: {"description": "It is kept, and worked on when the run that is at work has ended."}
}


def make_api(hall: Hall, patience: float) -> FastAPI:
    """The application under `/v1`."""
    api = FastAPI(
        title="stagebridge", version=version("stagebridge"), docs_url=None, redoc_url=None, responses=FAILURES
    )
    api.add_middleware(Bounded, patience=patience)
    add_answers(api)
    asks = Depends(asking(hall))
    for add in (add_about, add_subscriptions, add_people, add_given):
        add(api, hall, asks)
    for event, message in OF_TYPE.items():
        add_message(api, event, message)
    return api


def add_message(api: FastAPI, event: str, message: type[BaseModel]) -> None:
    def told(body: Any) -> None:
        """A message to whoever wants it, in its full form; subscribers have it in the form of the samples."""

    told.__annotations__["body"] = message
    api.webhooks.add_api_route(event, told, methods=["POST"], summary=event)


def add_about(api: FastAPI, hall: Hall, asks: Any) -> None:
    @api.get("/me")
    def me(caller: Caller = asks) -> dict[str, str]:
        """On whose behalf this key asks."""
        return {"connection": caller.name, "key": caller.key.name, "version": version("stagebridge")}

    @api.get("/stages")
    def stages(caller: Caller = asks) -> list[dict[str, str]]:
        """The stages of the lifecycle in their order, lost ones last."""
        lifecycle = hall.config.lifecycle
        names = [s.name for s in (*lifecycle.stages, *lifecycle.lost)]
        return [{"id": n, "value": n, "label": n.replace("_", " ").capitalize()} for n in names]


def add_subscriptions(api: FastAPI, hall: Hall, asks: Any) -> None:
    @api.post("/subscriptions", status_code=201)
    def subscribe(body: SubscriptionBody, response: Response, caller: Caller = asks) -> dict[str, Any]:
        """Be told of an event at an address; asked for twice, it is the same subscription."""
        posts, event = caller.connection.capabilities.posts, body.checked()
        if posts is None or not posts.subscriptions:
            raise Refusal(403, f"{caller.connection.type} has no subscriptions", "SB-API-SUBSCRIPTION")
        unfit = hall.outlets.connectors[caller.name].unfit(body.target_url)
        if unfit is not None:
            raise Refusal(422, f"target_url: {unfit}", "SB-API-SUBSCRIPTION")
        try:
            made, new = subscriptions.subscribe(
                hall.writing, caller.name, body.target_url, event, caller.key.id, ms(hall.clock.now()) or 0
            )
        except subscriptions.Full:
            raise Refusal(
                422, f"there are {subscriptions.MOST} subscriptions already; end some first", "SB-API-SUBSCRIPTION"
            ) from None
        response.status_code = 201 if new else 200
        return made

    @api.get("/subscriptions")
    def listed(caller: Caller = asks) -> list[dict[str, Any]]:
        """The subscriptions of this connection."""
        return subscriptions.of_connection(hall.reading, caller.name)

    @api.delete("/subscriptions/{id}", status_code=204)
    def unsubscribe(id: str, caller: Caller = asks) -> None:
        """End a subscription; one that is not there has ended."""
        subscriptions.unsubscribe(hall.writing, caller.name, id)

    @api.get("/samples/{event}")
    def samples(event: str, limit: Limit = 3, caller: Caller = asks) -> list[dict[str, Any]]:
        """What subscribers would have been told last, in the form that they are told it, the latest first."""
        if event not in HAPPENINGS:
            raise Refusal(404, f"there is no event '{event}': {', '.join(HAPPENINGS)}", "SB-API")
        posts = caller.connection.capabilities.posts
        return people.samples(hall.reading, event, posts.shape if posts is not None else "full", limit)


def add_people(api: FastAPI, hall: Hall, asks: Any) -> None:
    @api.get("/contacts")
    def contacts(
        email: str | None = None, phone: str | None = None, id: str | None = None,
        changed_since: datetime | None = None, limit: Limit = 100, caller: Caller = asks,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """People with this address, number or id, none if there is none; or those that changed since a time, the latest first."""
        if email or phone or id:
            return people.by_identity(hall.reading, id=id or None, email=email or None, phone=phone or None)
        if changed_since is None:
            raise Wrong("say whom: email, phone, id or changed_since")
        return people.changed_since(hall.reading, utc(changed_since), limit)


def add_given(api: FastAPI, hall: Hall, asks: Any) -> None:
    async def taken(caller: Caller, path: str, record: Record, once: str | None) -> dict[str, Any] | None:
        """The person as he stands then; None where it is not worked on yet."""
        if caller.name not in hall.config.contacts.between:
            raise Refusal(
                403, f"people are not taken from {caller.name}: it is missing in `contacts: between`", "SB-API-BETWEEN"
            )
        _, became = await given.keep(hall, caller, path, record, once)
        return await asyncio.to_thread(given.person, hall.reading, caller.name, record) if became == "done" else None

    @cache
    def form(connection: str) -> Mapping:
        """Asks nobody: what people and programs say to us has the same form in every account."""
        settings, connector = (
            hall.config.connections[connection],
            hall.config.connections[connection].connect(hall.clock),
        )
        return resolve(settings, connector, hall.config.lifecycle, {})

    async def key_of(caller: Caller, body: Who) -> str | None:
        phone = number(body, caller.connection)
        return await asyncio.to_thread(
            people.key_of, hall.reading, contact_id=body.contact_id, email=body.email, phone=phone
        )

    async def about(caller: Caller, body: ContactBody | StageBody) -> Record:
        key, lifecycle = await key_of(caller, body), hall.config.lifecycle
        return contact_record(body, key, caller.connection, form(caller.name), lifecycle, hall.clock.now())

    def later(record: Record) -> Response:
        return JSONResponse({"id": record.id, "status": "accepted"}, 202)

    @api.post("/contacts", response_model=None, responses=LATER)
    async def upsert(body: ContactBody, once: Once = None, caller: Caller = asks) -> dict[str, Any] | Response:
        """Say what is known of a person: he is found by id, address or number, and made where he is not there. Answers with the
        person, or 202 where a run is at work just then."""
        record = await about(caller, body)
        return await taken(caller, "contacts", record, once) or later(record)

    @api.post("/stages", response_model=None, responses=LATER)
    async def set_stage(body: StageBody, once: Once = None, caller: Caller = asks) -> dict[str, Any] | Response:
        """Move a person to a stage. `held` says that he stands elsewhere all the same: a step back waits for a person."""
        record = await about(caller, body)
        person = await taken(caller, "stages", record, once)
        return {**person, "held": person["stage"] != body.stage} if person is not None else later(record)

    @api.post("/conversions")
    async def convert(body: ConversionBody, once: Once = None, caller: Caller = asks) -> dict[str, str]:
        """Tell of what a person did: it goes wherever conversions go, once."""
        record = conversion_record(body, await key_of(caller, body), caller.connection, once, hall.clock.now())
        await given.keep(hall, caller, "conversions", record, once)
        return {"id": record.id, "name": body.name, "status": "accepted"}


__all__ = ["make_api"]
