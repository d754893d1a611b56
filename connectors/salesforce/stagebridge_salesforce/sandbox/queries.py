"""SOQL queries and their pages."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call, Kit
from stagebridge_salesforce.sandbox import soql
from stagebridge_salesforce.sandbox.store import Row, Store
from stagebridge_salesforce.sandbox.writes import RowError, Writes

LOCATOR_LIVES = 2 * 86_400_000
"""How long (ms) a locator of further pages is good for."""


class Queries:
    def __init__(self, kit: Kit, store: Store, writer: Writes) -> None:
        self.kit = kit
        self.store = store
        self.writer = writer
        self.locators: dict[str, tuple[list[dict[str, Any]], int, int]] = {}

    def run(self, call: Call, version: str, text: str, *, all_rows: bool) -> Answer:
        try:
            query = soql.parse(text)
        except soql.Malformed as error:
            return RowError("MALFORMED_QUERY", str(error)).rest()
        if query.object not in self.store.fields:
            return RowError("INVALID_TYPE", f"sObject type '{query.object}' is not supported.").rest()
        fields, hidden = self.store.fields[query.object], self.writer.hidden()
        for name in sorted(query.used):
            first = name.split(".")[0]
            if (name not in fields or name in hidden) and not (("." in name) and f"{first}Id" in fields):
                return RowError("INVALID_FIELD", f"No such column '{name}' on entity '{query.object}'.").rest()
        now = self.writer.now
        rows, held = [], self.store.rows[query.object]
        known = bool(query.ids) and all(i in held for i in query.ids)
        for row in [held[i] for i in query.ids] if known else held.values():
            if row.visible_from > now or (not all_rows and row.values.get("IsDeleted")):
                continue
            joined = self.joined(query.object, row) if any("." in n for n in query.used) else row.values
            if query.test(joined):
                rows.append(joined)
        for name, down in reversed(query.order):
            rows.sort(key=lambda r, n=name: soql.ordered(soql.get(r, n)), reverse=down)  # type: ignore[misc]
        if query.count:
            return Answer(200, {"totalSize": len(rows), "done": True, "records": []})
        rows = rows[: query.limit] if query.limit is not None else rows
        shown = [self.record(query.object, query.fields, r, version) for r in rows]
        return self._page(call, version, shown, 0, len(shown), now)

    def joined(self, object: str, row: Row) -> dict[str, Any]:
        out = dict(row.values)
        for name, definition in self.store.fields[object].items():
            if definition["relationshipName"] and out.get(name):
                found = self.store.get(definition["referenceTo"][0], out[name])
                out[definition["relationshipName"]] = found.values if found else None
        return out

    def record(self, object: str, names: list[str], row: dict[str, Any], version: str) -> dict[str, Any]:
        out: dict[str, Any] = {
            "attributes": {"type": object, "url": f"/services/data/v{version}/sobjects/{object}/{row['Id']}"}
        }
        for name in names:
            first, _, inner = name.partition(".")
            if not inner:
                out[name] = row.get(name)
            elif row.get(first) is None:
                out[first] = None
            else:
                out.setdefault(first, {"attributes": {"type": first}})[inner] = row[first].get(inner)
        return out

    def _page(self, call: Call, version: str, rows: list[dict[str, Any]], start: int, total: int, began: int) -> Answer:
        size = int(self.kit.switches["page_rows"])
        if self.kit.switches["short_pages"]:
            size = max(1, size - self.kit.random.randrange(max(1, size * 15 // 100)))
        page = rows[start : start + size]
        call.records = len(page)
        body: dict[str, Any] = {"totalSize": total, "done": start + len(page) >= total, "records": page}
        if not body["done"]:
            locator = f"0r8{self.kit.random.getrandbits(48):012x}-{start + len(page)}"
            self.locators[locator] = (rows, start + len(page), began)
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}"
        return Answer(200, body)

    def more(self, call: Call, version: str, locator: str) -> Answer:
        held = self.locators.get(locator)
        old = held is not None and self.writer.now - held[2] > LOCATOR_LIVES
        if held is None or old or any(f.kind == "bad_locator" for f in call.faults):
            return RowError("INVALID_QUERY_LOCATOR", "invalid query locator").rest()
        return self._page(call, version, held[0], held[1], len(held[0]), held[2])
