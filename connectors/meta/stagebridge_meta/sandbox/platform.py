"""Meta's Graph over HTTP: its switches, its faults, what can be put in and seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from stagebridge.sandbox import Answer, Call, Fault, Platform, Switch
from stagebridge_meta.sandbox import events, leads, nodes
from stagebridge_meta.sandbox.account import Account
from stagebridge_meta.sandbox.counting import iso
from stagebridge_meta.sandbox.door import Token
from stagebridge_meta.sandbox.errors import GraphError, trace_id, unknown_object
from stagebridge_meta.sandbox.params import Params

VERSION = re.compile(r"v\d+\.\d+\Z")

SORRY = "<html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>"


class MetaSandbox(Platform):
    """Seed: any of

        {"datasets": [{"id", "name", "instagram_accounts": [id], "ready_after": seconds}],
         "tokens": {text: {"scopes": [...], "assets": [id], "page": id, "expires_at", "problem": 460 or 467, "language",
                    "app_secret"}},
         "pages": [{"id", "name", "subscribed": true, "token"}],     also "whatsapp_accounts" and "instagram_accounts"
         "forms": [{"id", "page_id", "name", "status", "questions": [...]}],
         "leads": [{"id", "form_id", "ad_id", "created_at", "fields": {question: answer or answers}, "campaign_id", "platform",
                   "is_organic", "hook": {more of what the webhook says}}],
         "delete_leads": [id],
         "people": [{"em", "ph", "fn", "external_id", "fbp", …}],    plain, as Meta's rules would have normalised them
         "pixel": [{"dataset", "event_name", "event_id", "user_data", "at"}]}   what browsers reported by themselves

    Ids are made up where none are given; a time is ISO 8601 with a zone, or epoch seconds. A page tells of its leads only
    when the app has subscribed to it (`subscribed`, or POST /{page}/subscribed_apps). It answers {"ids": {kind: [id, …]}}.

    What is not seeded is open: while there are no `tokens` any is good, while there are no `datasets` every number is one
    that nothing else has, and while there are no `people` whoever is named well enough counts as matched.

    State: by dataset what Meta would count (`counted`, `totals`), what it took for the same event (`duplicates`), what it
    set aside (`discarded`), what came with a test code (`test_events`, counted all the same), and how well it knew whom
    (`matching`); `rejected` requests by code; leads, tokens, webhooks.

    Sources in the switches: [D] Meta's documentation, [S] its source code, [L] somebody's dated observation of the live API,
    [3] a third party's code, [M] memory.

    Not here: ads, audiences, the dataset quality API, batch requests, field expansion.
    """

    name: ClassVar[str] = "meta"
    switches: ClassVar[Mapping[str, Switch]] = {
        "language": Switch("en_US", "of the token's owner, in which titles of errors come: en_US, de_DE or fr_FR [L]"),
        "blame": Switch("field", "how error_data names what is wrong: 'field', 'index' (with the event's place), 'text' (JSON in a "
                                 "string [S]) or 'none'; not one form is verified for events, and [L] saw none"),
        "newest_version": Switch("26.0", "later versions are unknown paths [D]"),
        "oldest_version": Switch("24.0", "earlier versions are refused with 2635 [M]"),
        "unversioned": Switch(True, "a path without a version is served, with the app's own [M]"),
        "gzip": Switch(False, "compressed bodies are read; nobody knows whether Meta does"),
        "numbers_as_text": Switch(True, "a number written as text is taken for one; some SDKs send `value` so [3]"),
        "future_seconds": Switch(60.0, "how far an event may lie ahead; no number is documented, one integration allows this [3]"),
        "name_length": Switch(50, "characters of an event's name, 0 for any [M]"),
        "partner_agent_length": Switch(23, "characters of partner_agent, 0 for any [M]"),
        "website_needs": Switch(["event_source_url"], "what a website event is refused without; client_user_agent is documented too "
                                                      "[D], and not insisted on [L]"),
        "refuse_unhashed": Switch(False, "a hashed key that is no SHA-256 refuses the request (nobody knows); else it is taken and "
                                         "matches nobody, as a wrong hash does"),
        "discard_before_lead": Switch(True, "an event that is not later than its lead does not count ('may be discarded' [D])"),
        "dataset_ready_after": Switch(0.0, "seconds until a dataset made by POST /{page}/dataset takes events; 21009 before [3]"),
        "app_id": Switch("100000000000001", "of the app"),
        "app_secret": Switch("sandbox-secret", "signs webhooks and proofs; a wrong appsecret_proof is refused [M]"),
        "require_proof": Switch(False, "the app insists on appsecret_proof [D]"),
        "business_id": Switch("200000000000001", "of the business, in the headers about limits"),
        "calls": Switch(0, "calls about one dataset in `calls_seconds`, 0 for any number: the API has no limit of its own [D]"),
        "calls_seconds": Switch(3600.0, "the window of `calls`"),
        "throttle_code": Switch(80004, "what `calls` is refused with: it counts as a Marketing API call [D]"),
        "throttle_status": Switch(400, "HTTP status of throttles [M]"),
        "regain_minutes": Switch(5, "estimated_time_to_regain_access of a throttle that a fault asks for"),
        "limits_in_real_time": Switch(False, "count on the machine's clock, to prove a client's pace with scaled numbers"),
        "lead_days": Switch(90.0, "days that a lead can be retrieved [M]"),
        "page_rows": Switch(500, "the most rows of a page, whatever `limit` says [M]"),
        "next_has_token": Switch(True, "paging.next carries the access token [M]"),
        "hook_ids_as_text": Switch(True, "ids in webhooks are text; the documentation's example has numbers [M]"),
        "hook_hours": Switch(36.0, "hours in which a webhook that is not accepted is tried again [M]"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }  # fmt: skip
    faults: ClassVar[tuple[str, ...]] = (
        "error", "page", "no_messages", "warning", "short_count", "expired_token", "duplicate_hooks", "reorder_hooks",
    )  # fmt: skip
    """Its own, beside those that platforms share:

        error         `code`, `subcode`, `status`, `transient`, `message`: any error of Graph's, nothing happens
        page          an answer that is not Graph's: `status` (500), `text` (an HTML page); `after`: true if it happens first
        no_messages   it happens, and the answer has no `messages`
        warning       it happens, and `messages` holds `text`
        short_count   only `received` events (0) are processed, and the answer says so with 200
    """

    def reset(self) -> None:
        self.account = Account(self.kit)
        self.account.door.language(None)
        self.rejected: Counter[str] = Counter()

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        account = self.account
        lists = {
            "datasets": account.add_dataset, "pages": lambda s: account.add_page(s, "page"),
            "whatsapp_accounts": lambda s: account.add_page(s, "whatsapp"),
            "instagram_accounts": lambda s: account.add_page(s, "instagram"), "forms": account.add_form, "leads": account.add_lead,
        }  # fmt: skip
        known = (*lists, "tokens", "delete_leads", "people", "pixel")
        if strange := sorted(data.keys() - set(known)):
            raise ValueError(f"a seed has no '{strange[0]}', but {', '.join(known)}")
        for text, said in (data.get("tokens") or {}).items():
            account.door.issue(str(text), said)
        for person in data.get("people") or []:
            account.people.add(person)
        ids = {kind: [add(said) for said in data.get(kind) or []] for kind, add in lists.items()}
        for id_ in data.get("delete_leads") or []:
            del account.leads[str(id_)]
        for said in data.get("pixel") or []:
            account.add_pixel(said)
        return {"ids": {kind: made for kind, made in ids.items() if made}}

    def state(self) -> Any:
        account, door = self.account, self.account.door
        return {
            "datasets": {d.id: d.state() for d in account.datasets.values()},
            "rejected": dict(self.rejected),
            "pages": [{"id": p.id, "name": p.name, "kind": p.kind, "subscribed": p.subscribed, "dataset": p.dataset or None}
                      for p in account.pages.values()],
            "forms": [{"id": f.id, "page_id": f.page, "name": f.name, "status": f.status} for f in account.forms.values()],
            "leads": [{**nodes.lead_values(lead), "created_at": iso(lead.created)} for lead in account.live_leads()],
            "tokens": {t.text: {"good": door.wrong(t) is None, "expires_at": t.expires_at, "page": t.page or None}
                       for t in door.tokens.values()},
            "token_places": dict(door.came_in),
            "hooks_due": len(account.hooks.due), "hooks_given_up": account.hooks.given_up,
        }  # fmt: skip

    def hooks(self, url: str) -> list[dict[str, Any]]:
        return self.account.hooks.take(url)

    def undelivered(self, request: dict[str, Any]) -> None:
        self.account.hooks.again(request)

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        struck = {f.kind: f for f in call.faults}
        version, parts = _place(call)
        page = struck.get("page")
        if page is not None and not page.values.get("after"):
            return _page(page)
        params = Params(call, unzips=self.kit.switches["gzip"])
        token = self.account.door.token(call, params)
        try:
            if "error" in struck:
                raise _asked_for(struck["error"])
            self._serve(version, call)
            answer = self._run(call, self.account.door.admit(call, token, params), params, parts)
        except GraphError as error:
            self.rejected[error.name] += 1
            answer = self._refusal(error, token)
        said = {"facebook-api-version": f"v{version or self._newest}", **self.account.door.headers(call.endpoint)}
        answer.headers = {**said, **answer.headers}
        return answer if page is None or answer.status != 200 else _page(page)

    @property
    def _newest(self) -> str:
        return str(self.kit.switches["newest_version"])

    def _refusal(self, error: GraphError, token: Token | None) -> Answer:
        return error.answer(
            self.account.door.language(token), str(self.kit.switches["blame"]), trace_id(self.kit.random)
        )

    def _serve(self, version: str, call: Call) -> None:
        """Raises `GraphError` for a version that is not there yet, or no more."""
        if not version and self.kit.switches["unversioned"]:
            return
        if not version or _numbers(version) > _numbers(self._newest):
            raise GraphError(2500, f"Unknown path components: {call.path}")
        if _numbers(version) < _numbers(str(self.kit.switches["oldest_version"])):
            raise GraphError(
                2635, f"(#2635) You are calling a deprecated version of the API. Please update to v{self._newest}."
            )

    def _run(self, call: Call, token: Token, params: Params, parts: list[str]) -> Answer:
        match (call.method, parts):
            case ("GET", ["me"]):
                return nodes.me(self.account, token, params)
            case ("GET", ["me", "accounts"]):
                return nodes.my_pages(self.account, token)
            case ("GET", ["me", "permissions"]):
                return nodes.permissions(token)
            case ("GET", ["debug_token"]):
                return nodes.debug_token(self.account, params)
            case (_, [id_, *edge]) if id_.isdigit() and len(edge) < 2:
                if not self.account.door.may_touch(token, self.account.family(id_)):
                    raise unknown_object(call.method, id_)
                return self._object(call, token, params, id_, edge[0] if edge else "")
        raise GraphError(2500, f"Unknown path components: {call.path}")

    def _object(self, call: Call, token: Token, params: Params, id_: str, edge: str) -> Answer:
        account = self.account
        page = account.pages.get(id_)
        match (call.method, edge):
            case ("POST", "events"):
                return events.receive(account, call, token, params, id_)
            case ("GET", "leads"):
                return leads.listing(account, call, token, params, id_)
            case ("GET" | "DELETE", "") if id_ in account.leads:
                return leads.one(account, token, params, account.leads[id_], call.method)
            case ("GET", ""):
                return nodes.node(account, token, params, id_)
            case ("GET" | "POST", "dataset") if page is not None:
                return nodes.dataset_edge(account, page, call.method)
            case ("GET", "leadgen_forms") if page is not None:
                return leads.forms(account, call, token, params, page)
            case ("GET" | "POST" | "DELETE", "subscribed_apps") if page is not None:
                return nodes.subscribed_apps(account, token, params, page, call.method)
        raise unknown_object(call.method, id_)

    # --- faults ------------------------------------------------------------------------------------------------

    def failure(self, status: int, call: Call) -> Answer:
        _place(call)
        limit = next((f for f in call.faults if f.kind == "rate_limit"), None)
        if limit is not None:
            return self._failed(self.account.door.throttled(int(limit.values.get("policy", 4))))
        match status:
            case 401:
                return self._failed(GraphError(190, subcode=463))
            case 403:
                return self._failed(GraphError(200))
            case 429:
                return self._failed(GraphError(4, status=429))
            case 502:
                return Answer(502, b"", {"Content-Type": "text/html"})
            case 500:
                return self._failed(GraphError(1))
            case _ if status > 500:
                return self._failed(GraphError(2, status=status))
        return self._failed(GraphError(100, status=status))

    def _failed(self, error: GraphError) -> Answer:
        return self._refusal(error, None)


def _place(call: Call) -> tuple[str, list[str]]:
    """The version of a path, and its other parts; says which route that is."""
    version, *parts = [s for s in call.segments if s] or [""]
    if not VERSION.match(version):
        version, parts = "", [version, *parts]
    call.route = "/" + "/".join("{id}" if p.isdigit() else p for p in parts)
    call.endpoint = parts[-1] if parts and parts[-1] in ("events", "leads") else "graph"
    return version.removeprefix("v"), parts


def _numbers(version: str) -> list[int]:
    return [int(n) for n in version.split(".")]


def _asked_for(fault: Fault) -> GraphError:
    said = fault.values
    return GraphError(
        int(said.get("code", 1)), str(said.get("message", "")), subcode=int(said.get("subcode", 0)),
        status=int(said.get("status", 0)), transient=said.get("transient"),
    )  # fmt: skip


def _page(fault: Fault) -> Answer:
    text = str(fault.values.get("text", SORRY))
    return Answer(int(fault.values.get("status", 500)), text.encode(), {"Content-Type": "text/html"})
