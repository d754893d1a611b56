"""One Salesforce organisation: login, versions, limits, queries, describe, and what hangs together with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from stagebridge.sandbox import Answer, Call, Platform, Switch
from stagebridge_salesforce.sandbox import schema
from stagebridge_salesforce.sandbox.bulk import Bulk
from stagebridge_salesforce.sandbox.door import Door
from stagebridge_salesforce.sandbox.queries import Queries
from stagebridge_salesforce.sandbox.store import Row, Store, eighteen
from stagebridge_salesforce.sandbox.writes import RETRIEVE_BATCH, RowError, Several, Writes

OLDEST, NEWEST = 41, 68
TOKEN = "/services/oauth2/token"


class SalesforceSandbox(Platform):
    """Seed: `{"Account": [{…}], "Contact": [{…}], "Lead": [{…}], "User": [{…}], "Opportunity": [{…}], "Campaign": [{…}], "fields": {object:
    [{"name", "label", "type", "values", "external"}]}, "edit": {id: {field: value}}, "merge": [object, master, loser],
    "convert": [lead id], "delete": [id]}`. A Contact may say `Account: {"Name": …}` instead of AccountId, an Opportunity
    `roles: [contact id]`, the primary one first; `"roles": {opportunity: [contact id]}` adds some. Answers with ids per object, in order."""

    name: ClassVar[str] = "salesforce"
    switches: ClassVar[Mapping[str, Switch]] = {
        "domain": Switch("acme.my", "My Domain: client credentials work on no other host"),
        "client_id": Switch("sandbox-id", "of the connected app"),
        "client_secret": Switch("sandbox-secret", "of the connected app"),
        "session_seconds": Switch(7200, "how long a session lives"),
        "page_rows": Switch(2000, "the most rows of a query page; pages may be shorter"),
        "short_pages": Switch(True, "pages of varying length, as wide rows cause them"),
        "daily_requests": Switch(100_000, "requests of the organisation in 24 hours"),
        "hidden_fields": Switch([], "fields that the integration user may not see"),
        "duplicate_rule": Switch(False, "a duplicate rule blocks a second record with the same e-mail"),
        "duplicate_allow_save": Switch(True, "whether that rule lets a caller insist"),
        "assignment_rule": Switch("", "user id that an assignment rule gives leads to, unless told not to"),
        "extra_fields": Switch(0, "further custom fields in describe, for a realistic size"),
        "deployed": Switch(True, "whether stagebridge's own fields are deployed"),
        "several_currencies": Switch(False, "whether amounts have a currency of their own, CurrencyIsoCode"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }
    faults: ClassVar[tuple[str, ...]] = (
        "edit_before_write", "normalise", "drop_field", "late_commit", "lock_row", "validation_rule", "expired_token",
        "daily_limit", "concurrent_limit", "bad_locator",
    )  # fmt: skip

    def reset(self) -> None:
        self.store = Store()
        user = {"Name": "Ines Integration", "Email": "ines.integration@example.com", "IsActive": True}
        self.integration_user = self.store.insert("User", user, 0, owner="").values["Id"]
        self.writer = Writes(self.kit, self.store, self.integration_user)
        self.bulk = Bulk(self.writer)
        self.door = Door(self.kit, self.writer, self.integration_user)
        self.queries = Queries(self.kit, self.store, self.writer)
        for order, (stage, likely, closed, won) in enumerate(schema.STAGES, 1):
            self.store.insert("OpportunityStage", {
                "ApiName": stage, "MasterLabel": stage, "DefaultProbability": likely, "IsActive": True, "IsClosed": closed,
                "IsWon": won, "SortOrder": order,
            }, 0, owner="")  # fmt: skip
        if self.kit.switches["several_currencies"]:
            self._deploy("Opportunity", {"name": "CurrencyIsoCode", "label": "Currency", "type": "picklist"})
        if self.kit.switches["deployed"]:
            self._deploy_own()

    def _deploy_own(self) -> None:
        stages = [
            "subscriber", "lead", "marketing_qualified", "sales_qualified", "opportunity", "customer", "advocate", "cold",
            "unqualified", "lost_to_competitor", "churned",
        ]  # fmt: skip
        for object in ("Contact", "Lead"):
            self._deploy(object, {"name": "stagebridge_id__c", "label": "stagebridge id", "external": True})
            self._deploy(
                object, {"name": "Lifecycle_Stage__c", "label": "Lifecycle Stage", "type": "picklist", "values": stages}
            )
            self._deploy(object, {"name": "Lost_reason__c", "label": "Lost reason"})
        self._deploy("Task", {"name": "stagebridge_event_id__c", "label": "stagebridge event id", "external": True})

    def _deploy(self, object: str, spec: dict[str, Any]) -> None:
        made = schema.custom(spec)
        self.store.fields[object][made["name"]] = made
        for row in self.store.rows[object].values():
            row.values.setdefault(made["name"], None)

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        now, store = self.writer.now, self.store
        for object, specs in (data.get("fields") or {}).items():
            for spec in specs:
                self._deploy(object, spec)
        ids: dict[str, list[str]] = {}
        accounts = {r.values["Name"]: r.values["Id"] for r in store.rows["Account"].values()}
        for object in ("User", "Account", "Contact", "Lead", "Opportunity", "Campaign", "CampaignMember"):
            for values in data.get(object) or []:
                values = dict(values)
                company = (values.pop("Account", None) or {}).get("Name")
                if company:
                    if company not in accounts:
                        accounts[company] = store.insert(
                            "Account", {"Name": company}, now, owner=self.integration_user
                        ).values["Id"]
                    values["AccountId"] = accounts[company]
                if object == "User":
                    values.setdefault("IsActive", True)
                created, roles = values.pop("CreatedDate", None), values.pop("roles", ())
                row = store.insert(object, values, now, owner=self.integration_user)
                if created:
                    row.values["CreatedDate"] = created
                ids.setdefault(object, []).append(row.values["Id"])
                for i, contact in enumerate(roles):
                    self._role(row.values["Id"], contact, primary=i == 0)
        for id_, contacts in (data.get("roles") or {}).items():
            for contact in contacts:
                self._role(id_, contact)
        for id_, values in (data.get("edit") or {}).items():
            object, row = self._any(id_)
            store.update(object, row, dict(values), now)
        if data.get("merge"):
            object, master, loser = data["merge"]
            store.merge(object, self._any(master)[1], self._any(loser)[1], now)
        for id_ in data.get("convert") or []:
            contact = store.convert(self._any(id_)[1], now, self.integration_user)
            ids.setdefault("Contact", []).append(contact.values["Id"])
        for id_ in data.get("delete") or []:
            object, row = self._any(id_)
            store.delete(object, row, now)
        return {"ids": ids}

    def _role(self, deal: str, contact: str, *, primary: bool = False) -> None:
        values = {"OpportunityId": deal, "ContactId": contact, "IsPrimary": primary}
        self.store.insert("OpportunityContactRole", values, self.writer.now, owner="")

    def _any(self, id_: str) -> tuple[str, Row]:
        for object, rows in self.store.rows.items():
            if id_ in rows:
                return object, rows[id_]
        raise KeyError(id_)

    def state(self) -> Any:
        out: dict[str, Any] = {
            o: [self._shown(o, r) for r in self.store.rows[o].values() if not r.values["IsDeleted"]]
            for o in ("Account", "Contact", "Lead", "Opportunity", "Task", "CampaignMember")
        }
        out["deleted"] = [
            r.values["Id"] for o in ("Contact", "Lead") for r in self.store.rows[o].values() if r.values["IsDeleted"]
        ]
        out["jobs"] = {j.id: j.state for j in self.bulk.jobs.values()}
        out["requests_today"] = self.door.requests_today
        return out

    def _shown(self, object: str, row: Row) -> dict[str, Any]:
        values = {k: v for k, v in row.values.items() if v is not None}
        if object == "Contact" and row.values.get("AccountId"):
            account = self.store.get("Account", row.values["AccountId"])
            values["Account.Name"] = account.values["Name"] if account else None
        return values

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        if call.path == TOKEN:
            call.route = "token"
            return self.door.login(call)
        match = re.fullmatch(r"/services/data/v(\d+)\.0(/.*)?", call.path)
        if match is None:
            return RowError("NOT_FOUND", "The requested resource does not exist").rest(404)
        version, rest = int(match[1]), [s for s in call.segments[3:] if s]
        call.route = "/" + "/".join(re.sub(r"^[0-9A-Za-z]{15,18}$", "{id}", s) for s in rest)
        if version < OLDEST:
            return RowError("GONE", f"API version v{version}.0 has been retired").rest(410)
        refused = self.door.refuse(call)
        if refused is not None:
            return refused
        if version > NEWEST:
            return RowError("NOT_FOUND", "The requested resource does not exist").rest(404)
        answer = self._route(call, f"{version}.0", rest)
        answer.headers["Sforce-Limit-Info"] = (
            f"api-usage={self.door.requests_today}/{self.kit.switches['daily_requests']}, api-bursts=1/750"
        )
        return answer

    def failure(self, status: int, call: Call) -> Answer:
        if call.path == TOKEN and status < 500:  # the login speaks OAuth, not the REST API's arrays
            return Answer(status, {"error": "invalid_client", "error_description": "invalid client credentials"})
        if status == 401:
            return RowError("INVALID_SESSION_ID", "Session expired or invalid").rest(401)
        if status == 503:
            return RowError("SERVER_UNAVAILABLE", "Server unavailable").rest(503)
        return RowError(
            "UNKNOWN_EXCEPTION" if status >= 500 else "JSON_PARSER_ERROR", "An unexpected error occurred"
        ).rest(status)

    def is_write(self, call: Call) -> bool:
        looks = call.path == TOKEN or (call.method == "POST" and "/composite/sobjects/" in call.path)
        return super().is_write(call) and not looks

    def _route(self, call: Call, version: str, rest: list[str]) -> Answer:
        try:
            match (call.method, rest):
                case ("GET", ["query" | "queryAll" as verb, locator]):
                    call.route = f"/{verb}/{{locator}}"
                    return self.queries.more(call, version, locator)
                case ("GET", ["query" | "queryAll" as verb]):
                    return self.queries.run(call, version, call.query.get("q", ""), all_rows=verb == "queryAll")
                case ("GET", ["limits"]):
                    most = int(self.kit.switches["daily_requests"])
                    return Answer(
                        200, {"DailyApiRequests": {"Max": most, "Remaining": most - self.door.requests_today}}
                    )
                case ("GET", ["sobjects"]):
                    return Answer(
                        200,
                        {
                            "encoding": "UTF-8",
                            "maxBatchSize": 200,
                            "sobjects": [{"name": o} for o in self.store.fields],
                        },
                    )
                case ("GET", ["sobjects", object, "describe"]):
                    return self._describe(call, object)
                case (_, ["jobs", "ingest", *tail]):
                    return self.bulk.handle(call, version, tail)
                case (_, ["composite", *tail]):
                    return self._composite(call, version, tail)
                case (_, ["sobjects", object, *tail]):
                    return self._sobject(call, version, object, tail)
                case ("POST", ["actions", "custom", "apex" | "flow", _]):
                    contact = self.store.convert(
                        self._any(call.json()["inputs"][0]["leadId"])[1], self.writer.now, self.integration_user
                    )
                    return Answer(200, [{"isSuccess": True, "outputValues": {"contactId": contact.values["Id"]}}])
        except Several as several:
            return Answer(300, several.urls)
        except RowError as error:
            return error.rest(404 if error.code in ("NOT_FOUND", "ENTITY_IS_DELETED") else 400)
        return RowError("NOT_FOUND", "The requested resource does not exist").rest(404)

    # --- describe, single records, composite -------------------------------------------------------------------

    def _describe(self, call: Call, object: str) -> Answer:
        if object not in self.store.fields:
            return RowError("NOT_FOUND", "The requested resource does not exist").rest(404)
        if call.headers.get("if-modified-since"):
            return Answer(304)
        hidden = self.writer.hidden()
        fields = [f for n, f in self.store.fields[object].items() if n not in hidden]
        extra = [
            schema.field(f"Extra_{i}__c", f"Extra {i}", length=255)
            for i in range(int(self.kit.switches["extra_fields"]))
        ]
        return Answer(
            200,
            {
                "name": object,
                "label": object,
                "createable": True,
                "updateable": True,
                "queryable": True,
                "fields": fields + extra,
            },
        )

    def _sobject(self, call: Call, version: str, object: str, tail: list[str]) -> Answer:
        if object not in self.store.fields:
            return RowError("NOT_FOUND", "The requested resource does not exist").rest(404)
        match (call.method, tail):
            case ("POST", []):
                row = self.writer.write(call, object, call.json(), None)
                return Answer(201, {"id": row.values["Id"], "success": True, "errors": []})
            case ("GET", ["updated" | "deleted" as verb]):
                return self._window(call, object, verb)
            case ("GET", [id_]):
                found = self.store.get(object, id_)
                if found is None:
                    raise RowError("NOT_FOUND", "The requested resource does not exist")
                names = [n for n in call.query.get("fields", "").split(",") if n] or list(self.store.fields[object])
                return Answer(200, self.queries.record(object, names, self.queries.joined(object, found), version))
            case ("PATCH", [id_]):
                found = self.store.get(object, id_, deleted=True)
                if found is None or found.values["IsDeleted"]:
                    raise RowError(
                        "ENTITY_IS_DELETED" if found else "NOT_FOUND",
                        "entity is deleted" if found else "The requested resource does not exist",
                    )
                self.writer.write(call, object, call.json(), found)
                return Answer(204)
            case ("DELETE", [id_]):
                self.writer.delete(object, id_)
                return Answer(204)
            case ("PATCH", [name, value]):
                only = call.query.get("updateOnly") == "true"
                row, created = self.writer.upsert(call, object, name, value, call.json(), only_update=only)
                return Answer(
                    201 if created else 200, {"id": row.values["Id"], "success": True, "errors": [], "created": created}
                )
        raise RowError("NOT_FOUND", "The requested resource does not exist")

    def _window(self, call: Call, object: str, verb: str) -> Answer:
        def ms(name: str) -> float:
            return datetime.fromisoformat(call.query[name].replace(" ", "+")).timestamp()

        start, end = ms("start"), ms("end")
        rows = [
            r for r in self.store.rows[object].values()
            if start <= datetime.fromisoformat(r.values["SystemModstamp"]).timestamp() <= end
        ]  # fmt: skip
        covered = datetime.fromtimestamp(end).astimezone().strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        if verb == "updated":
            return Answer(
                200, {"ids": [r.values["Id"] for r in rows if not r.values["IsDeleted"]], "latestDateCovered": covered}
            )
        gone = [
            {"id": r.values["Id"], "deletedDate": r.values["SystemModstamp"]} for r in rows if r.values["IsDeleted"]
        ]
        return Answer(200, {"deletedRecords": gone, "earliestDateAvailable": covered, "latestDateCovered": covered})

    def _composite(self, call: Call, version: str, tail: list[str]) -> Answer:
        match (call.method, tail):
            case ("POST" | "PATCH", ["sobjects"]):
                return self.writer.collection(call, None, None)
            case ("PATCH", ["sobjects", object, external]):
                return self.writer.collection(call, object, external)
            case ("DELETE", ["sobjects"]):
                return Answer(200, [self._delete_row(i) for i in call.query["ids"].split(",")])
            case ("GET" | "POST", ["sobjects", object]):
                return self._retrieve(call, version, object)
            case ("POST", []):
                return self._requests(call, version)
        raise RowError("NOT_FOUND", "The requested resource does not exist")

    def _delete_row(self, id_: str) -> dict[str, Any]:
        try:
            object, row = self._any(eighteen(id_) if len(id_) == 15 else id_)
            self.writer.delete(object, row.values["Id"])
        except KeyError:
            return RowError("MALFORMED_ID", "malformed id").row()
        except RowError as error:
            return error.row()
        return {"id": id_, "success": True, "errors": []}

    def _retrieve(self, call: Call, version: str, object: str) -> Answer:
        data = (
            call.json()
            if call.method == "POST"
            else {"ids": call.query["ids"].split(","), "fields": call.query["fields"].split(",")}
        )
        if len(data["ids"]) > RETRIEVE_BATCH:
            return RowError("EXCEEDED_ID_LIMIT", f"at most {RETRIEVE_BATCH} ids").rest()
        call.records = len(data["ids"])
        for name in data["fields"]:
            if "." not in name and (name not in self.store.fields[object] or name in self.writer.hidden()):
                return RowError("INVALID_FIELD", f"No such column '{name}' on entity '{object}'.").rest()
        found = [self.store.get(object, i) for i in data["ids"]]
        return Answer(
            200,
            [
                self.queries.record(object, data["fields"], self.queries.joined(object, r), version) if r else None
                for r in found
            ],
        )

    def _requests(self, call: Call, version: str) -> Answer:
        """`/composite`: up to 25 sub-requests, one API call."""
        results = []
        for sub in call.json()["compositeRequest"][:25]:
            path, _, query = str(sub["url"]).partition("?")
            inner = Call(
                sub["method"], path, dict(parse_qsl(query)), call.headers, json.dumps(sub.get("body") or {}).encode()
            )
            answer = self._route(inner, version, [s for s in inner.segments[3:] if s])
            results.append(
                {
                    "body": answer.body,
                    "httpHeaders": {},
                    "httpStatusCode": answer.status,
                    "referenceId": sub["referenceId"],
                }
            )
        return Answer(200, {"compositeResponse": results})


__all__ = ["SalesforceSandbox"]
