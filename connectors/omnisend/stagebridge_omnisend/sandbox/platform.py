"""One Omnisend brand over HTTP: its switches, its faults, what can be put in and seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import unquote

from stagebridge.errors import ConfigError
from stagebridge.sandbox import Answer, Call, Platform, Switch
from stagebridge_omnisend.sandbox import batches, contacts, events, listing, people, tags
from stagebridge_omnisend.sandbox.account import Account, Refusal
from stagebridge_omnisend.sandbox.door import RETRY_AFTER, Door
from stagebridge_omnisend.sandbox.forms import CHANNELS, Errors, Given, read
from stagebridge_omnisend.sandbox.store import Contact
from stagebridge_omnisend.sandbox.times import given

PREFIX = "/api"

ROUTES: Mapping[tuple[str, str], tuple[Callable[..., Answer], str]] = {
    ("GET", "/contacts"): (listing.listing, "contacts.read"),
    ("POST", "/contacts"): (contacts.create, "contacts.write"),
    ("PATCH", "/contacts"): (contacts.change_by_email, "contacts.write"),
    ("POST", "/contacts/tags"): (tags.add, "contacts.write"),
    ("DELETE", "/contacts/tags"): (tags.remove, "contacts.write"),
    ("GET", "/contacts/{id}"): (contacts.get, "contacts.read"),
    ("PATCH", "/contacts/{id}"): (contacts.change, "contacts.write"),
    ("POST", "/batches"): (batches.create, "contacts.write"),
    ("GET", "/batches"): (batches.listing, "contacts.read"),
    ("GET", "/batches/{id}"): (batches.get, "contacts.read"),
    ("GET", "/batches/{id}/items"): (batches.items, "contacts.read"),
    ("POST", "/events"): (events.create, "events.write"),
}
"""By method and path under /api: who answers, and the scope that an OAuth token needs. Nothing deletes a contact."""

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "tags": ("merge", "replace"), "type_change": ("error", "ignore"), "email_change": ("change", "refuse", "ignore"),
    "retry_after": RETRY_AFTER, "item_ids": ("opaque", "position"), "blank_fields": ("shown", "left_out"),
}  # fmt: skip

_PATTERNS = {path: re.compile(re.sub(r"\{id\}", "([^/]+)", path)) for _, path in ROUTES}


class OmnisendSandbox(Platform):
    """Seed: a list of contacts, or any of

        {"contacts": [{"identifiers": […], "firstName", "tags", "customProperties", …, "created_at", "updated_at"}],
         "segments": {segment id: [contact id]},
         "edit": {contact id: {field: value, "customProperties": {name: value or null}, "tags", "email", "phone",
                               "identifiers"}},
         "unsubscribe": {contact id or e-mail: time}, "subscribe": {…}, "remove": [contact id]}

    Contacts have the form of POST /contacts, or `email`, `phone` and one `status` for short; they come in as by a person's
    import: no welcome message is sent. `edit` is a person's merge patch; `unsubscribe` the link in a mail, clicked at a time:
    text with an offset, epoch seconds, or null for now. It answers {"ids": [the contacts', in order]}.

    State: `contacts` as GET shows them; `tag_operations` that were carried out; `events`, once per eventID and time, each
    with how often automations ran for it (`fired`); `welcome_mails`, how many; `batches` by id; `calls` and `refused` (429)
    by endpoint; `identifiers_dropped` and `stale_statuses` (ignored for a later one), how many; `custom_properties`, the
    type of each; `segments`.

    A contact holds one e-mail and one phone here: another one takes its place. `rate_limit` and every `status` are answered
    as problems of RFC 9457.

    Not here: v3 and v5, products, orders, managing segments and definitions of events, the OAuth exchange, automations.
    Omnisend's own lifecycle stage is computed and no field of a contact: there is none.
    """

    name: ClassVar[str] = "omnisend"
    switches: ClassVar[Mapping[str, Switch]] = {
        "api_key": Switch("", "the only key accepted; empty: any"),
        "token": Switch("", "the only OAuth access token accepted; empty: any"),
        "scopes": Switch(None, "scopes of an OAuth token; null: all. A key has all"),
        "versions": Switch(["2026-03-15"], "values of Omnisend-Version that are served; any other is answered 410"),
        "missing_version_status": Switch(400, "without Omnisend-Version; which status is not documented [M]"),
        "limits": Switch(True, "count and refuse"),
        "limits_in_real_time": Switch(False, "count on the machine's clock, to prove a client's pace with scaled numbers"),
        "per_minute": Switch(400, "calls of the brand in any minute, each endpoint by itself [S]"),
        "tags_per_minute": Switch(60, "the same, of adding tags and of removing them [S]"),
        "minute": Switch(60.0, "how long that minute is, in seconds: less, and the numbers are scaled"),
        "retry_after": Switch("sometimes", "whether 429 says retryAfter: 'sometimes' (every other time) [S], 'always', 'never'"),
        "tags_seconds": Switch(1.0, "seconds until accepted tags are there; that it takes some is documented [S], how many is not"),
        "batch_seconds": Switch(2.0, "seconds that a batch takes, half of them waiting; not documented"),
        "index_lag": Switch(0.0, "seconds until the list shows a change; none is documented"),
        "tags": Switch("merge", "what tags of a contact's request do to those it has: 'merge' or 'replace'; not documented [M]"),
        "type_change": Switch("error", "a custom property with another type than it has is an 'error', or 'ignore'd [M]"),
        "strict_property_names": Switch(True, "names of custom properties have letters, digits and underscores only [M]"),
        "case_sensitive_email": Switch(False, "addresses that differ in case are different ones, as of v5 [D]; of 2026-03-15 "
                                              "it is no longer said"),
        "email_change": Switch("change", "PATCH with another, free address: 'change' it, as nothing forbids it any more, 'refuse' "
                                         "it, as v3 did [3], or 'ignore' it"),
        "nothing_created": Switch(200, "POST whose identifiers are all another contact's: the silence is documented [D], the "
                                       "status is not; 200 has an empty object [M]"),
        "one_filter": Switch(True, "the list takes one filter at a time; the specification forbids certain pairs only [S]"),
        "blank_fields": Switch("shown", "a field that was blanked is 'shown' as empty text, as in a recorded contact that others "
                                        "publish, or 'left_out'"),
        "item_ids": Switch("opaque", "itemID of a batch: 'opaque', as in the example of 2026-03-15 [S], or 'position' from 1, as "
                                     "in that of v3 [3]; whose it is says its `request`"),
        "welcome_workflow": Switch(True, "the brand has its welcome automation switched on"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }  # fmt: skip
    faults: ClassVar[tuple[str, ...]] = (
        "edit_before_write", "partial_batch", "expired_token", "normalise", "drop_field", "index_lag", "late_commit",
    )  # fmt: skip

    def reset(self) -> None:
        for name, words in CHOICES.items():
            if self.kit.switches[name] not in words:
                raise ConfigError(f"the switch '{name}' is one of {', '.join(words)}, not '{self.kit.switches[name]}'")
        self.account = Account(self.kit)
        self.store = self.account.store
        self.door = Door(self.account)

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        data = {"contacts": data} if isinstance(data, list) else data
        known = ("contacts", "segments", "edit", "unsubscribe", "subscribe", "remove")
        if strange := sorted(data.keys() - set(known)):
            raise ValueError(f"a seed has no '{strange[0]}', but {', '.join(known)}")
        account = self.account
        account.settle()
        ids = [self._person(dict(row)).id for row in data.get("contacts") or []]
        for segment, members in (data.get("segments") or {}).items():
            self.store.segments[str(segment)] = [self._held(i).id for i in members]
        for id_, values in (data.get("edit") or {}).items():
            people.edit(account, self._held(id_), values, account.now)
        for how in ("unsubscribe", "subscribe"):
            for id_, at in (data.get(how) or {}).items():
                people.click(account, self._held(id_), f"{how}d", given(at, account.now))
        for id_ in data.get("remove") or []:
            self.store.remove(self._held(id_))
        return {"ids": ids}

    def _person(self, row: dict[str, Any]) -> Contact:
        now, errors = self.account.now, Errors()
        updated = given(row.pop("updated_at", None), now)
        created = given(row.pop("created_at", None), min(now, updated))
        status = row.pop("status", None)
        short = [Given(t, people.shortened(row.pop(t)), status) for t in CHANNELS if row.get(t)]
        form = read(row, errors)
        people.refuse(errors)
        form.identifiers = form.identifiers or short
        if not form.identifiers:
            raise ValueError("identifiers: there is none, and no email or phone")
        if self.store.clashes(form, None):
            raise ValueError("another contact has that identifier: no brand holds two of those")
        made = self.store.add(now, created)
        for one in form.identifiers:
            one.welcome = False
        contacts.write(self.account, made, form, updated)
        return made

    def _held(self, id_: str) -> Contact:
        found = self.store.contacts.get(str(id_)) or self.store.find("email", str(id_))
        if found is None:
            raise ValueError(f"there is no contact {id_}")
        return found

    def state(self) -> Any:
        account, store = self.account, self.store
        account.settle()
        return {
            "contacts": [store.shown(c) for c in store.contacts.values()],
            "tag_operations": list(account.tag_operations), "events": list(account.events.values()),
            "welcome_mails": account.welcome_mails,
            "batches": {b.id: b.shown(account.now, items=True) for b in batches.kept(account)},
            "calls": dict(account.calls), "refused": dict(account.refused),
            "identifiers_dropped": store.dropped, "stale_statuses": store.stale, "custom_properties": dict(store.types),
            "segments": dict(store.segments),
        }  # fmt: skip

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        self.account.settle()
        parts = self._place(call)
        if (call.method, call.route) not in ROUTES:
            return self.account.problem(405 if call.route else 404)
        handler, scope = ROUTES[call.method, call.route]
        refused = self.door.refuse(call, scope)
        if refused is not None:
            return refused
        try:
            return handler(self.account, call, *parts)
        except Refusal as refusal:
            return refusal.answer

    def _place(self, call: Call) -> tuple[str, ...]:
        """Only what is there has a route; an id never hides a path of its own."""
        path = call.path.removeprefix(PREFIX)
        for route, pattern in _PATTERNS.items():
            found = pattern.fullmatch(path) if path != call.path else None
            if found is not None:
                call.route, call.endpoint = route, f"{call.method} {route}"
                return tuple(unquote(p) for p in found.groups())
        return ()

    def failure(self, status: int, call: Call) -> Answer:
        self._place(call)
        if status == 429:
            return self.door.limited()
        return self.account.problem(status, "The body is not valid JSON." if status == 400 else "")


__all__ = ["OmnisendSandbox"]
