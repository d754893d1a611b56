"""A stand-in of acme: people in memory, and one row of numbered changes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, ClassVar

import orjson

from stagebridge.sandbox import Answer, Call, Platform

FIELDS = ("email", "given", "family", "phone", "title", "status", "ref")


class AcmeSandbox(Platform):
    """Seed: a list of people's fields, or {"edit": {id: fields}}, {"remove": [id]}, {"merge": [kept id, id]}."""

    name: ClassVar[str] = "acme"

    def reset(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.last = 0
        self.due: list[str] = []

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        if isinstance(data, list):
            return {"ids": [self.save({}, p)["id"] for p in data]}
        for id_, fields in data.get("edit", {}).items():
            self.save(self.people[id_], fields)
        for id_ in data.get("remove", []):
            self.save(self.people[id_], {"deleted": True})
        if "merge" in data:
            keep, lose = data["merge"]
            self.save(self.people[lose], {"deleted": True, "into": keep})
        return {}

    def state(self) -> Any:
        return {"people": list(self.living())}

    def hooks(self, url: str) -> list[dict[str, Any]]:
        due, self.due = list(dict.fromkeys(self.due)), []
        if not due:
            return []
        body, stamp = orjson.dumps({"changed": due}), str(int(self.kit.now().timestamp()))
        made = hmac.new(b"acme-hook-secret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return [{"method": "POST", "url": url, "headers": {"X-Acme-Signature": f"{stamp}.{made}"}, "body": body}]

    # --- requests ----------------------------------------------------------------------------------------------

    def is_write(self, call: Call) -> bool:
        return call.method == "DELETE" or (call.method == "POST" and call.path == "/v1/people")

    def handle(self, call: Call) -> Answer:
        if call.headers.get("authorization") != "Bearer acme-token-1":
            return self.failure(401, call)
        match call.method, call.segments[1:]:
            case "GET", ["me"]:
                return Answer(200, {"name": "Acme Ltd"})
            case "GET", ["people"]:
                rows = sorted(
                    (p for p in self.people.values() if p["rev"] > int(call.query["after"])), key=lambda p: p["rev"]
                )
                page = rows[: int(call.query["limit"])]
                last = page[-1]["rev"] if page else int(call.query["after"])
                return Answer(200, {"people": page, "last": last, "more": len(rows) > len(page)})
            case "POST", ["people", "lookup"]:
                asked = call.json()
                wanted = {str(v).casefold() for v in asked["values"]}
                among = self.people.values() if asked["by"] == "id" else self.living()
                return Answer(200, {"people": [p for p in among if str(p.get(asked["by"])).casefold() in wanted]})
            case "POST", ["people"]:
                return Answer(200, {"results": [self.put(p) for p in call.json()["people"]]})
            case "DELETE", ["people", id_]:
                if id_ in self.people:
                    blank = dict.fromkeys(FIELDS) if call.query.get("forever") else {}
                    self.save(self.people[id_], {**blank, "deleted": True})
                return Answer(204)
        return self.failure(404, call)

    def failure(self, status: int, call: Call) -> Answer:
        return Answer(status, {"error": f"acme says {status}"}, {"Retry-After": "1"} if status == 429 else {})

    def put(self, given: dict[str, Any]) -> dict[str, Any]:
        held = self.people.get(str(given.get("id"))) if "id" in given else self.under(given.get("ref"))
        if held is not None and held["deleted"]:
            return {"status": "gone", "into": held["into"]}
        if given.get("email") is not None and "@" not in given["email"]:
            return {"status": "invalid", "field": "email"}
        return {"status": "ok", "person": self.save(held or {}, {k: v for k, v in given.items() if k != "id"})}

    def save(self, person: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        self.last += 1
        id_ = person.get("id") or f"p{self.last}"
        empty = {**dict.fromkeys(FIELDS), "deleted": False, "into": None}
        self.people[id_] = {
            **empty, **person, **fields, "id": id_, "rev": self.last, "modified": self.kit.now().isoformat(),
        }  # fmt: skip
        self.due.append(id_)
        return self.people[id_]

    def living(self) -> Iterator[dict[str, Any]]:
        return (p for p in self.people.values() if not p["deleted"])

    def under(self, ref: Any) -> dict[str, Any] | None:
        return next((p for p in self.living() if ref and p["ref"] == ref), None)
