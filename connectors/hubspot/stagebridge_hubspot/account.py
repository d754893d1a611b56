"""The account: its properties, stages and owners, what is missing, and creating it. Through the official SDK.

The SDK knows v3 paths only, which is fine for a few calls a run. Its API objects are held, because every access to one
opens a new connection pool; they get the current token before each call, because a held one keeps its first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Health, Schema
from stagebridge.errors import AuthError, PlatformDown, StagebridgeError
from stagebridge.http import Again, Lost, Renew, Response
from stagebridge.mapping import Missing
from stagebridge_hubspot import events
from stagebridge_hubspot.answers import sentence
from stagebridge_hubspot.paths import OWNERS, USAGE

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

GROUP = "stagebridge"
PIPELINE = "contacts-lifecycle-pipeline"
FIELD_TYPES = {
    "string": "text", "enumeration": "select", "date": "date", "datetime": "date", "number": "number",
    "bool": "booleancheckbox",
}  # fmt: skip


class Refused(StagebridgeError):
    """HubSpot refused a call about the account itself."""

    default_code = "SB-HUBSPOT-REFUSED"


class Account:
    def __init__(self, hs: HubSpot) -> None:
        self._hs = hs

    # --- the SDK -----------------------------------------------------------------------------------------------

    @cached_property
    def _apis(self) -> dict[str, Any]:
        if self._hs.sdk is None:
            from hubspot.client import Client as Sdk  # imported late: it takes 80 ms and 20 MB
            from urllib3.util.retry import Retry

            self._hs.sdk = Sdk(host=self._hs.client.base_url, retry=Retry(0, raise_on_status=False))
        crm = self._hs.sdk.crm
        return {
            "properties": crm.properties.core_api, "groups": crm.properties.groups_api,
            "pipelines": crm.pipelines.pipelines_api,
        }  # fmt: skip

    def _call(self, api: str, verb: str, *args: Any) -> Any:
        """One call of the SDK under our own rules: limits, token, timeout, and what each status means."""
        client, held, why = self._hs.client, self._apis[api], ""
        assert client.auth is not None
        for attempt in range(client.policy.attempts):
            client.budgets["default"].acquire()
            headers = client.auth.headers()
            held.api_client.configuration.access_token = headers["Authorization"].removeprefix("Bearer ")
            try:
                return getattr(held, verb)(*args, _request_timeout=(5, client.timeout))
            except Exception as error:  # every sub-API of the SDK has an ApiException class of its own, urllib3 more
                status, body = getattr(error, "status", None), getattr(error, "body", None)
                if not status:
                    why = f"cannot be reached ({type(error).__name__})"
                    self._hs.clock.sleep(client.policy.first)
                    continue
                answer = Response(status, getattr(error, "headers", None) or {}, str(body or "").encode())
            verdict = self._hs.judge(answer)
            if isinstance(verdict, Renew):
                if attempt:
                    raise verdict.otherwise
                client.auth.renew(headers)
            elif isinstance(verdict, Again | Lost):
                why = f"answered {verdict.reason}"
                self._hs.clock.sleep((verdict.after if isinstance(verdict, Again) else None) or client.policy.first)
            else:
                raise Refused(f"HubSpot answered {status} to {verb} {api}: {sentence(answer.object())}")
        raise PlatformDown(f"HubSpot {why}", hint="Nothing is lost: run the same command again later.")

    # --- what there is -----------------------------------------------------------------------------------------

    def properties(self) -> list[Any]:
        return list(self._call("properties", "get_all", "contacts").results or ())

    def stages(self, properties: Sequence[Any] | None = None) -> list[str]:
        """The stages' internal names in the account's own order: of the lifecycle pipeline; of the property's options
        where an account or a token has no access to that."""
        with suppress(Refused, AuthError):
            found = self._call("pipelines", "get_by_id", "contacts", PIPELINE).stages or ()
            return [str(s.id) for s in _ordered(found) if not s.archived]
        named = {p.name: p for p in (self.properties() if properties is None else properties)}
        return [str(o.value) for o in _ordered(named["lifecyclestage"].options)] if "lifecyclestage" in named else []

    def discover(self) -> Schema:
        properties = self.properties()
        labels = [p.label for p in properties]
        # a label that is there twice names neither; every property can be named by its own name
        once = {p.label: p.name for p in properties if labels.count(p.label) == 1}
        options = {p.name: {o.label: o.value for o in _ordered(p.options)} for p in properties if p.options}
        return Schema(
            {
                "fields": {"contacts": once | {p.name: p.name for p in properties}},
                "options": {"contacts": options},
                "owners": dict(self._owners()),
                "stages": self.stages(properties),
            }
        )

    def _owners(self) -> Iterable[tuple[str, str]]:
        query: dict[str, Any] = {"limit": 100}
        with suppress(AuthError):  # a scope of its own, which not every mapping needs; `check` tells
            while True:
                answer = self._hs.get(OWNERS[self._hs.settings.api], query)
                yield from ((str(o["id"]), str(o["email"])) for o in answer.get("results", []) if o.get("email"))
                following = (answer.get("paging") or {}).get("next")
                if not following:
                    return
                query["after"] = following["after"]

    # --- is it well? -------------------------------------------------------------------------------------------

    def check(self) -> Health:
        hs = self._hs
        details = hs.account()
        problems: list[str] = []
        warnings: list[str] = []

        def allowed(ask: Callable[[], Any]) -> Any:
            """Every scope that is missing is named, not only the first."""
            try:
                return ask()
            except AuthError as error:
                if error.code != "SB-HUBSPOT-SCOPE":
                    raise
                problems.append(f"{error}. {error.hint}")
                return None

        allowed(lambda: hs.get(hs.contacts, {"limit": 1}))
        named = {p.name: p for p in allowed(self.properties) or ()}
        if "salesforcecontactid" in named and allowed(self._native_salesforce):
            warnings.append(
                "HubSpot's own Salesforce integration is at work here too: two syncs will overwrite each other"
            )
        if hs.mapping is not None:
            problems += [f"{path}: {reason}" for path, reason in hs.mapping.unresolved.items()]
            key = hs.key_property()
            if key in named and not named[key].has_unique_value:
                problems.append(
                    f"external_id: the property {key} is not unique; delete it, `provision` creates it anew"
                )
            if hs.mapping.field("owner") is not None:
                allowed(lambda: hs.get(OWNERS[hs.settings.api], {"limit": 1}))
        problems += self._consent_problems(allowed)
        warnings += allowed(lambda: events.undefined(hs)) or []
        usage: dict[str, Any] = {}
        with suppress(StagebridgeError):  # OAuth apps have no such figures
            usage = next(iter(hs.get(USAGE, {}).get("results") or []), {})
        return Health(
            f"portal {details['portalId']} ({details.get('accountType')}, {details.get('timeZone')})", tuple(problems),
            tuple(warnings), {"daily": usage.get("usageLimit"), "used": usage.get("currentUsage")},
        )  # fmt: skip

    def _native_salesforce(self) -> bool:
        """Whether HubSpot's own Salesforce integration has left its ids on contacts."""
        filters = [{"propertyName": "salesforcecontactid", "operator": "HAS_PROPERTY"}]
        body = {"filterGroups": [{"filters": filters}], "properties": ["hs_object_id"], "limit": 1}
        return bool(self._hs.post(f"{self._hs.contacts}/search", body, endpoint="search").get("total"))

    def _consent_problems(self, allowed: Callable[[Callable[[], Any]], Any]) -> list[str]:
        wanted = self._hs.settings.email_subscription
        if wanted is None:
            return []
        answer = allowed(lambda: self._hs.get(f"{self._hs.consent}/definitions", {}))
        active = {str(d["id"]): d.get("name") for d in (answer or {}).get("results") or [] if d.get("isActive", True)}
        if answer is None or wanted in active:
            return []
        known = ", ".join(f"{i} ({name})" for i, name in active.items()) or "none"
        return [f"email_subscription: {wanted} is no active subscription type of this account; it has {known}"]

    # --- creating what is missing ------------------------------------------------------------------------------

    def provision(self, missing: Sequence[Missing], *, dry_run: bool) -> list[str]:
        said: list[str] = []
        held = {p.name: p for p in self.properties()} if missing else {}
        for m in missing:
            there = held.get(m.name)
            have = {o.value for o in there.options} if there is not None else set()
            options = {value: label for value, label in m.options.items() if value not in have}
            if there is None:
                said.append(f"property {m.name} ('{m.label}', {m.type}{', unique' if m.unique else ''})")
            elif options:
                said.append(f"property {m.name}: option{'s' if len(options) > 1 else ''} {', '.join(options.values())}")
            else:
                said.append(f"property {m.name} is there already")
            if dry_run:
                continue
            if there is None:
                self._create(m)
            elif options:
                self._call("properties", "update", "contacts", m.name, {"options": _with(there.options, options)})
        return said

    def _create(self, m: Missing) -> None:
        with suppress(Refused):  # the group is there already; if anything else is wrong, the property is refused too
            self._call("groups", "create", "contacts", {"name": GROUP, "label": GROUP})
        options = {"true": "Yes", "false": "No"} if m.type == "bool" else m.options
        body = {
            "name": m.name, "label": m.label, "type": m.type, "fieldType": FIELD_TYPES[m.type], "groupName": GROUP,
            "hasUniqueValue": m.unique, "options": _with((), options), "formField": False,
        }  # fmt: skip
        self._call("properties", "create", "contacts", body)


def _ordered(options: Sequence[Any]) -> list[Any]:
    return sorted(options, key=lambda o: o.display_order or 0)


def _with(have: Sequence[Any], more: Mapping[str, str]) -> list[dict[str, Any]]:
    """A property's options are replaced whole: those that are there go along, new ones behind them."""
    kept = [
        {"label": o.label, "value": o.value, "displayOrder": o.display_order, "hidden": bool(o.hidden)} for o in have
    ]
    last = max((o["displayOrder"] or 0 for o in kept), default=-1)
    return kept + [
        {"label": label, "value": value, "displayOrder": last + i, "hidden": False}
        for i, (value, label) in enumerate(more.items(), 1)
    ]
