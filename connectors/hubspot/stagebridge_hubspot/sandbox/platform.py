"""One HubSpot account over HTTP: its switches, its faults, what can be put in and seen."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from stagebridge.sandbox import Answer, Call, Platform, Switch
from stagebridge_hubspot.sandbox import routes
from stagebridge_hubspot.sandbox.account import Account, Refusal
from stagebridge_hubspot.sandbox.door import Door
from stagebridge_hubspot.sandbox.properties import definition
from stagebridge_hubspot.sandbox.store import PERSON, Contact
from stagebridge_hubspot.sandbox.values import iso, text, to_ms


class HubSpotSandbox(Platform):
    """Seed: a list of contacts' properties, or any of

        {"contacts": [{property: value, "created_at": …, "updated_at": …}],        ISO 8601 or epoch milliseconds
         "properties": [{"name", "label", "type", "unique", "options": {value: label}}],
         "owners": {id: e-mail}, "subscriptions": {id: name}, "unsubscribed": [e-mail],
         "statuses": {e-mail: status, or {subscription id: status}},
         "edit": {contact id: {property: value}}, "merge": [id, id], "archive": [id],
         "deals": [{property: value, "contacts": [id]}], "edit_deals": {deal id: {property: value}}}

    Contacts may have read-only properties (`hs_additional_emails`, `hs_email_optout`), get no default stage, and are
    changed as by a person. It answers {"ids": [the contacts', in order], "deals": [the deals', in order]}.

    Not here: other objects than contacts and deals (which are read only), lists, marketing events, the webhooks journal. /oauth/v1 is gone already.
    """

    name: ClassVar[str] = "hubspot"
    switches: ClassVar[Mapping[str, Switch]] = {
        "stages": Switch(None, "the account's lifecycle stages in order: [[internal name, label], …]"),
        "default_stage": Switch("lead", "what a contact created by API without a stage gets; empty for none"),
        "index_lag": Switch(5.0, "seconds until search shows a change ('a few moments')"),
        "limits": Switch(True, "count and refuse"),
        "limits_in_real_time": Switch(False, "count on the machine's clock, to prove a client's pace with scaled numbers"),
        "per_10_seconds": Switch(190, "calls of one private app in ten seconds: 100, 190 or 250 by subscription"),
        "per_10_seconds_oauth": Switch(110, "calls of one OAuth app in ten seconds"),
        "ten_seconds": Switch(10.0, "how long these ten seconds are: less, and the numbers are scaled"),
        "search_per_second": Switch(5, "search calls of the account in one second"),
        "per_day": Switch(625_000, "calls of the account from midnight to midnight"),
        "time_zone": Switch("US/Eastern", "the account's, whose midnight ends a day"),
        "token": Switch("", "the only private-app token accepted; empty: any that begins with pat-"),
        "scopes": Switch(None, "scopes of the token; null: all"),
        "token_seconds": Switch(1800, "how long an OAuth token lives"),
        "refresh_token": Switch("", "the only refresh token accepted; empty: any"),
        "client_secret": Switch("sandbox-secret", "signs webhooks, and is the OAuth app's secret"),
        "portal_id": Switch(12345678, "the account's number; contact ids are told apart by it too"),
        "merge_keeps_id": Switch(False, "beta: a merge keeps the primary record's id"),
        "conflict_names_id": Switch(True, "a 409 names the existing record (an issue says so; a recorded one did not)"),
        "partial_email_upsert": Switch(True, "upserts by e-mail fail row by row (a probe says so; the docs say as a whole)"),
        "write_answers": Switch("all", "what an update's answer carries (not documented): 'all' values, or 'written' ones and "
                                       "those that are computed"),
        "required_properties": Switch([], "properties that an administrator requires for creating; /2026-09/ alone insists"),
        "resubscribe": Switch(True, "whether a subscription can be granted again after an opt-out (v4 and later)"),
        "events": Switch(None, "custom events that are defined, by their names without pe{HubID}_; null: any. That others are "
                               "refused is certain, with which status is not"),
        "subscriptions": Switch([], "webhooks: contact.creation, .deletion, .merge, .privacyDeletion, .propertyChange:email …"),
        "generic_hooks": Switch(False, "webhooks come as object.… with an objectTypeId"),
        "hook_signature": Switch("v3", "v1 for private apps"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }  # fmt: skip
    faults: ClassVar[tuple[str, ...]] = (
        "edit_before_write", "normalise", "drop_field", "partial_batch", "index_lag", "expired_token", "duplicate_hooks",
        "reorder_hooks",
    )  # fmt: skip

    def reset(self) -> None:
        self.account = Account(self.kit)
        self.store = self.account.store
        self.door = Door(self.account)

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        data = {"contacts": data} if isinstance(data, list) else data
        known = (
            "contacts",
            "properties",
            "owners",
            "subscriptions",
            "unsubscribed",
            "statuses",
            "edit",
            "merge",
            "archive",
            "restore",
            "deals",
            "edit_deals",
        )
        if strange := sorted(data.keys() - set(known)):
            raise ValueError(f"a seed has no '{strange[0]}', but {', '.join(known)}")
        account, store, now = self.account, self.store, self.account.now
        account.owners.update(data.get("owners") or {})
        for p in data.get("properties") or []:
            options = list((p.get("options") or {}).items())
            store.define(definition(
                p["name"], p.get("label", p["name"]), p.get("type", "string"), options=options, unique=bool(p.get("unique")),
                custom=True, field_type=p.get("fieldType", ""),
            ))  # fmt: skip
        for id_, name in (data.get("subscriptions") or {}).items():
            if account.consent.name(id_) is None:
                account.consent.define(id_, name)
        ids = [self._person(row, now).id for row in data.get("contacts") or []]
        for email, status in (data.get("statuses") or {}).items():
            for id_, one in (status if isinstance(status, dict) else {"99": status}).items():
                account.consent.put(email, id_, one, iso(now), source="CRM_UI")
        for email in data.get("unsubscribed") or []:
            account.consent.all[email.lower()] = iso(now)
            if (found := store.find(email, "email")) is not None:
                store.update(found, {"hs_email_optout": "true"}, now, by=PERSON)
        for id_, props in (data.get("edit") or {}).items():
            store.update(self._held(id_), self._values(props), now, by=PERSON)
        if data.get("merge"):
            primary, other = (self._held(i) for i in data["merge"])
            ids.append(store.merge(primary, other, now, keep_id=self.kit.switches["merge_keeps_id"]).id)
        for id_ in data.get("archive") or []:
            store.archive(self._held(id_), now, by=PERSON)
        for id_ in data.get("restore") or []:
            binned = store.get(str(id_), archived=True)
            if binned is None:
                raise ValueError(f"there is no contact {id_} in the recycle bin")
            store.restore(binned, now)
        for id_, props in (data.get("edit_deals") or {}).items():
            account.deals.edit(id_, props, now)
        return {"ids": ids, "deals": [account.deals.put(row, now) for row in data.get("deals") or []]}

    def _person(self, row: dict[str, Any], now: int) -> Contact:
        updated = to_ms(str(row["updated_at"])) if row.get("updated_at") is not None else now
        created = to_ms(str(row["created_at"])) if row.get("created_at") is not None else min(now, updated)
        props = self._values({k: v for k, v in row.items() if k not in ("created_at", "updated_at")})
        if (other := self.store.clash(props, None)) is not None:
            raise ValueError(f"contact {other.id} has the same e-mail or unique value: no account holds two of those")
        made = self.store.create(props, updated, created=created, by=PERSON)
        if props.get("hs_email_optout") == "true" and props.get("email"):
            self.account.consent.all[props["email"].lower()] = iso(updated)
        return made

    def _values(self, row: dict[str, Any]) -> dict[str, str]:
        out = {}
        for name, value in row.items():
            if name not in self.store.properties:
                near = get_close_matches(name, self.store.properties, 1)
                raise ValueError(f"there is no property '{name}'" + (f" (nearest: {near[0]})" if near else ""))
            if (as_text := text(value)) is not None:
                out[name] = as_text
        # given stage dates are written after the stage, which would stamp them
        return dict(sorted(out.items(), key=lambda item: item[0].startswith("hs_")))

    def _held(self, id_: str) -> Contact:
        found = self.store.get(str(id_))
        if found is None:
            raise ValueError(f"there is no contact {id_}")
        return found

    def state(self) -> Any:
        store, consent, events = self.store, self.account.consent, self.account.events
        return {
            "contacts": [{"id": c.id, **c.props} for c in store.live()],
            "archived": [c.id for c in store.contacts.values() if c.archived_at is not None],
            "merged": {c.id: c.into for c in store.contacts.values() if c.into is not None},
            "statuses": [{"email": e, "subscription": s, **v} for (e, s), v in sorted(consent.statuses.items())],
            "unsubscribed_from_all": sorted(consent.all),
            "stage_writes_ignored": store.stage_writes_ignored,
            "properties": sorted(store.properties),
            "events": list(events.held.values()), "events_refused": events.refused,
            "blocked": sorted(store.blocked),
            "hooks_due": len(self.account.hooks.due), "hooks_given_up": self.account.hooks.given_up,
        }  # fmt: skip

    def hooks(self, url: str) -> list[dict[str, Any]]:
        return self.account.hooks.take(url, self.account.now)

    def undelivered(self, request: dict[str, Any]) -> None:
        self.account.hooks.again(request, self.account.now)

    def hook(self, url: str, ids: list[str], *, prop: str = "firstname") -> dict[str, Any]:
        """A signed webhook request about a property of these contacts, whatever the account is subscribed to."""
        now, hooks = self.account.now, self.account.hooks
        events = [
            {**hooks.event(1, "propertyChange", i, now), "propertyName": prop, "propertyValue": "", "changeSource": PERSON,
             "isSensitive": False}
            for i in ids
        ]  # fmt: skip
        for event in events:
            found = self.store.get(str(event["objectId"]))
            event["propertyValue"] = found.props.get(prop, "") if found is not None else ""
        return hooks.signed(url, events, now)

    # --- a request ---------------------------------------------------------------------------------------------

    def is_write(self, call: Call) -> bool:
        place = routes.place(call)
        return place is not None and not place.reads

    def handle(self, call: Call) -> Answer:
        place = routes.place(call)
        if place is None:
            return Answer(404, b"<html><body>404</body></html>", {"Content-Type": "text/html"})
        call.route, call.endpoint = place.route, place.endpoint
        if place.family == "oauth":
            return place.handler(self.account, call) if place.handler else self._not_allowed(call)
        answer = self.door.refuse(call, place.family.partition("/")[0], reads=place.reads)
        if answer is None:
            answer = self._run(place, call)
        if answer.status != 401:
            answer.headers |= self.door.headers(call)
        return answer

    def _run(self, place: routes.Place, call: Call) -> Answer:
        if place.handler is None:
            return self._not_allowed(call)
        try:
            return place.handler(self.account, call, *place.parts)
        except Refusal as refusal:
            return refusal.answer

    def _not_allowed(self, call: Call) -> Answer:
        return self.account.error(405, "METHOD_NOT_ALLOWED", f"{call.method} is not allowed here")

    def failure(self, status: int, call: Call) -> Answer:
        place, account = routes.place(call), self.account
        if place is not None:
            call.route, call.endpoint = place.route, place.endpoint
        match status:
            case 401:
                return self.door.expired(75)
            case 403:
                return self.door.lacking("crm.objects.contacts.read")
            case 404:
                return account.error(404, "OBJECT_NOT_FOUND", "Object not found")
            case 409:
                return account.error(409, "CONFLICT", "Contact already exists")
            case 423:
                return account.error(423, "LOCKED", "This record is locked by a bulk write")
            case 429:
                asked = next((f.values["policy"] for f in call.faults if "policy" in f.values), None)
                return self.door.limited(asked or ("SECONDLY" if call.endpoint == "search" else "TEN_SECONDLY_ROLLING"))
            case 477:
                body = {"status": "error", "message": "This account is being migrated"}
                return Answer(477, body, {"Retry-After": "3600"})
            case _ if status >= 500:
                return account.error(status, "INTERNAL_ERROR", "internal error")
        return account.error(status, "VALIDATION_ERROR", "Invalid input JSON")
