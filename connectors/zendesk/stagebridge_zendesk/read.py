"""Reading: the incremental export by cursor, for a first pass as for what changed since.

It withholds the newest minute, repeats rows, shows deleted users as inactive, and is over only when it says `end_of_stream`. The
last page's cursor is where the next pass goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Cursor, Page
from stagebridge_zendesk import users

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

WITHHELD = 60.0
"""Seconds of newest changes that an export does not show; a start must lie further back than that."""
BEGINNING = 0


def pages(zd: Zendesk, since: Cursor | datetime | None) -> Iterator[Page]:
    for answer, cursor, covered in export(zd, "users", since):
        rows = {(u["id"], u.get("updated_at")): u for u in answer.get("users") or []}
        yield Page(users.records(zd, list(rows.values()), users.named(answer)), cursor, covered)


def export(
    zd: Zendesk, what: str, since: Cursor | datetime | None
) -> Iterator[tuple[dict[str, Any], Cursor, datetime | None]]:
    """Pages of an export, each with the cursor after it, and with what it covers if it is the last one."""
    cursor: Cursor = since if isinstance(since, dict) else {"start": _start(zd, since)}
    while True:
        began = zd.clock.now()
        place = {"cursor": cursor["cursor"]} if cursor.get("cursor") else {"start_time": _past(zd, cursor["start"])}
        # tickets have no page size of their own in the specification
        size = {"per_page": zd.settings.page_size} if what == "users" else {}
        answer = zd.get(f"/api/v2/incremental/{what}/cursor", {**place, **size}, endpoint="incremental")
        after = answer.get("after_cursor")
        cursor = {"cursor": after} if after else cursor
        over = bool(answer.get("end_of_stream"))
        yield answer, cursor, began - timedelta(seconds=max(WITHHELD, zd.lag)) if over else None
        if over:
            return


def _start(zd: Zendesk, since: datetime | None) -> int:
    """On Zendesk's clock, further back than a minute."""
    if since is None:
        return BEGINNING
    return int((since + timedelta(seconds=zd.skew - zd.lag)).timestamp())


def _past(zd: Zendesk, start: int) -> int:
    return min(start, int(zd.platform_now().timestamp() - WITHHELD) - 5)
