"""Communication preferences: what every address has said per subscription type, and about everything.

Version 4 and the dated versions; version 3, which the official client speaks, has its own words and cannot resubscribe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.values import iso

if TYPE_CHECKING:
    from stagebridge_hubspot.sandbox.account import Account

LARGEST = 100
STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
LEGAL_BASES = (
    "CONSENT_WITH_NOTICE", "LEGITIMATE_INTEREST_CLIENT", "LEGITIMATE_INTEREST_OTHER", "LEGITIMATE_INTEREST_PQL", "NON_GDPR",
    "PERFORMANCE_OF_CONTRACT", "PROCESS_AND_STORE",
)  # fmt: skip


class Consent:
    """`resubscribe`: whether a subscription can be granted again after an opt-out. An opt-out of everything is final."""

    def __init__(self, *, resubscribe: bool) -> None:
        self.resubscribe = resubscribe
        self.definitions: list[dict[str, Any]] = []
        self.statuses: dict[tuple[str, str], dict[str, Any]] = {}
        self.all: dict[str, str] = {}
        """When an address opted out of everything."""
        self.define("99", "Newsletter")

    def define(self, id_: str, name: str, *, internal: bool = False) -> None:
        self.definitions.append({
            "id": id_, "name": name, "description": f"{name} by e-mail", "purpose": "Marketing", "communicationMethod": "Email",
            "isActive": True, "isDefault": False, "isInternal": internal, "createdAt": "2020-06-30T15:57:37.277Z",
            "updatedAt": "2020-06-30T15:57:37.277Z",
        })  # fmt: skip

    def name(self, id_: str) -> str | None:
        return next((d["name"] for d in self.definitions if d["id"] == id_), None)

    def put(self, email: str, id_: str, status: str, at: str, *, basis: str | None = None, why: str | None = None,
            source: str = "API") -> None:  # fmt: skip
        self.statuses[email.lower(), id_] = {
            "status": status, "timestamp": at, "legalBasis": basis, "legalBasisExplanation": why, "source": source,
        }  # fmt: skip

    def shown(self, email: str, id_: str) -> dict[str, Any]:
        email = email.lower()
        nothing = {"status": "NOT_SPECIFIED", "timestamp": None, "source": "DEFAULT"}
        held = self.statuses.get((email, id_), nothing)
        if email in self.all:
            held = {**held, "status": "UNSUBSCRIBED", "timestamp": self.all[email]}
        out = {
            "subscriberIdString": email, "subscriptionId": int(id_), "subscriptionName": self.name(id_),
            "status": held["status"], "source": held["source"], "timestamp": held["timestamp"], "channel": "EMAIL",
        }  # fmt: skip
        return out | {k: held[k] for k in ("legalBasis", "legalBasisExplanation") if held.get(k)}

    def every(self, email: str) -> list[dict[str, Any]]:
        return [self.shown(email, d["id"]) for d in self.definitions]

    def wide(self, email: str) -> dict[str, Any]:
        at = self.all.get(email.lower())
        return {
            "subscriberIdString": email.lower(), "wideStatusType": "PORTAL_WIDE",
            "status": "UNSUBSCRIBED" if at else "NOT_SPECIFIED", "timestamp": at, "channel": "EMAIL",
        }  # fmt: skip


# --- the calls of version 4 and later ------------------------------------------------------------------------------


def definitions(account: Account, call: Call) -> Answer:
    return Answer(200, {"results": account.consent.definitions})


def statuses(account: Account, call: Call, email: str) -> Answer:
    return _by_mail(account, call) or Answer(200, {"results": account.consent.every(email)})


def batch_read(account: Account, call: Call) -> Answer:
    inputs = account.inputs(call, LARGEST)
    rows = [s for e in inputs for s in account.consent.every(str(e))]
    return _by_mail(account, call) or account.complete(rows)


def write(account: Account, call: Call, email: str) -> Answer:
    reason, wrong = _write(account, {**account.body(call), "subscriberIdString": email})
    if wrong:
        return account.error(400, "VALIDATION_ERROR", wrong)
    return Answer(200, reason)


def batch_write(account: Account, call: Call) -> Answer:
    results, errors = [], []
    for row in account.inputs(call, LARGEST):
        shown, wrong = _write(account, row)
        if wrong:
            context = {"subscriberIdString": [str(row.get("subscriberIdString"))]}
            errors.append({"status": "error", "category": "VALIDATION_ERROR", "message": wrong, "context": context})
        else:
            results.append(shown)
    return account.complete(results, errors)


def wide_status(account: Account, call: Call, email: str) -> Answer:
    return _by_mail(account, call) or Answer(200, {"results": [account.consent.wide(email)]})


def unsubscribe_all(account: Account, call: Call, email: str) -> Answer:
    refused = _by_mail(account, call)
    if refused is None:
        _opt_out(account, email)
    return refused or Answer(200, {"results": account.consent.every(email)})


def batch_wide_status(account: Account, call: Call) -> Answer:
    inputs = account.inputs(call, LARGEST)
    return _by_mail(account, call) or account.complete([account.consent.wide(str(e)) for e in inputs])


def batch_unsubscribe_all(account: Account, call: Call) -> Answer:
    inputs, refused = account.inputs(call, LARGEST), _by_mail(account, call)
    if refused is not None:
        return refused
    for email in inputs:
        _opt_out(account, str(email))
    return account.complete([account.consent.wide(str(e)) for e in inputs])


def _by_mail(account: Account, call: Call) -> Answer | None:
    if call.query.get("channel") == "EMAIL":
        return None
    return account.error(400, "VALIDATION_ERROR", "the query parameter `channel` is required and must be EMAIL")


def _write(account: Account, row: Any) -> tuple[dict[str, Any], str]:
    """One status as it then stands, or what is wrong with the row."""
    consent = account.consent
    email, id_, wanted = (
        str(row.get("subscriberIdString") or "").lower(),
        str(row.get("subscriptionId")),
        row.get("statusState"),
    )
    basis = row.get("legalBasis")
    if row.get("channel") != "EMAIL":
        return {}, "channel must be EMAIL"
    if consent.name(id_) is None:
        return {}, f"there is no subscription {id_}"
    if wanted not in STATES:
        return {}, f"statusState must be one of {list(STATES)}"
    if basis is not None and basis not in LEGAL_BASES:
        return {}, f"legalBasis must be one of {list(LEGAL_BASES)}"
    if wanted == "SUBSCRIBED" and not basis:
        return {}, "a legal basis is required to subscribe somebody"
    before = consent.shown(email, id_)["status"]
    if wanted == "SUBSCRIBED" and (email in consent.all or (before == "UNSUBSCRIBED" and not consent.resubscribe)):
        return {}, f"{email} has opted out and cannot be subscribed again"
    if before == wanted:
        return {**consent.shown(email, id_), "setStatusSuccessReason": "NO_STATUS_CHANGE"}, ""
    consent.put(email, id_, wanted, iso(account.now), basis=basis, why=row.get("legalBasisExplanation"))
    again = before == "UNSUBSCRIBED" and wanted == "SUBSCRIBED"
    reason = "RESUBSCRIBE_OCCURRED" if again else "REQUESTED_CHANGE_OCCURRED"
    return {**consent.shown(email, id_), "setStatusSuccessReason": reason}, ""


def _opt_out(account: Account, email: str) -> None:
    """Out of everything: the contact's read-only `hs_email_optout` says so too."""
    email = email.lower()
    account.consent.all.setdefault(email, iso(account.now))
    found = account.store.find(email, "email")
    if found is not None:
        account.store.update(found, {"hs_email_optout": "true"}, account.now, by="CALCULATED")


# --- the calls of version 3 ----------------------------------------------------------------------------------------


def v3_definitions(account: Account, call: Call) -> Answer:
    return Answer(200, {"subscriptionDefinitions": account.consent.definitions})


def v3_statuses(account: Account, call: Call, email: str) -> Answer:
    shown = [_v3(account, email, d["id"]) for d in account.consent.definitions]
    return Answer(200, {"recipient": email.lower(), "subscriptionStatuses": shown})


def v3_subscribe(account: Account, call: Call) -> Answer:
    data = account.body(call)
    email, id_ = str(data.get("emailAddress")).lower(), str(data.get("subscriptionId"))
    if account.consent.name(id_) is None:
        return account.error(400, "VALIDATION_ERROR", f"there is no subscription {id_}")
    if account.consent.shown(email, id_)["status"] == "UNSUBSCRIBED":
        return account.error(400, "VALIDATION_ERROR", f"{email} has opted out and cannot be subscribed again")
    account.consent.put(email, id_, "SUBSCRIBED", iso(account.now), basis=data.get("legalBasis"))
    return Answer(200, _v3(account, email, id_))


def v3_unsubscribe(account: Account, call: Call) -> Answer:
    data = account.body(call)
    email, id_ = str(data.get("emailAddress")).lower(), str(data.get("subscriptionId"))
    if account.consent.name(id_) is None:
        return account.error(400, "VALIDATION_ERROR", f"there is no subscription {id_}")
    account.consent.put(email, id_, "UNSUBSCRIBED", iso(account.now))
    return Answer(200, _v3(account, email, id_))


def _v3(account: Account, email: str, id_: str) -> dict[str, Any]:
    held = account.consent.shown(email, id_)
    out = {
        "id": id_, "name": held["subscriptionName"], "description": f"{held['subscriptionName']} by e-mail",
        "status": "SUBSCRIBED" if held["status"] == "SUBSCRIBED" else "NOT_SUBSCRIBED",
        "sourceOfStatus": "PORTAL_WIDE_STATUS" if email.lower() in account.consent.all else "SUBSCRIPTION_STATUS",
        "brandId": None, "preferenceGroupName": None,
    }  # fmt: skip
    return out | {k: held[k] for k in ("legalBasis", "legalBasisExplanation") if held.get(k)}
