"""The contacts endpoints: single calls, batches, search."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from stagebridge.sandbox import Answer, Call, Kit
from stagebridge_hubspot.sandbox.properties import DEFAULTS, iso, problem, to_ms
from stagebridge_hubspot.sandbox.store import Contact, Store

BATCH = 100
SEARCH_PAGE = 200
SEARCH_CAP = 10_000


class Contacts:
    def __init__(self, kit: Kit, store: Store, owners: set[str]) -> None:
        self.kit = kit
        self.store = store
        self.owners = owners

    @property
    def now(self) -> int:
        return int(self.kit.now().timestamp() * 1000)

    # --- shapes ------------------------------------------------------------------------------------------------

    def error(self, status: int, category: str, message: str, **more: Any) -> Answer:
        correlation = str(UUID(int=self.kit.random.getrandbits(128)))
        return Answer(
            status, {"status": "error", "message": message, "correlationId": correlation, "category": category, **more}
        )

    def hidden(self) -> set[str]:
        return {str(f.values["field"]) for f in self.kit.standing("drop_field")}

    def record(self, contact: Contact, names: list[str] | None, props: dict[str, str] | None = None) -> dict[str, Any]:
        props = contact.props if props is None else props
        hidden = self.hidden()
        wanted = [*DEFAULTS, *names] if names else list(DEFAULTS)
        shown = {
            n: props.get(n) or None for n in dict.fromkeys(wanted) if n in self.store.properties and n not in hidden
        }
        out: dict[str, Any] = {
            "id": contact.id, "properties": shown, "createdAt": iso(contact.created),
            "updatedAt": props.get("lastmodifieddate") or iso(contact.updated), "archived": contact.archived_at is not None,
        }  # fmt: skip
        if contact.archived_at is not None:
            out["archivedAt"] = iso(contact.archived_at)
        else:
            out["url"] = f"https://app.hubspot.com/contacts/{self.kit.switches['portal_id']}/record/0-1/{contact.id}"
        return out

    def written(self, contact: Contact) -> dict[str, Any]:
        """A write's answer carries every value that the record has."""
        hidden = self.hidden()
        record = self.record(contact, None)
        record["properties"] = {n: v for n, v in sorted(contact.props.items()) if v and n not in hidden}
        return record

    def batch_answer(self, results: list[Any], errors: list[Any], ok: int) -> Answer:
        self.kit.random.shuffle(results)
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": iso(self.now),
            "completedAt": iso(self.now),
        }
        if errors:
            body |= {"numErrors": len(errors), "errors": errors}
        return Answer(207 if errors else ok, body)

    # --- checks ------------------------------------------------------------------------------------------------

    def problems(self, props: dict[str, Any]) -> list[dict[str, Any]]:
        hidden = self.hidden()
        out = []
        for name, value in props.items():
            prop = self.store.properties.get(name) if name not in hidden else None
            if value is not None and (wrong := problem(prop, name, str(value), self.owners)):
                out.append(wrong)
        return out

    def invalid(self, wrong: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "category": "VALIDATION_ERROR",
            "message": f"Property values were not valid: {json.dumps(wrong, separators=(',', ':'))}",
            "errors": [
                {"message": w["message"], "code": w["error"], "context": {"propertyName": [w["name"]]}} for w in wrong
            ],
        }  # fmt: skip

    def clash(self, props: dict[str, Any], me: Contact | None) -> Contact | None:
        """Another record that holds the e-mail or a unique value."""
        email = str(props.get("email") or "").strip().lower()
        found = self.store.find(email, "email") if email else None
        if found is None:
            for name in self.store.unique_names():
                if props.get(name):
                    found = found or self.store.find(str(props[name]), name)
        return found if found is not None and found is not me else None

    def person_first(self, call: Call, contact: Contact) -> None:
        """`edit_before_write`: somebody edits the record an instant before our write lands."""
        for fault in call.faults:
            if fault.kind == "edit_before_write" and fault.values.get("id", contact.id) == contact.id:
                self.store.update(contact, dict(fault.values["properties"]), self.now)

    def normalised(self, props: dict[str, Any]) -> dict[str, Any]:
        """`normalise`: the platform stores another value than it was given."""
        out = dict(props)
        for fault in self.kit.standing("normalise"):
            name = str(fault.values["field"])
            how: dict[str, Callable[[str], str]] = {
                "upper": str.upper, "title": str.title, "lower": str.lower, "truncate": lambda v: v[: int(fault.values.get("length", 10))],
            }  # fmt: skip
            if isinstance(out.get(name), str):
                out[name] = how[str(fault.values.get("how", "upper"))](out[name])
        return out

    # --- single records ----------------------------------------------------------------------------------------

    def list(self, call: Call) -> Answer:
        archived = call.query.get("archived") == "true"
        limit = int(call.query.get("limit", 10))
        if not 1 <= limit <= 100:
            return self.error(400, "VALIDATION_ERROR", "limit must be between 1 and 100")
        if len(call.path) + sum(len(k) + len(v) + 2 for k, v in call.query.items()) > 16_000:
            return Answer(414, b"<html><body>414 Request-URI Too Large</body></html>", {"Content-Type": "text/html"})
        names = [n for n in call.query.get("properties", "").split(",") if n]
        after = int(call.query.get("after") or 0)
        chosen = [
            c
            for c in self.store.contacts.values()
            if int(c.id) >= after and (c.archived_at is not None) == archived and c.into is None
        ]
        page = chosen[:limit]
        body: dict[str, Any] = {"results": [self.record(c, names) for c in page]}
        if len(chosen) > limit:
            body["paging"] = {"next": {"after": chosen[limit].id, "link": f"?after={chosen[limit].id}"}}
        return Answer(200, body)

    def one(self, call: Call, id_: str) -> Answer:
        contact = self.store.find(id_, call.query.get("idProperty"))
        if contact is None:
            return self.error(404, "OBJECT_NOT_FOUND", "Object not found. objectId are usually numeric.")
        if call.method == "DELETE":
            self.store.archive(contact, self.now)
            return Answer(204)
        if call.method == "PATCH":
            props = self.normalised(call.json().get("properties", {}))
            if wrong := self.problems(props):
                return self._whole(400, self.invalid(wrong))
            self.person_first(call, contact)
            if (other := self.clash(props, contact)) is not None:
                return self._exists(other)
            self.store.update(contact, props, self.now)
            return Answer(200, self.written(contact))
        return Answer(200, self.record(contact, [n for n in call.query.get("properties", "").split(",") if n]))

    def create(self, call: Call) -> Answer:
        props = self.normalised(call.json().get("properties", {}))
        if wrong := self.problems(props):
            return self._whole(400, self.invalid(wrong))
        if not any(props.get(n) for n in ("email", "firstname", "lastname")):
            return self.error(400, "VALIDATION_ERROR", "one of email, firstname or lastname is required")
        if (other := self.clash(props, None)) is not None:
            return self._exists(other)
        return Answer(201, self.written(self.store.create(props, self.now)))

    def merge(self, call: Call) -> Answer:
        data = call.json()
        primary, other = (
            self.store.get(str(data.get("primaryObjectId"))),
            self.store.get(str(data.get("objectIdToMerge"))),
        )
        if primary is None or other is None or primary is other:
            return self.error(400, "VALIDATION_ERROR", "both records of a merge must exist and differ")
        made = self.store.merge(primary, other, self.now, keep_id=bool(self.kit.switches["merge_keeps_id"]))
        return Answer(200, self.written(made))

    def gdpr_delete(self, call: Call) -> Answer:
        data = call.json()
        found = self.store.find(str(data.get("objectId")), data.get("idProperty"))
        if found is None and data.get("idProperty") == "email":
            self.store.blocked.add(str(data["objectId"]).lower())
        elif found is None:
            return self.error(404, "OBJECT_NOT_FOUND", "no such contact")
        else:
            if found.props.get("email"):
                self.store.blocked.add(found.props["email"])
            self.store.archive(found, self.now)
            del self.store.contacts[found.id]
        return Answer(204)

    def _whole(self, status: int, error: dict[str, Any]) -> Answer:
        category, message = error.pop("category"), error.pop("message")
        return self.error(status, category, message, **error)

    def _exists(self, other: Contact) -> Answer:
        return self.error(409, "CONFLICT", f"Contact already exists. Existing ID: {other.id}")

    # --- batches -----------------------------------------------------------------------------------------------

    def batch(self, call: Call, verb: str) -> Answer:
        data = call.json()
        inputs: list[dict[str, Any]] = data.get("inputs") or []
        call.records = len(inputs)
        if not inputs:
            return self.error(400, "VALIDATION_ERROR", "Some required fields were not set: [inputs]")
        if len(inputs) > BATCH:
            return self.error(
                400,
                "VALIDATION_ERROR",
                f"The maximum number of inputs supported in a batch request for property objects is {BATCH}",
            )
        if verb in ("update", "upsert", "archive"):
            ids = [str(i.get("id", "")).lower() for i in inputs]
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                return self.error(
                    400, "VALIDATION_ERROR",
                    f"Duplicate IDs found in batch input: [{twice[0]}]. IDs must be unique", context={"ids": twice},
                )  # fmt: skip
        if verb == "read":
            return self._batch_read(data, inputs)
        if verb == "archive":
            for i in inputs:
                if (found := self.store.get(str(i.get("id")))) is not None:
                    self.store.archive(found, self.now)
            return Answer(204)
        return self._batch_write(call, verb, inputs)

    def _batch_read(self, data: dict[str, Any], inputs: list[dict[str, Any]]) -> Answer:
        id_property = data.get("idProperty")
        results, lost = [], []
        for i in inputs:
            found = self.store.find(str(i["id"]), id_property)
            if found is None:
                lost.append(str(i["id"]))
            else:
                results.append(self.record(found, data.get("properties")))
        errors = []
        if lost:
            errors.append(
                {
                    "status": "error", "category": "OBJECT_NOT_FOUND",
                    "message": "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.",
                    "context": {"ids": lost},
                }
            )  # fmt: skip
        unique = {r["id"]: r for r in results}
        return self.batch_answer(list(unique.values()), errors, 200)

    def _batch_write(self, call: Call, verb: str, inputs: list[dict[str, Any]]) -> Answer:
        traced = all(i.get("objectWriteTraceId") for i in inputs) and len(
            {i.get("objectWriteTraceId") for i in inputs}
        ) == len(inputs)
        partial = [f for f in call.faults if f.kind == "partial_batch"]
        checked: list[tuple[dict[str, Any], dict[str, Any], Contact | None, dict[str, Any] | None]] = []
        names: set[str] = set()
        for n, i in enumerate(inputs):
            props = self.normalised(i.get("properties") or {})
            found, error = self._target(verb, i, props)
            if error is None and partial and n % 2:
                error = {"category": "INTERNAL_ERROR", "message": "internal error", "errors": []}
            email = str(props.get("email") or "").strip().lower()
            if error is None and found is None and verb != "update" and email:
                if email in names:
                    error = {"category": "CONFLICT", "message": "Contact already exists"}
                names.add(email)
            checked.append((i, props, found, error))
        first = next((e for *_, e in checked if e is not None), None)
        if first is not None and not traced:
            status = 409 if first["category"] == "CONFLICT" else 400
            return self._whole(status, {k: v for k, v in first.items() if k != "context"})
        results, errors = [], []
        for i, props, found, error in checked:
            trace = i.get("objectWriteTraceId")
            if error is not None:
                context = {**error.get("context", {}), "objectWriteTraceId": [trace]}
                errors.append({"status": "error", **error, "context": context})
                continue
            if verb == "update" and found is None:
                errors.append(
                    {
                        "status": "error", "category": "OBJECT_NOT_FOUND", "message": f"No contact with id {i.get('id')}",
                        "context": {"ids": [str(i.get("id"))], **({"objectWriteTraceId": [trace]} if trace else {})},
                    }
                )  # fmt: skip
                continue
            new = found is None
            if found is None:
                found = self.store.create(props, self.now)
            else:
                self.person_first(call, found)
                self.store.update(found, props, self.now)
            record = self.written(found)
            if verb == "upsert":
                record["new"] = new
            if trace:
                record["objectWriteTraceId"] = trace
            results.append(record)
        return self.batch_answer(results, errors, 201 if verb == "create" else 200)

    def _target(
        self, verb: str, i: dict[str, Any], props: dict[str, Any]
    ) -> tuple[Contact | None, dict[str, Any] | None]:
        if wrong := self.problems(props):
            return None, self.invalid(wrong)
        found: Contact | None = None
        id_property = i.get("idProperty")
        if verb == "update":
            if id_property == "email":
                return None, {
                    "category": "VALIDATION_ERROR",
                    "message": "Unable to perform update/upsert by non-unique 0-1 property",
                    "errors": [],
                }
            found = self.store.get(str(i.get("id")))
            if found is None:
                return None, None
        elif verb == "upsert":
            if id_property not in ("email", *self.store.unique_names()):
                return None, {
                    "category": "VALIDATION_ERROR",
                    "message": f"{id_property} is not a unique property",
                    "errors": [],
                }
            found = self.store.find(str(i.get("id")), id_property)
            props.setdefault(str(id_property), i.get("id"))
        if found is None and verb != "update" and not any(props.get(n) for n in ("email", "firstname", "lastname")):
            return None, {
                "category": "VALIDATION_ERROR",
                "message": "one of email, firstname or lastname is required",
                "errors": [],
            }
        other = self.clash(props, found)
        if other is not None:
            return None, {
                "category": "CONFLICT", "message": f"Contact already exists. Existing ID: {other.id}",
                "context": {"existingId": [other.id]},
            }  # fmt: skip
        return found, None

    # --- search ------------------------------------------------------------------------------------------------

    def search(self, call: Call) -> Answer:
        if len(call.body) > 3000:
            return self.error(400, "VALIDATION_ERROR", "The request body is too large")
        data = call.json()
        limit, after = int(data.get("limit") or 10), int(data.get("after") or 0)
        groups, sorts = data.get("filterGroups") or [], data.get("sorts") or []
        if not 1 <= limit <= SEARCH_PAGE:
            return self.error(400, "VALIDATION_ERROR", f"limit must be between 1 and {SEARCH_PAGE}")
        if after + limit > SEARCH_CAP:
            return self.error(400, "VALIDATION_ERROR", f"There is no more than {SEARCH_CAP} results to page through")
        filters = [f for g in groups for f in g.get("filters", [])]
        if len(groups) > 5 or len(filters) > 18 or any(len(g.get("filters", [])) > 6 for g in groups):
            return self.error(400, "VALIDATION_ERROR", "too many filters")
        if len(sorts) > 1:
            return self.error(400, "VALIDATION_ERROR", "only one sort is supported")
        at = (
            self.now
            - self.store.lag_ms
            - 1000 * sum(int(f.values.get("seconds", 0)) for f in self.kit.standing("index_lag"))
        )
        hits = []
        try:
            for contact in self.store.contacts.values():
                props = self.store.shown(contact, at)
                if props is not None and (
                    not groups or any(all(_fits(props, f) for f in g.get("filters", [])) for g in groups)
                ):
                    hits.append((contact, props))
        except (ValueError, KeyError) as error:
            return self.error(400, "VALIDATION_ERROR", f"invalid filter: {error}")
        if sorts:
            self._sort(hits, sorts[0])
        page = hits[after : after + limit]
        names = data.get("properties")
        body: dict[str, Any] = {"total": len(hits), "results": [self.record(c, names, p) for c, p in page]}
        if after + limit < len(hits):
            body["paging"] = {"next": {"after": str(after + limit)}}
        call.records = len(page)
        return Answer(200, body)

    @staticmethod
    def _sort(hits: list[tuple[Contact, dict[str, str]]], sort: Any) -> None:
        name = sort if isinstance(sort, str) else sort.get("propertyName", "")
        down = name.startswith("-") or (isinstance(sort, dict) and sort.get("direction") == "DESCENDING")
        name = name.lstrip("-")
        hits.sort(key=lambda h: _ordered(h[1].get(name, "")), reverse=down)


def _ordered(value: str) -> tuple[int, float, str]:
    try:
        return (0, float(to_ms(value)), "") if value else (2, 0, "")
    except ValueError:
        return (1, 0, value)


def _fits(props: dict[str, str], f: dict[str, Any]) -> bool:
    name, operator = f["propertyName"], f["operator"]
    value = props.get(name, "")
    if operator == "HAS_PROPERTY":
        return bool(value)
    if operator == "NOT_HAS_PROPERTY":
        return not value
    if operator in ("IN", "NOT_IN"):
        return (value.lower() in [str(v) for v in f["values"]]) == (operator == "IN")
    if operator in ("EQ", "NEQ"):
        return (value.lower() == str(f["value"]).lower()) == (operator == "EQ")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        wanted = str(f["value"]).lower().strip("*")
        tokens = value.lower().replace(";", " ").split()
        hit = any(wanted in t if "*" in str(f["value"]) else wanted == t for t in tokens)
        return hit == (operator == "CONTAINS_TOKEN")
    if not value:
        return False
    low = _number(str(f["value"]))
    here = _number(value)
    match operator:
        case "LT":
            return here < low
        case "LTE":
            return here <= low
        case "GT":
            return here > low
        case "GTE":
            return here >= low
        case "BETWEEN":
            return low <= here <= _number(str(f["highValue"]))
    raise ValueError(f"unknown operator {operator}")


def _number(text: str) -> float:
    return float(to_ms(text))
