"""One HubSpot account: routes of every API version, tokens, limits, and the endpoints around contacts."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from uuid import UUID

from stagebridge.sandbox import Answer, Call, Platform, Switch, Windows
from stagebridge_hubspot.sandbox import hooks
from stagebridge_hubspot.sandbox.contacts import Contacts
from stagebridge_hubspot.sandbox.properties import STAGES, definition, iso
from stagebridge_hubspot.sandbox.store import Store

# one table for every version: the same handler serves /crm/v3/objects/contacts and /crm/objects/2026-03/contacts
ROUTES = [
    (r"/crm/(?:v3/objects|objects/(?:2026-03|2026-09))/(?:contacts|0-1)(?P<rest>/.*)?", "contacts"),
    (r"/crm/(?:v3/properties|properties/(?:2026-03|2026-09))/(?:contacts?|0-1)(?P<rest>/.*)?", "properties"),
    (r"/crm/(?:v3/pipelines|pipelines/(?:2026-03|2026-09))/contacts(?P<rest>/.*)?", "pipelines"),
    (r"/crm/(?:v3/owners|owners/(?:2026-03|2026-09))/?", "owners"),
    (r"/account-info/(?:v3|2026-03|2026-09)(?P<rest>/.*)", "account"),
    (r"/oauth/(?:v1|v3|2026-03|2026-09)/token", "token"),
    (r"/communication-preferences/(?:v4|2026-03|2026-09)(?P<rest>/.*)", "consent"),
    (r"/events/(?:v3|2026-03|custom/2026-09)/send(?P<rest>/batch)?", "events"),
]


class HubSpotSandbox(Platform):
    """Seed: a list of contacts' properties, or `{"contacts": […], "owners": {id: e-mail}, "statuses": {e-mail: status},
    "properties": [{"name", "label", "type", "unique"}], "edit": {id: {property: value}}, "merge": [id, id],
    "archive": [id]}`. A contact may carry `created_at` and `updated_at` (ISO 8601) beside its properties, and
    `hs_additional_emails`, `hs_email_optout`. Answers with the ids in order."""

    name: ClassVar[str] = "hubspot"
    switches: ClassVar[dict[str, Switch]] = {
        "stages": Switch(None, "the account's lifecycle stages in order: [[internal name, label], …]"),
        "default_stage": Switch("lead", "what a contact created by API without a stage gets; empty for none"),
        "index_lag": Switch(5.0, "seconds until search shows a change ('a few moments')"),
        "per_10_seconds": Switch(190, "calls of one app in ten seconds"),
        "search_per_second": Switch(5, "search calls of the account in one second"),
        "per_day": Switch(625_000, "calls of the account in a day"),
        "scopes": Switch(None, "scopes of the token; None: all"),
        "token": Switch(None, "the only token accepted; None: any that begins with pat-"),
        "token_seconds": Switch(1800, "how long an OAuth token lives"),
        "client_secret": Switch("sandbox-secret", "signs webhooks, and is the OAuth app's secret"),
        "portal_id": Switch(12345678, "the account's number; contact ids are told apart by it too"),
        "merge_keeps_id": Switch(False, "beta: a merge keeps the primary record's id"),
        "resubscribe": Switch(True, "whether a subscription can be granted again after an opt-out (v4 and later)"),
        "limits": Switch(True, "count and refuse"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }
    faults: ClassVar[tuple[str, ...]] = (
        "edit_before_write", "normalise", "drop_field", "partial_batch", "index_lag", "expired_token",
    )  # fmt: skip

    def reset(self) -> None:
        s = self.kit.switches
        stages = [(str(a), str(b)) for a, b in s["stages"]] if s["stages"] else STAGES
        self.store = Store(
            stages, str(s["default_stage"] or ""), int(s["portal_id"]) * 1000 + 1, int(float(s["index_lag"]) * 1000)
        )
        self.owners = {"401": "olga.owner@example.com", "402": "piet.owner@example.com"}
        self.definitions = [{"id": "99", "name": "Newsletter", "description": "News", "purpose": "Marketing",
                             "communicationMethod": "Email", "isActive": True, "isDefault": False, "isInternal": False}]  # fmt: skip
        self.events: dict[str, dict[str, Any]] = {}
        self.events_refused = 0
        self.tokens: dict[str, int] = {}
        self.windows = Windows(self.kit.clock)
        self.contacts = Contacts(self.kit, self.store, set(self.owners))
        self.pending_hooks: list[dict[str, Any]] = []

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        data = {"contacts": data} if isinstance(data, list) else data
        now = self.contacts.now
        self.owners.update(data.get("owners") or {})
        self.contacts.owners = set(self.owners)
        for p in data.get("properties") or []:
            options = [(v, lb) for v, lb in (p.get("options") or {}).items()] or None
            self.store.properties[p["name"]] = definition(
                p["name"],
                p.get("label", p["name"]),
                p.get("type", "string"),
                options=options,
                unique=bool(p.get("unique")),
                custom=True,
            )
        ids = []
        for person in data.get("contacts") or []:
            props = {
                k: str(v) for k, v in person.items() if k not in ("created_at", "updated_at", "id") and v is not None
            }
            created = int(_ms(person["created_at"])) if "created_at" in person else now
            made = self.store.create(props, int(_ms(person.get("updated_at"), now)), created=created, by_api=False)
            ids.append(made.id)
        for email, status in (data.get("statuses") or {}).items():
            self._set_status(email, "99", status, "seeded")
        for id_, props in (data.get("edit") or {}).items():
            if (found := self.store.get(id_)) is not None:
                self.store.update(found, {k: str(v) for k, v in props.items()}, now)
        if data.get("merge"):
            one, two = (self.store.get(i) for i in data["merge"])
            if one is not None and two is not None:
                ids.append(self.store.merge(one, two, now, keep_id=bool(self.kit.switches["merge_keeps_id"])).id)
        for id_ in data.get("archive") or []:
            if (found := self.store.get(id_)) is not None:
                self.store.archive(found, now)
        return {"ids": ids}

    def state(self) -> Any:
        return {
            "contacts": [{"id": c.id, **c.props} for c in self.store.live()],
            "archived": [c.id for c in self.store.contacts.values() if c.archived_at is not None],
            "merged": {c.id: c.into for c in self.store.contacts.values() if c.into is not None},
            "statuses": [
                {"email": e, "subscription": s, **v} for (e, s), v in sorted(self.store.statuses.items())
            ],
            "unsubscribed_from_all": sorted(self.store.unsubscribed_all),
            "stage_writes_ignored": self.store.stage_writes_ignored,
            "properties": sorted(self.store.properties),
            "events": list(self.events.values()), "events_refused": self.events_refused,
            "blocked": sorted(self.store.blocked),
        }  # fmt: skip

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        for pattern, kind in ROUTES:
            match = re.fullmatch(pattern, call.path)
            if match is None:
                continue
            rest = (match.groupdict().get("rest") or "").rstrip("/")
            call.route = kind + re.sub(
                r"/(?!batch|search|merge|gdpr|groups|statuses|definitions|details|api|send|contacts-|unsub|read|write|create|up|arch|daily|private)[^/]+",
                "/{id}",
                rest,
            )
            if kind == "token":
                return self._token(call)
            refused = self._refuse(call, kind, rest)
            if refused is not None:
                return refused
            answer: Answer = getattr(self, f"_{kind}")(call, rest)
            if not (kind == "contacts" and rest == "/search"):
                answer.headers |= self._rate_headers()
            return answer
        return Answer(404, b"<html><body>404</body></html>", {"Content-Type": "text/html"})

    def failure(self, status: int, call: Call) -> Answer:
        c = self.contacts
        if status == 429:
            return self._limited("TEN_SECONDLY_ROLLING", "ten_secondly_rolling")
        if status == 423:
            return c.error(423, "LOCKED", "This record is locked")
        if status == 477:
            return Answer(477, {"status": "error", "message": "Migration in progress"}, {"Retry-After": "3600"})
        if status == 401:
            return self._expired(75)
        if status >= 500:
            return c.error(status, "INTERNAL_ERROR", "internal error")
        return c.error(status, "VALIDATION_ERROR", "Invalid input JSON")

    def _refuse(self, call: Call, kind: str, rest: str) -> Answer | None:
        authorization = call.headers.get("authorization", "")
        token = authorization.removeprefix("Bearer ")
        wanted = self.kit.switches["token"]
        expires = self.tokens.get(token)
        if any(f.kind == "expired_token" for f in call.faults):
            return self._expired(75)
        if expires is not None:
            if expires <= self.contacts.now:
                return self._expired((self.contacts.now - expires) // 1000)
        elif not authorization.startswith("Bearer ") or (token != wanted if wanted else not token.startswith("pat-")):
            return self.contacts.error(
                401, "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication",
            )  # fmt: skip
        scope = self._scope(call, kind)
        if self.kit.switches["scopes"] is not None and scope not in self.kit.switches["scopes"]:
            return self.contacts.error(
                403, "MISSING_SCOPES", "One or more of the following scopes are required.",
                context={"requiredGranularScopes": [scope]}, links={"scopes": "https://developers.hubspot.com/scopes"},
            )  # fmt: skip
        return self._limit(kind, rest) if self.kit.switches["limits"] else None

    @staticmethod
    def _scope(call: Call, kind: str) -> str:
        reads = call.method == "GET" or call.path.endswith(("/search", "/batch/read"))
        names = {
            "contacts": "crm.objects.contacts", "properties": "crm.schemas.contacts", "pipelines": "crm.schemas.contacts",
            "owners": "crm.objects.owners", "consent": "communication_preferences",
        }  # fmt: skip
        if kind not in names:
            return "oauth"
        if kind == "consent":
            return f"communication_preferences.{'read' if reads else 'read_write'}"
        return f"{names[kind]}.{'read' if reads else 'write'}"

    def _limit(self, kind: str, rest: str) -> Answer | None:
        s = self.kit.switches
        if self.windows.take("day", int(s["per_day"]), 86400) is None:
            return self._limited("DAILY", "daily")
        if kind == "contacts" and rest == "/search":
            if self.windows.take("search", int(s["search_per_second"]), 1) is None:
                return self._limited("SECONDLY", "secondly")
            return None
        if kind == "events":
            return None
        self.remaining = self.windows.take("ten", int(s["per_10_seconds"]), 10)
        return self._limited("TEN_SECONDLY_ROLLING", "ten_secondly_rolling") if self.remaining is None else None

    def _limited(self, policy: str, name: str) -> Answer:
        return Answer(
            429,
            {
                "status": "error", "message": f"You have reached your {name} limit.", "errorType": "RATE_LIMIT",
                "correlationId": str(UUID(int=self.kit.random.getrandbits(128))), "policyName": policy,
            },
        )  # fmt: skip

    def _rate_headers(self) -> dict[str, str]:
        limit = str(self.kit.switches["per_10_seconds"])
        return {
            "X-HubSpot-RateLimit-Max": limit,
            "X-HubSpot-RateLimit-Remaining": str(getattr(self, "remaining", limit) or 0),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        }

    def _expired(self, seconds: int) -> Answer:
        return self.contacts.error(
            401, "EXPIRED_AUTHENTICATION", f"The OAuth token used to make this call expired {seconds} second(s) ago.",
            context={"expire time": [iso(self.contacts.now - seconds * 1000)]},
        )  # fmt: skip

    # --- endpoints ---------------------------------------------------------------------------------------------

    def _contacts(self, call: Call, rest: str) -> Answer:
        c = self.contacts
        match (call.method, rest):
            case ("GET", ""):
                return c.list(call)
            case ("POST", ""):
                return c.create(call)
            case ("POST", "/search"):
                return c.search(call)
            case ("POST", "/merge"):
                return c.merge(call)
            case ("POST", "/gdpr-delete"):
                return c.gdpr_delete(call)
        if call.method == "POST" and rest.startswith("/batch/"):
            return c.batch(call, rest.removeprefix("/batch/"))
        if call.method in ("GET", "PATCH", "DELETE") and rest.count("/") == 1:
            return c.one(call, call.segments[-1])
        return c.error(405, "METHOD_NOT_ALLOWED", "method not allowed")

    def _properties(self, call: Call, rest: str) -> Answer:
        c, hidden = self.contacts, self.contacts.hidden()
        match (call.method, rest):
            case ("GET", ""):
                return Answer(200, {"results": [p for n, p in self.store.properties.items() if n not in hidden]})
            case ("POST", ""):
                return self._new_property(call.json())
            case ("POST", "/batch/create"):
                made = [self._new_property(p) for p in call.json()["inputs"]]
                wrong = next((m for m in made if m.status != 201), None)
                return wrong or Answer(
                    201,
                    {
                        "status": "COMPLETE",
                        "results": [m.body for m in made],
                        "startedAt": iso(c.now),
                        "completedAt": iso(c.now),
                    },
                )
            case ("GET", "/groups"):
                return Answer(200, {"results": list(self.store.groups.values())})
            case ("POST", "/groups"):
                data = call.json()
                if data["name"] in self.store.groups:
                    return c.error(409, "CONFLICT", f"property group {data['name']} already exists")
                group = {
                    "name": data["name"],
                    "label": data["label"],
                    "displayOrder": data.get("displayOrder", 9),
                    "archived": False,
                }
                self.store.groups[data["name"]] = group
                return Answer(201, group)
        name = rest.removeprefix("/")
        prop = self.store.properties.get(name) if name not in hidden else None
        if prop is None:
            return c.error(404, "OBJECT_NOT_FOUND", f'Property "{name}" does not exist')
        if call.method == "PATCH":
            prop.update({k: v for k, v in call.json().items() if v is not None})
        return Answer(200, prop)

    def _new_property(self, data: dict[str, Any]) -> Answer:
        if any(not data.get(k) for k in ("name", "label", "type", "fieldType", "groupName")):
            return self.contacts.error(
                400, "VALIDATION_ERROR", "name, label, type, fieldType and groupName are required"
            )
        if data["name"] in self.store.properties:
            return self.contacts.error(409, "CONFLICT", f"A property named '{data['name']}' already exists.")
        if data["groupName"] not in self.store.groups:
            return self.contacts.error(400, "VALIDATION_ERROR", f"property group {data['groupName']} does not exist")
        made = definition(
            data["name"],
            data["label"],
            data["type"],
            unique=bool(data.get("hasUniqueValue")),
            custom=True,
            group=data["groupName"],
        )
        made["options"] = data.get("options") or []
        made["fieldType"] = data["fieldType"]
        self.store.properties[data["name"]] = made
        return Answer(201, made)

    def _pipelines(self, call: Call, rest: str) -> Answer:
        stages = [
            {
                "label": label, "displayOrder": i, "metadata": {"isClosed": "false", "state": "OPEN"}, "id": value,
                "createdAt": "1970-01-01T00:00:00Z", "updatedAt": "1970-01-01T00:00:00Z",
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT", "archived": False,
            }
            for i, (value, label) in enumerate(self.store.stages)
        ]  # fmt: skip
        pipeline = {
            "label": "Lifecycle Stage Pipeline", "displayOrder": 0, "id": "contacts-lifecycle-pipeline", "stages": stages,
            "createdAt": "1970-01-01T00:00:00Z", "updatedAt": "1970-01-01T00:00:00Z", "archived": False,
        }  # fmt: skip
        if rest == "/contacts-lifecycle-pipeline":
            return Answer(200, pipeline)
        return Answer(200, {"results": [pipeline]})

    def _owners(self, call: Call, rest: str) -> Answer:
        results = [
            {"id": i, "email": e, "firstName": "", "lastName": "", "userId": int(i), "archived": False,
             "createdAt": "2020-01-01T00:00:00Z", "updatedAt": "2020-01-01T00:00:00Z", "type": "PERSON"}
            for i, e in self.owners.items()
        ]  # fmt: skip
        return Answer(200, {"results": results})

    def _account(self, call: Call, rest: str) -> Answer:
        if rest.startswith("/api-usage/daily"):
            used = len(self.windows._calls.get("day", ()))
            return Answer(200, {"results": [{
                "name": "private-apps", "usageLimit": self.kit.switches["per_day"], "currentUsage": used,
                "collectedAt": iso(self.contacts.now), "fetchStatus": "SUCCESS",
                "resetsAt": iso(self.contacts.now - self.contacts.now % 86_400_000 + 86_400_000),
            }]})  # fmt: skip
        return Answer(200, {
            "portalId": self.kit.switches["portal_id"], "accountType": "STANDARD", "timeZone": "US/Eastern",
            "companyCurrency": "USD", "additionalCurrencies": [], "utcOffset": "-04:00",
            "utcOffsetMilliseconds": -14400000, "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
        })  # fmt: skip

    def _token(self, call: Call) -> Answer:
        form = call.form()
        if form.get("client_secret") != self.kit.switches["client_secret"] or not form.get("refresh_token"):
            return Answer(400, {
                "error": "invalid_grant", "error_description": "refresh token is invalid, expired or revoked",
                "status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token",
            })  # fmt: skip
        token = f"oauth-{self.kit.random.getrandbits(64):016x}"
        seconds = int(self.kit.switches["token_seconds"])
        self.tokens[token] = self.contacts.now + seconds * 1000
        return Answer(200, {
            "access_token": token, "refresh_token": form["refresh_token"], "expires_in": seconds, "token_type": "bearer",
            "hub_id": self.kit.switches["portal_id"], "scopes": ["oauth"], "user_id": 1, "token_use": "access_token",
        })  # fmt: skip

    # --- consent -----------------------------------------------------------------------------------------------

    def _consent(self, call: Call, rest: str) -> Answer:
        data = call.json() if call.method == "POST" else {}
        if rest == "/definitions":
            return Answer(200, {"results": self.definitions})
        if rest == "/statuses/batch/read":
            call.records = len(data["inputs"])
            results = [s for e in data["inputs"] for s in self._statuses(str(e).lower())]
            return Answer(
                200,
                {
                    "status": "COMPLETE",
                    "results": results,
                    "startedAt": iso(self.contacts.now),
                    "completedAt": iso(self.contacts.now),
                },
            )
        if rest == "/statuses/batch/write":
            call.records = len(data["inputs"])
            results, errors = [], []
            for row in data["inputs"]:
                answer = self._write_status(row, str(row.get("subscriberIdString", "")))
                (results if answer.status == 200 else errors).append(answer.body)
            body = {"status": "COMPLETE", "results": results, "errors": errors, "numErrors": len(errors)}
            return Answer(207 if errors else 200, body)
        if rest.endswith("/unsubscribe-all"):
            email = call.segments[-2].lower()
            if call.method == "POST":
                self.store.unsubscribed_all.add(email)
            return Answer(200, {"results": [{"subscriberIdString": email, "wideStatusType": "PORTAL_WIDE",
                                             "status": "UNSUBSCRIBED" if email in self.store.unsubscribed_all else "SUBSCRIBED"}]})  # fmt: skip
        email = call.segments[-1].lower()
        if call.method == "POST":
            return self._write_status(data, email)
        return Answer(200, {"results": self._statuses(email)})

    def _statuses(self, email: str) -> list[dict[str, Any]]:
        out = []
        for d in self.definitions:
            held = self.store.statuses.get((email, d["id"]), {"status": "NOT_SPECIFIED", "timestamp": None})
            status = "UNSUBSCRIBED" if email in self.store.unsubscribed_all else held["status"]
            out.append({
                "subscriberIdString": email, "subscriptionId": int(d["id"]), "subscriptionName": d["name"],
                "status": status, "source": "API", "channel": "EMAIL", "timestamp": held["timestamp"],
            })  # fmt: skip
        return out

    def _write_status(self, row: dict[str, Any], email: str) -> Answer:
        id_, wanted = str(row.get("subscriptionId")), row.get("statusState")
        if id_ not in {d["id"] for d in self.definitions} or wanted not in (
            "SUBSCRIBED",
            "UNSUBSCRIBED",
            "NOT_SPECIFIED",
        ):
            return Answer(
                400, {"status": "error", "category": "VALIDATION_ERROR", "message": "unknown subscription or status"}
            )
        held = self.store.statuses.get((email.lower(), id_), {}).get("status", "NOT_SPECIFIED")
        if wanted == "SUBSCRIBED" and not row.get("legalBasis"):
            return Answer(
                400, {"status": "error", "category": "VALIDATION_ERROR", "message": "a legal basis is required"}
            )
        if held == "UNSUBSCRIBED" and wanted == "SUBSCRIBED" and not self.kit.switches["resubscribe"]:
            return Answer(
                400,
                {
                    "status": "error",
                    "category": "VALIDATION_ERROR",
                    "message": f"{email} has opted out and cannot be resubscribed",
                },
            )
        reason = "NO_STATUS_CHANGE" if held == wanted else "REQUESTED_CHANGE_OCCURRED"
        self._set_status(email, id_, str(wanted), row.get("legalBasis"))
        return Answer(
            200,
            {
                **next(s for s in self._statuses(email.lower()) if str(s["subscriptionId"]) == id_),
                "setStatusSuccessReason": reason,
            },
        )

    def _set_status(self, email: str, id_: str, status: str, basis: Any) -> None:
        self.store.statuses[email.lower(), id_] = {
            "status": status,
            "timestamp": iso(self.contacts.now),
            "legalBasis": basis,
        }

    # --- events ------------------------------------------------------------------------------------------------

    def _events(self, call: Call, rest: str) -> Answer:
        inputs = call.json()["inputs"] if rest else [call.json()]
        call.records = len(inputs)
        if len(inputs) > 500:
            return self.contacts.error(400, "VALIDATION_ERROR", "at most 500 events")
        for event in inputs:
            key = event.get("uuid") or str(UUID(int=self.kit.random.getrandbits(128)))
            if key in self.events:
                self.events_refused += 1
            else:
                self.events[key] = event
        return Answer(204)

    # --- webhooks ----------------------------------------------------------------------------------------------

    def hook(self, url: str, ids: list[str], *, prop: str = "firstname") -> dict[str, Any]:
        """A signed webhook request about these contacts, as it would be sent to `url`."""
        return hooks.signed(self, url, ids, prop)


def _ms(text: Any, otherwise: int = 0) -> int:
    from stagebridge_hubspot.sandbox.properties import to_ms

    return otherwise if text is None else to_ms(str(text))


__all__ = ["HubSpotSandbox"]
