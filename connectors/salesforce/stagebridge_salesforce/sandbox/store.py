"""The rows of an organisation: ids, system fields, unique external ids, merges, conversions, late commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stagebridge_salesforce.sandbox import schema

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def eighteen(id15: str) -> str:
    """The 18-character form: three characters say which of the 15 are upper case."""
    out = id15
    for block in (id15[:5], id15[5:10], id15[10:15]):
        out += CHECK[sum(1 << i for i, c in enumerate(block) if c.isupper())]
    return out


def stamp(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}+0000"


@dataclass(slots=True)
class Row:
    values: dict[str, Any]
    visible_from: int = 0


class Store:
    def __init__(self) -> None:
        self.fields = schema.objects()
        self.rows: dict[str, dict[str, Row]] = {o: {} for o in self.fields}
        self.external: dict[tuple[str, str, str], str] = {}
        self.by_email: dict[tuple[str, str], set[str]] = {}
        self.next_number = 1

    def new_id(self, object: str) -> str:
        n, tail = self.next_number, ""
        self.next_number += 1
        for _ in range(9):
            n, r = divmod(n, len(ALPHABET))
            tail = ALPHABET[r] + tail
        return eighteen(schema.PREFIX.get(object, "a00") + "ak0" + tail)

    def get(self, object: str, id_: str, *, deleted: bool = False) -> Row | None:
        row = self.rows[object].get(eighteen(id_) if len(id_) == 15 else id_)
        return row if row is not None and (deleted or not row.values["IsDeleted"]) else None

    def find_external(self, object: str, name: str, value: str) -> list[Row]:
        if name == "Email":
            ids = self.by_email.get((object, value.lower()), set())
            return [r for i in sorted(ids) if (r := self.get(object, i)) is not None]
        id_ = self.external.get((object, name, value.lower()))
        row = self.get(object, id_) if id_ else None
        return [row] if row is not None else []

    def insert(self, object: str, values: dict[str, Any], now: int, *, owner: str, visible_from: int = 0) -> Row:
        row = Row(
            {name: (False if f["type"] == "boolean" else None) for name, f in self.fields[object].items()}, visible_from
        )
        row.values.update(Id=self.new_id(object), IsDeleted=False, CreatedDate=stamp(now))
        if "OwnerId" in self.fields[object]:
            row.values["OwnerId"] = owner
        if object in ("Lead", "Task"):
            row.values["Status"] = (schema.LEAD_STATUS if object == "Lead" else schema.TASK_STATUS)[0]
        self.rows[object][row.values["Id"]] = row
        self.update(object, row, values, now)
        return row

    def update(self, object: str, row: Row, values: dict[str, Any], now: int, *, by_system: bool = False) -> None:
        for name, value in values.items():
            self._index(object, row, name, row.values.get(name), value)
            row.values[name] = value
        if "LastName" in row.values:
            row.values["Name"] = " ".join(x for x in (row.values.get("FirstName"), row.values.get("LastName")) if x)
        if object == "CampaignMember":
            row.values["HasResponded"] = row.values["Status"] in schema.RESPONDED
        if object == "Opportunity":
            self._staged(row, values, now)
        row.values["SystemModstamp"] = stamp(now)
        if not by_system:
            row.values["LastModifiedDate"] = stamp(now)

    def _staged(self, deal: Row, values: dict[str, Any], now: int) -> None:
        """What follows from an Opportunity's stage, and the history that is always kept: of stage, amount and close date."""
        name = deal.values["StageName"]
        stages = (r.values for r in self.rows["OpportunityStage"].values())
        stage: dict[str, Any] = next((s for s in stages if s["ApiName"] == name), {})
        deal.values |= {
            "IsClosed": stage.get("IsClosed", False), "IsWon": stage.get("IsWon", False),
            "Probability": stage.get("DefaultProbability"),
        }  # fmt: skip
        if {"StageName", "Amount", "CloseDate"} & values.keys():
            kept = {n: deal.values[n] for n in ("StageName", "Amount", "CloseDate")}
            self.insert("OpportunityHistory", {**kept, "OpportunityId": deal.values["Id"]}, now, owner="")

    def _index(self, object: str, row: Row, name: str, old: Any, new: Any) -> None:
        id_ = row.values["Id"]
        if name == "Email":
            if old:
                self.by_email.get((object, str(old).lower()), set()).discard(id_)
            if new:
                self.by_email.setdefault((object, str(new).lower()), set()).add(id_)
        elif self.fields[object].get(name, {}).get("externalId"):
            if old:
                self.external.pop((object, name, str(old).lower()), None)
            if new:
                self.external[object, name, str(new).lower()] = id_

    def delete(self, object: str, row: Row, now: int, *, master: str | None = None) -> None:
        for name in ("Email", *(n for n, f in self.fields[object].items() if f["externalId"])):
            self._index(object, row, name, row.values.get(name), None)
        row.values["IsDeleted"] = True
        row.values["MasterRecordId"] = master
        row.values["SystemModstamp"] = stamp(now)

    def merge(self, object: str, master: Row, other: Row, now: int) -> None:
        filled = {n: v for n, v in other.values.items() if v not in (None, "", False) and not master.values.get(n)}
        for name in ("Id", "IsDeleted", "CreatedDate", "SystemModstamp", "LastModifiedDate", "MasterRecordId", "Name"):
            filled.pop(name, None)
        self.delete(object, other, now, master=master.values["Id"])
        self.update(object, master, filled, now)

    def convert(self, lead: Row, now: int, owner: str) -> Row:
        """A lead becomes an account and a contact; the lead stays behind, read only."""
        v = lead.values
        account = next((a for a in self.rows["Account"].values() if a.values["Name"] == v["Company"]), None)
        if account is None:
            account = self.insert("Account", {"Name": v["Company"]}, now, owner=owner)
        shared = {
            n: v[n] for n in v
            if n in self.fields["Contact"] and self.fields["Contact"][n]["createable"] and n not in ("OwnerId",) and v[n] is not None
        }  # fmt: skip
        external = {n for n, f in self.fields["Lead"].items() if f["externalId"]}
        moved = {n: shared.pop(n) for n in list(shared) if n in external}
        contact = self.insert("Contact", {**shared, "AccountId": account.values["Id"]}, now, owner=owner)
        if moved:
            self.update("Lead", lead, dict.fromkeys(moved), now, by_system=True)
            self.update("Contact", contact, moved, now, by_system=True)
        self.update(
            "Lead", lead,
            {"IsConverted": True, "Status": "Closed - Converted", "ConvertedContactId": contact.values["Id"],
             "ConvertedAccountId": account.values["Id"], "ConvertedDate": stamp(now)[:10]}, now,
        )  # fmt: skip
        return contact
