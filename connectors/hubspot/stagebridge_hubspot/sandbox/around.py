"""What stands around the contacts: account information, owners, the lifecycle pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.account import Account, flag
from stagebridge_hubspot.sandbox.values import iso

PIPELINE = "contacts-lifecycle-pipeline"
EPOCH = "1970-01-01T00:00:00Z"
OWNERS_PAGE = 100


def details(account: Account, call: Call) -> Answer:
    offset = account.kit.now().astimezone(account.zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign, whole = "-" if minutes < 0 else "+", abs(minutes)
    return Answer(200, {
        "portalId": account.kit.switches["portal_id"], "accountType": "STANDARD",
        "timeZone": account.kit.switches["time_zone"], "companyCurrency": "USD", "additionalCurrencies": [],
        "utcOffset": f"{sign}{whole // 60:02d}:{whole % 60:02d}", "utcOffsetMilliseconds": minutes * 60_000,
        "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
    })  # fmt: skip


def usage(account: Account, call: Call) -> Answer:
    midnight = int(account.day.resets_at().timestamp() * 1000)
    return Answer(200, {"results": [{
        "name": "private-apps-api-calls-daily", "usageLimit": account.kit.switches["per_day"], "currentUsage": account.day.used,
        "collectedAt": iso(account.now), "fetchStatus": "SUCCESS", "resetsAt": iso(midnight),
    }]})  # fmt: skip


def owners(account: Account, call: Call) -> Answer:
    limit = account.number(call.query.get("limit"), OWNERS_PAGE, "limit", 500)
    after, email = account.number(call.query.get("after"), 0, "after"), call.query.get("email")
    if flag(call, "archived"):
        return Answer(200, {"results": []})
    found = [_owner(i, e) for i, e in account.owners.items() if email in (None, "", e)]
    body: dict[str, Any] = {"results": found[after : after + limit]}
    if after + limit < len(found):
        body["paging"] = {"next": {"after": str(after + limit)}}
    return Answer(200, body)


def owner(account: Account, call: Call, id_: str) -> Answer:
    if id_ not in account.owners:
        return account.error(404, "OBJECT_NOT_FOUND", f"There is no owner {id_}")
    return Answer(200, _owner(id_, account.owners[id_]))


def _owner(id_: str, email: str) -> dict[str, Any]:
    first, _, last = email.partition("@")[0].partition(".")
    return {
        "id": id_, "email": email, "type": "PERSON", "firstName": first.title(), "lastName": last.title(),
        "userId": int(id_) + 1000, "userIdIncludingInactive": int(id_) + 1000, "createdAt": "2020-01-01T00:00:00Z",
        "updatedAt": "2020-01-01T00:00:00Z", "archived": False,
    }  # fmt: skip


def pipelines(account: Account, call: Call) -> Answer:
    return Answer(200, {"results": [_pipeline(account)]})


def pipeline(account: Account, call: Call, id_: str) -> Answer:
    if id_ != PIPELINE:
        return account.error(404, "OBJECT_NOT_FOUND", f"There is no pipeline {id_}")
    return Answer(200, _pipeline(account))


def stages(account: Account, call: Call, id_: str) -> Answer:
    answer = pipeline(account, call, id_)
    return Answer(200, {"results": answer.body["stages"]}) if answer.status == 200 else answer


def _pipeline(account: Account) -> dict[str, Any]:
    """As recorded: the stages' order is the account's own, and `other` alone is closed."""
    return {
        "label": "Lifecycle Stage Pipeline", "displayOrder": 0, "id": PIPELINE,
        "stages": [
            {
                "label": label, "displayOrder": order, "id": value, "createdAt": EPOCH, "updatedAt": EPOCH, "archived": False,
                "metadata": {"isClosed": "true", "state": "CLOSED"} if value == "other" else {"isClosed": "false", "state": "OPEN"},
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            }
            for order, (value, label) in enumerate(account.store.stages)
        ],
        "createdAt": EPOCH, "updatedAt": EPOCH, "archived": False,
    }  # fmt: skip
