"""The control plane, through HubSpot's own SDK: properties, stages, health. It knows the v3 paths only, which is fine
for calls that are made once a run; everything in bulk goes through `wire`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from stagebridge.connector import Health
from stagebridge.errors import AuthError, PlatformDown, StagebridgeError
from stagebridge.http import Again, Lost, Renew, Response
from stagebridge.mapping import Mapping as FieldMapping
from stagebridge.mapping import Missing
from stagebridge_hubspot.errors import Fault
from stagebridge_hubspot.paths import DAILY_USAGE
from stagebridge_hubspot.wire import Wire

GROUP = "stagebridge"
PIPELINE = "contacts-lifecycle-pipeline"
FORMS = {
    "date": ("date", "date"), "datetime": ("datetime", "date"), "number": ("number", "number"),
    "bool": ("enumeration", "booleancheckbox"), "enumeration": ("enumeration", "select"),
}  # fmt: skip
"""HubSpot's (type, fieldType) for a type of ours; anything else is text."""


class Account:
    def __init__(self, wire: Wire, sdk: Any = None) -> None:
        self._wire = wire
        self._given = sdk
        self._order: list[str] | None = None

    # --- the SDK, held: every attribute access of its client opens a new pool -------------------------------------

    @cached_property
    def _apis(self) -> dict[str, Any]:
        sdk = self._given
        if sdk is None:
            from hubspot import HubSpot as Sdk  # 80 ms and 20 MB: only for who asks
            from urllib3.util.retry import Retry

            sdk = Sdk(access_token="", host=self._wire.base_url, retry=Retry(0, raise_on_status=False))
        return {
            "properties": sdk.crm.properties.core_api, "groups": sdk.crm.properties.groups_api,
            "pipelines": sdk.crm.pipelines.pipelines_api,
        }  # fmt: skip

    def _call(self, api: str, verb: str, *args: Any) -> Any:
        """One SDK call under the wire's rules: its limits, its token, its reading of statuses."""
        from urllib3.exceptions import HTTPError

        held = self._apis[api]
        auth, client = self._wire.client.auth, self._wire.client
        assert auth is not None
        reason = ""
        for attempt in range(client.policy.attempts):
            client.budgets["default"].acquire()
            headers = auth.headers()
            held.api_client.configuration.access_token = headers["Authorization"].removeprefix("Bearer ")
            try:
                return getattr(held, verb)(*args, _request_timeout=(5, client.timeout))
            except HTTPError as error:
                reason = type(error).__name__
                self._wire.clock.sleep(client.policy.first * 2**attempt)
                continue
            except Exception as error:
                if not hasattr(error, "status") or not error.status:
                    raise PlatformDown(f"HubSpot's SDK cannot read the answer to {verb} {api}") from error
                response = Response(error.status, error.headers or {}, str(error.body or "").encode())
            verdict = self._wire.judge(response)
            if isinstance(verdict, Renew):
                if attempt:
                    raise verdict.otherwise
                auth.renew(headers)
            elif isinstance(verdict, Again | Lost):
                reason = verdict.reason
                self._wire.clock.sleep((verdict.after if isinstance(verdict, Again) else None) or client.policy.first)
            else:
                raise Refused(Fault.of(_json(response), response.status), f"{verb} {api}")
        raise PlatformDown(f"HubSpot gave no usable answer to {verb} {api} ({reason})")

    # --- what the account has ----------------------------------------------------------------------------------

    def properties(self, object: str) -> list[Any]:
        return list(self._call("properties", "get_all", object).results)

    def stages(self, properties: Sequence[Any] | None = None) -> list[str]:
        """Internal values in the account's own order: of the lifecycle pipeline, or of the property's options where an
        account (or a token) has no access to that."""
        with suppress(Refused, AuthError):
            pipeline = self._call("pipelines", "get_by_id", "contacts", PIPELINE)
            return [s.id for s in sorted(pipeline.stages, key=lambda s: s.display_order) if not s.archived]
        for one in self.properties("contacts") if properties is None else properties:
            if one.name == "lifecyclestage":
                return [o.value for o in _ordered(one.options)]
        return []

    def order(self) -> list[str]:
        if self._order is None:
            self._order = self.stages()
        return self._order

    def facts(self, objects: Sequence[str]) -> dict[str, Any]:
        facts: dict[str, Any] = {"fields": {}, "options": {}, "owners": self._owners()}
        for object in objects:
            properties = self.properties(object)
            facts["fields"][object] = _by_label((p.label, p.name) for p in properties)
            facts["options"][object] = {
                p.name: _by_label((o.label, o.value) for o in _ordered(p.options)) for p in properties if p.options
            }
            if object == "contacts":
                facts["stages"] = self._order = self.stages(properties)
        return facts

    def _owners(self) -> dict[str, str]:
        owners: dict[str, str] = {}
        query: dict[str, Any] = {"limit": 100}
        with suppress(AuthError):  # a scope of its own, and not every mapping needs it; `check` tells
            while True:
                answer = self._wire.ask("GET", self._wire.paths.owners, params=query)
                owners |= {str(o["id"]): o["email"] for o in answer.get("results") or [] if o.get("email")}
                following = (answer.get("paging") or {}).get("next")
                if not following:
                    break
                query["after"] = following["after"]
        return owners

    # --- health ------------------------------------------------------------------------------------------------

    def check(self, mapping: FieldMapping | None) -> Health:
        account = self._wire.account()
        problems: list[str] = []
        warnings: list[str] = []

        def may(ask: Callable[[], Any]) -> Any:
            try:
                return ask()
            except AuthError as error:
                if error.code != "SB-HUBSPOT-SCOPES":
                    raise
                problems.append(f"{error}. {error.hint}")
                return None

        may(lambda: self._wire.ask("GET", self._wire.objects("contacts"), params={"limit": 1}))
        names = {p.name: p for p in may(lambda: self.properties("contacts")) or ()}
        if "salesforcecontactid" in names:
            warnings.append(
                "HubSpot's own Salesforce integration is connected to this account: two programs would sync the same "
                "people. Turn one of them off, or leave out the fields that it keeps."
            )
        if mapping is not None and names:
            key = (mapping.field("external_id") or "").removeprefix("properties.")
            if key not in names:
                problems.append("The account has no property for our key. Run `stagebridge provision`.")
            elif not names[key].has_unique_value:
                problems.append(f"The property {key} is not unique. Delete it and run `stagebridge provision`.")
            if mapping.field("owner") is not None:
                may(lambda: self._wire.ask("GET", self._wire.paths.owners, params={"limit": 1}))
        self._check_consent(may, problems)
        return Health(
            f"HubSpot {account.get('portalId')} ({account.get('accountType')}, {account.get('timeZone')})",
            tuple(problems), tuple(warnings), self._limits(),
        )  # fmt: skip

    def _check_consent(self, may: Callable[[Callable[[], Any]], Any], problems: list[str]) -> None:
        wanted = self._wire.settings.email_subscription
        if wanted is None:
            return
        answer = may(lambda: self._wire.ask("GET", self._wire.paths.preferences + "/definitions"))
        if answer is None:
            return
        types = {str(d["id"]): d for d in answer.get("results") or []}
        if wanted not in types or not types[wanted].get("isActive", True):
            known = ", ".join(f"{i} ({d.get('name')})" for i, d in types.items() if d.get("isActive", True))
            problems.append(f"email_subscription {wanted} is no active subscription type; there are {known or 'none'}.")

    def _limits(self) -> Mapping[str, Any]:
        with suppress(StagebridgeError):  # OAuth apps have no such figures
            for usage in self._wire.ask("GET", DAILY_USAGE).get("results") or ():
                return {
                    "daily": usage.get("usageLimit"),
                    "used": usage.get("currentUsage"),
                    "resets": usage.get("resetsAt"),
                }
        return {}

    # --- provisioning ------------------------------------------------------------------------------------------

    def provision(self, missing: Sequence[Missing], dry_run: bool) -> list[str]:
        done: list[str] = []
        have = {o: {p.name: p for p in self.properties(o)} for o in {m.object for m in missing}}
        for m in missing:
            there = have[m.object].get(m.name)
            options = {v: n for v, n in m.options.items() if there is None or v not in {o.value for o in there.options}}
            if there is not None and not options:
                done.append(f"{m.object}: the property {m.name} is there already")
            elif there is not None:
                done.append(f"{m.object}: the property {m.name} gets the options {', '.join(options.values())}")
                if not dry_run:
                    self._call("properties", "update", m.object, m.name, {"options": _with(there.options, options)})
            else:
                kind = "unique property" if m.unique else "property"
                done.append(f"{m.object}: a new {kind} '{m.label}' ({m.name})")
                if not dry_run:
                    self._create(m)
        return done

    def _create(self, m: Missing) -> None:
        with suppress(Refused):  # the group is there already; anything else shows on the next line
            self._call("groups", "create", m.object, {"name": GROUP, "label": GROUP})
        kind, form = FORMS.get(m.type, ("string", "text"))
        options = {"true": "Yes", "false": "No"} if m.type == "bool" else m.options
        made = {
            "name": m.name, "label": m.label, "type": kind, "fieldType": form, "groupName": GROUP,
            "hasUniqueValue": m.unique, "options": _with((), options), "description": "Kept by stagebridge.",
        }  # fmt: skip
        self._call("properties", "create", m.object, made)


class Refused(StagebridgeError):
    """HubSpot refused a call of the control plane."""

    default_code = "SB-HUBSPOT-REFUSED"

    def __init__(self, fault: Fault, what: str) -> None:
        super().__init__(f"{what}: {fault.sentence}")


def _ordered(options: Sequence[Any]) -> list[Any]:
    return sorted(options, key=lambda o: -1 if o.display_order is None else o.display_order)


def _with(have: Sequence[Any], more: Mapping[str, str]) -> list[dict[str, Any]]:
    """An option list is replaced whole, so the ones that are there go along."""
    kept = [
        {"label": o.label, "value": o.value, "displayOrder": o.display_order, "hidden": bool(o.hidden)} for o in have
    ]
    last = max((o["displayOrder"] or 0 for o in kept), default=-1)
    return kept + [
        {"label": label, "value": value, "displayOrder": last + i, "hidden": False}
        for i, (value, label) in enumerate(more.items(), 1)
    ]


def _by_label(pairs: Any) -> dict[str, str]:
    """{label: name}. Accounts do have labels twice: then each gets its name added, and the bare label means neither."""
    listed = [(str(label), str(name)) for label, name in pairs]
    labels = [label for label, _ in listed]
    return {(label if labels.count(label) == 1 else f"{label} ({name})"): name for label, name in listed}


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
