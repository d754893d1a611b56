"""Writing rows: the checks of one record, single calls, sObject Collections."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call, Kit
from stagebridge_salesforce.sandbox import schema
from stagebridge_salesforce.sandbox.store import Row, Store

WRITE_BATCH = 200
RETRIEVE_BATCH = 2000


class RowError(Exception):
    """One record was refused."""

    def __init__(self, code: str, message: str, fields: list[str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.fields, self.more = code, message, fields or [], more

    def row(self) -> dict[str, Any]:
        """As Collections say it."""
        error = {"statusCode": self.code, "message": self.message, "fields": self.fields, **self.more}
        return {"success": False, "errors": [error]}

    def rest(self, status: int = 400) -> Answer:
        """As an ordinary REST call says it."""
        return Answer(status, [{"message": self.message, "errorCode": self.code, "fields": self.fields, **self.more}])


class Several(Exception):
    """An external id that matches more than one record (HTTP 300)."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__("several")
        self.urls = urls


class Writes:
    def __init__(self, kit: Kit, store: Store, default_owner: str) -> None:
        self.kit = kit
        self.store = store
        self.default_owner = default_owner

    @property
    def now(self) -> int:
        return int(self.kit.now().timestamp() * 1000)

    def hidden(self) -> set[str]:
        return {str(f.values["field"]) for f in self.kit.standing("drop_field")} | set(
            self.kit.switches["hidden_fields"]
        )

    # --- one record --------------------------------------------------------------------------------------------

    def check(self, call: Call, object: str, values: dict[str, Any], row: Row | None) -> None:
        """Raises `RowError`."""
        hidden = self.hidden()
        for name, value in values.items():
            definition = self.store.fields[object].get(name) if name not in hidden else None
            wrong = schema.refusal(definition, name, value, creating=row is None)
            if wrong is not None:
                raise RowError(*wrong, [name])
        if row is None:
            missing = [n for n in ("LastName", "Company", "Name") if self._required(object, n) and not values.get(n)]
            if missing:
                raise RowError(
                    "REQUIRED_FIELD_MISSING", f"Required fields are missing: {missing}".replace("'", ""), missing
                )
        if object == "Lead":
            self._lead(values, row)
        if values.get("OwnerId") is not None:
            owner = self.store.get("User", str(values["OwnerId"]))
            if owner is None:
                raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ["OwnerId"])
            if not owner.values["IsActive"]:
                raise RowError("INACTIVE_OWNER_OR_USER", "owner or user is inactive.", ["OwnerId"])
        self._references(object, values)
        if object == "CampaignMember" and row is None:
            self._member(values)
        for name, definition in self.store.fields[object].items():
            if definition["externalId"] and values.get(name):
                holders = self.store.find_external(object, name, str(values[name]))
                if holders and holders[0] is not row:
                    id_ = holders[0].values["Id"]
                    raise RowError(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {name} duplicates value on record with id: {id_}",
                        [name],
                    )
        self._struck(call, object, values, row)

    def _references(self, object: str, values: dict[str, Any]) -> None:
        """Whatever a record refers to is there; a Task's `WhoId` is of a Contact or a Lead."""
        for name, value in values.items():
            definition = self.store.fields[object][name]
            kinds = ["Contact", "Lead"] if name == "WhoId" else definition["referenceTo"]
            if value is not None and kinds and all(self.store.get(k, str(value)) is None for k in kinds):
                raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [name])

    def _member(self, values: dict[str, Any]) -> None:
        """Of a campaign, and one Contact or Lead; nobody is one twice. That it is an error is documented, its code is from
        memory."""
        who = "ContactId" if values.get("ContactId") else "LeadId"
        lacking = [n for n in ("CampaignId", who) if not values.get(n)]
        if lacking:
            raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(lacking)}]", lacking)
        for row in self.store.rows["CampaignMember"].values():
            same = all(row.values[n] == values[n] for n in ("CampaignId", who))
            if same and not row.values["IsDeleted"]:
                raise RowError("DUPLICATE_VALUE", "Already a campaign member.")

    def _required(self, object: str, name: str) -> bool:
        definition = self.store.fields[object].get(name)
        return definition is not None and not definition["nillable"] and definition["createable"]

    def _lead(self, values: dict[str, Any], row: Row | None) -> None:
        if row is not None and row.values["IsConverted"]:
            raise RowError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
        if values.get("Status") == "Closed - Converted":
            raise RowError(
                "INVALID_STATUS", "Status: a lead is converted by converting it, not by its status", ["Status"]
            )

    def _struck(self, call: Call, object: str, values: dict[str, Any], row: Row | None) -> None:
        for fault in call.faults:
            if fault.kind == "lock_row" and fault.values.get("id") in (None, row and row.values["Id"]):
                raise RowError("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
            if fault.kind == "validation_rule":
                raise RowError(
                    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                    "a rule of this organisation forbids it",
                    list(fault.values.get("fields", [])),
                )
        if row is None and self.kit.switches["duplicate_rule"] and values.get("Email"):
            matches = self.store.find_external(object, "Email", str(values["Email"]))
            allowed = call.headers.get("sforce-duplicate-rule-header", "").lower().replace(" ", "") == "allowsave=true"
            if matches and not (allowed and self.kit.switches["duplicate_allow_save"]):
                raise RowError(
                    "DUPLICATES_DETECTED",
                    "Use one of these records?",
                    duplicateResult=self._duplicates(object, matches),
                )

    def _duplicates(self, object: str, matches: list[Row]) -> dict[str, Any]:
        records = [
            {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
             "record": {"attributes": {"type": object}, "Id": r.values["Id"]}}
            for r in matches
        ]  # fmt: skip
        return {
            "allowSave": bool(self.kit.switches["duplicate_allow_save"]), "duplicateRule": f"Standard_{object}_Duplicate_Rule",
            "duplicateRuleEntityType": object, "errorMessage": "Use one of these records?",
            "matchResults": [{"entityType": object, "errors": [], "matchEngine": "FuzzyMatchEngine", "matchRecords": records,
                              "rule": f"Standard_{object}_Match_Rule_v1_0", "size": len(records), "success": True}],
        }  # fmt: skip

    def write(self, call: Call, object: str, values: dict[str, Any], row: Row | None) -> Row:
        """Check and write one record. Raises `RowError`."""
        values = self._normalised({n: v for n, v in values.items() if n not in ("attributes", "Id")})
        self.check(call, object, values, row)
        for fault in call.faults:
            if (
                fault.kind == "edit_before_write"
                and row is not None
                and fault.values.get("id", row.values["Id"]) == row.values["Id"]
            ):
                self.store.update(object, row, dict(fault.values["values"]), self.now)
        if row is not None:
            self.store.update(object, row, values, self.now)
        else:
            late = sum(int(f.values.get("seconds", 0)) for f in self.kit.standing("late_commit"))
            row = self.store.insert(
                object, values, self.now, owner=self.default_owner, visible_from=self.now + late * 1000 if late else 0
            )
        if (
            self.kit.switches["assignment_rule"]
            and call.headers.get("sforce-auto-assign", "").upper() != "FALSE"
            and object == "Lead"
        ):
            self.store.update(object, row, {"OwnerId": self.kit.switches["assignment_rule"]}, self.now, by_system=True)
        return row

    def _normalised(self, values: dict[str, Any]) -> dict[str, Any]:
        out = dict(values)
        for fault in self.kit.standing("normalise"):
            name, how = str(fault.values["field"]), str(fault.values.get("how", "upper"))
            if isinstance(out.get(name), str):
                length = int(fault.values.get("length", 10))
                out[name] = {"upper": out[name].upper(), "title": out[name].title(), "truncate": out[name][:length]}[
                    how
                ]
        return out

    def upsert(
        self, call: Call, object: str, name: str, value: str, values: dict[str, Any], *, only_update: bool
    ) -> tuple[Row, bool]:
        """Raises `RowError`, `Several`."""
        definition = self.store.fields[object].get(name)
        if definition is None or not (definition["externalId"] or definition["idLookup"]) or name in self.hidden():
            raise RowError(
                "INVALID_FIELD", f"Provided external ID field does not exist or is not accessible: {name}", [name]
            )
        if name in values:
            raise RowError("INVALID_FIELD", f"The {name} field should not be specified in the sobject data.", [name])
        found = self.store.find_external(object, name, value)
        if len(found) > 1:
            raise Several([f"/services/data/v66.0/sobjects/{object}/{r.values['Id']}" for r in found])
        if found:
            return self.write(call, object, values, found[0]), False
        if only_update:
            raise RowError("NOT_FOUND", "The requested resource does not exist")
        return self.write(call, object, {**values, name: value}, None), True

    # --- collections -------------------------------------------------------------------------------------------

    def collection(self, call: Call, object: str | None, external: str | None) -> Answer:
        """`/composite/sobjects`: create, update, upsert."""
        data = call.json()
        records = data.get("records") or []
        call.records = len(records)
        if not records:
            return Answer(400, [{"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}])
        if len(records) > WRITE_BATCH:
            return Answer(
                400,
                [
                    {
                        "message": f"EXCEEDED_MAX_SIZE_REQUEST: at most {WRITE_BATCH} records",
                        "errorCode": "EXCEEDED_MAX_SIZE_REQUEST",
                    }
                ],
            )
        if any(not (r.get("attributes") or {}).get("type") for r in records):
            return Answer(400, [{"message": "attributes.type is required", "errorCode": "INVALID_TYPE"}])
        seen: set[str] = set()
        results = []
        for record in records:
            try:
                results.append(self._one(call, record, object, external, seen))
            except RowError as error:
                results.append(error.row())
            except Several as several:
                results.append(RowError("DUPLICATE_EXTERNAL_ID", f"several records match: {len(several.urls)}").row())
        if data.get("allOrNone") and any(not r["success"] for r in results):
            rolled = RowError(
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using AllOrNone header",
            )  # fmt: skip
            results = [r if not r["success"] else rolled.row() for r in results]
        return Answer(200, results)

    def _one(
        self, call: Call, record: dict[str, Any], object: str | None, external: str | None, seen: set[str]
    ) -> dict[str, Any]:
        kind = str(record["attributes"]["type"])
        if kind not in self.store.fields or (object is not None and kind != object):
            raise RowError("INVALID_TYPE", f"sObject type '{kind}' is not supported here")
        if external is not None:
            value = str(record.get(external) or "")
            if not value:
                raise RowError("MISSING_ARGUMENT", f"{external} not specified", [external])
            if value.lower() in seen:
                raise RowError("DUPLICATE_EXTERNAL_ID", f"{external}: the value {value} is there twice", [external])
            seen.add(value.lower())
            values = {n: v for n, v in record.items() if n != external}
            row, created = self.upsert(call, kind, external, value, values, only_update=False)
            return {"id": row.values["Id"], "success": True, "errors": [], "created": created}
        if call.method == "PATCH":
            found = self.store.get(kind, str(record.get("Id", "")), deleted=True)
            if found is None:
                raise RowError(
                    "MALFORMED_ID" if not record.get("Id") else "NOT_FOUND",
                    "The requested resource does not exist",
                    ["Id"],
                )
            if found.values["IsDeleted"]:
                raise RowError("ENTITY_IS_DELETED", "entity is deleted")
            return {"id": self.write(call, kind, record, found).values["Id"], "success": True, "errors": []}
        return {"id": self.write(call, kind, record, None).values["Id"], "success": True, "errors": []}

    def delete(self, object: str, id_: str) -> None:
        row = self.store.get(object, id_, deleted=True)
        if row is None:
            raise RowError("NOT_FOUND", "The requested resource does not exist")
        if row.values["IsDeleted"]:
            raise RowError("ENTITY_IS_DELETED", "entity is deleted")
        self.store.delete(object, row, self.now)
