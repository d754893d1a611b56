"""What came in: exact counts of everything, details of the last requests."""

from __future__ import annotations

import re
from collections import Counter, deque
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagebridge.sandbox.kit import Call

REMEMBERED = 500
"""Requests whose details are kept."""

LONGEST_BODY = 20_000
"""Bytes of a body that are kept."""

SECRETS = ("access_token", "input_token", "refresh_token", "client_secret")
"""What is never kept, in a query or a JSON body: somebody may point a real one at a stand-in."""

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
"""Bodies that are not kept at all, because they carry such things."""

_IN_JSON = re.compile(rb'("(?:' + "|".join(SECRETS).encode() + rb')"\s*:\s*")[^"]*')


class RequestLog:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.count = 0
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.by_endpoint: Counter[str] = Counter()
        self.records: Counter[str] = Counter()
        self.last: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)

    def add(self, call: Call, status: int, at: datetime) -> None:
        """`status` is 0 where no answer was given."""
        self.count += 1
        route = f"{call.method} {call.route or call.path}"
        self.by_route[route] += 1
        self.by_status[str(status)] += 1
        self.records[route] += call.records
        if call.endpoint:
            self.by_endpoint[call.endpoint] += 1
        form = call.headers.get("content-type", "").startswith(FORMS)
        query = {name: "***" if name in SECRETS else value for name, value in call.query.items()}
        self.last.append({
            "number": self.count, "method": call.method, "path": call.path, "query": query, "route": route,
            "endpoint": call.endpoint, "status": status, "records": call.records, "at": at.isoformat(),
            "faults": [f.kind for f in call.faults],
            "body": "" if form else _IN_JSON.sub(rb"\1***", call.body[:LONGEST_BODY]).decode("utf-8", "replace"),
        })  # fmt: skip

    def shown(self, method: str = "*", path: str = "*", status: str = "*") -> dict[str, Any]:
        """The counts of all requests; `last` holds the remembered ones that match the globs."""
        return {
            "count": self.count,
            "by_route": dict(self.by_route),
            "by_status": dict(self.by_status),
            "by_endpoint": dict(self.by_endpoint),
            "records": dict(self.records),
            "last": [
                r
                for r in self.last
                if fnmatchcase(r["method"], method)
                and fnmatchcase(r["path"], path)
                and fnmatchcase(str(r["status"]), status)
            ],
        }
