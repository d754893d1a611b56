"""One TikTok ads account over HTTP: its switches, its faults, what can be put in and seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from stagebridge.errors import ConfigError
from stagebridge.sandbox import Answer, Call, Platform, Switch
from stagebridge_tiktok.sandbox import event_sets, subscriptions, track
from stagebridge_tiktok.sandbox.account import LIMITED, Account, Refusal, seconds
from stagebridge_tiktok.sandbox.door import Door
from stagebridge_tiktok.sandbox.leads import IDS
from stagebridge_tiktok.sandbox.names import current

PREFIX = "/open_api/v1.3/"

ROUTES: Mapping[tuple[str, str], tuple[Callable[[Account, Door, Call], Answer], bool]] = {
    ("POST", "event/track/"): (track.track, True),
    ("GET", "crm/list/"): (event_sets.listing, True),
    ("POST", "crm/create/"): (event_sets.create, True),
    ("POST", "subscription/subscribe/"): (subscriptions.subscribe, False),
    ("GET", "subscription/get/"): (subscriptions.listing, False),
    ("POST", "subscription/unsubscribe/"): (subscriptions.unsubscribe, False),
}
"""By method and path; whether an `Access-Token` is asked for. Anything else is not there, a path without its last slash too."""

CHOICES = {
    "untimely_events": ("drop", "refuse", "count"), "raw_pii": ("refuse", "ignore"), "hook_signature": ("escaped", "raw"),
}  # fmt: skip

NGINX = b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"


class TikTokSandbox(Platform):
    """Seed: any of

        {"sources": [{"id", "event_source": web | app | offline | crm, "name"}],   an app here is one on TikTok's allow-list
         "tokens": {token: [source ids]},        from then on no other token is known
         "revoke": [token], "expire": [token],
         "leads": [{"answers": {field: value}, "id", "create_time", "lead_source", "page_id", "advertiser_id", …}],
         "seen": [{"event_source_id", "event", "event_id", "by": "pixel" | "csv", "at", "user", "properties"}]}

    A lead's ids are text or numbers, made up where they are left out; times are ISO 8601 or epoch seconds; `seen` is what
    came in without us. It answers {"leads": [ids as text, in order]}.

    State: `sources` by id, each with what TikTok would count (`counted`, each event once), `duplicates`, `test_events`,
    `dropped` (accepted and lost, with why), `ignored` (fields without effect, and how often), `unknown_leads` and
    `partner_names`; `leads`, `leads_due`, `leads_given_up`; `subscriptions`.

    A fault's `status` is a TikTok code (40100), or an HTTP status: 401, 403, 429 and 500 are answered as 40105, 40001,
    40100 and 50000, any above 500 by nginx. `rate_limit` has the `policy` 40100, 40016, 40132 or 40133. `partial_batch`
    answers 20001 and loses every other event. `empty_body` answers 200 with nothing in it, after the work was done.

    Not here: reports, the OAuth exchange, Events API 1.0 (`pixel/…`, `offline/…`, `app/…`), reading leads, and messaging
    events, for which no public form exists.
    """

    name: ClassVar[str] = "tiktok"
    switches: ClassVar[Mapping[str, Switch]] = {
        "token": Switch("", "the only Access-Token accepted; empty: any that does not begin with 'Bearer '"),
        "web_source": Switch("CSANDBOXPIXEL0000001", "the pixel's code"),
        "offline_source": Switch("7100000000000000101", "id of the offline event set"),
        "crm_source": Switch("7100000000000000201", "id of the CRM event set"),
        "advertiser_id": Switch("7100000000000000001", "the advertiser's id"),
        "app_id": Switch("7100000000000000301", "id of the app that subscribes to leads"),
        "app_secret": Switch("sandbox-secret", "the app's secret, which signs webhooks"),
        "http_statuses": Switch(False, "HTTP is 200 whatever the code [D]; true: 401 with token and permission codes, 400 with "
                                       "40002, as third parties saw of event/track in 2026 [3]"),
        "missing_token_code": Switch(40105, "without Access-Token; 40104 is said to mean 'empty' [3]"),
        "names_the_event": Switch(True, "40002 says Batch.N.path: why, seen of the older batch endpoint [3]; false: it names nothing"),
        "web_needs_url": Switch(True, "page.url is required of web events [D]; TikTok's own example leaves it out"),
        "crm_needs_lead_id": Switch(True, "lead.lead_id is required of CRM events [D]; false: a hashed e-mail or phone will do, "
                                          "as the help centre says [D]"),
        "crm_standard_events": Switch(True, "CRM events may have standard names, as the help centre says [D]; false: custom "
                                            "ones only, as the reference says [D]"),
        "raw_pii": Switch("refuse", "what is not hashed: 'refuse' the request, or 'ignore' the field; hashing is required, what "
                                    "happens otherwise is not documented [3]"),
        "hashed_names": Switch(True, "first_name, last_name and zip_code are hashed [3]; false: plain"),
        "currencies": Switch([], "the currencies accepted; the fixed list of about 60 [D] is not at hand: empty, any three "
                                 "capital letters"),
        "untimely_events": Switch("drop", "events too old or a day ahead are accepted and lost ('drop'), refused with 40002 "
                                          "('refuse'), or counted ('count'); nothing is documented"),
        "oldest_web_days": Switch(7.0, "age of web and app events at most, as vendors have it [3]"),
        "oldest_offline_days": Switch(28.0, "age of offline and CRM events at most, the longest attribution window [3]"),
        "per_second": Switch(0, "requests in one second, 0 for no limit: none is documented, 10 in the Marketing API's basic tier [M]"),
        "per_day": Switch(0, "requests from midnight to midnight in UTC, 0 for no limit: none is documented"),
        "limit_code": Switch(40100, "code of a limit: 40100, 40016, 40132 or 40133; which is whose is not documented [3]"),
        "limits_in_real_time": Switch(False, "count on the machine's clock, to prove a client's pace with scaled numbers"),
        "hook_signature": Switch("escaped", "webhooks are signed over the body with what is not ASCII 'escaped', which has one "
                                            "source only [3], or over the 'raw' body, as a sister platform has it [3]"),
        "other_ids_as_text": Switch(False, "in webhooks the lead's id is a number [3]; of the other ids it is not said: true, text"),
        "leads_per_hook": Switch(5, "leads of one webhook request at most; not documented"),
        "leads_need_subscription": Switch(False, "send leads only to a callback_url that was subscribed, while its token is good"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }  # fmt: skip
    faults: ClassVar[tuple[str, ...]] = (
        "partial_batch", "empty_body", "expired_token", "duplicate_hooks", "reorder_hooks",
    )  # fmt: skip

    def reset(self) -> None:
        for name, words in CHOICES.items():
            if self.kit.switches[name] not in words:
                raise ConfigError(f"the switch '{name}' is one of {', '.join(words)}, not '{self.kit.switches[name]}'")
        self.account = Account(self.kit)
        self.door = Door(self.account)

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        known = ("sources", "tokens", "revoke", "expire", "leads", "seen")
        if strange := sorted(data.keys() - set(known)):
            raise ValueError(f"a seed has no '{strange[0]}', but {', '.join(known)}")
        account = self.account
        for source in data.get("sources") or []:
            account.add_source(str(source["id"]), source["event_source"], source.get("name", ""))
        account.tokens.update(data.get("tokens") or {})
        account.dead.update(dict.fromkeys(data.get("revoke") or [], 40105))
        account.dead.update(dict.fromkeys(data.get("expire") or [], 40102))
        for event in data.get("seen") or []:
            self._seen(dict(event))
        return {"leads": [self._lead(dict(lead)) for lead in data.get("leads") or []]}

    def _seen(self, event: dict[str, Any]) -> None:
        source = self.account.sources[str(event.pop("event_source_id"))]
        channel, at = event.pop("by", "pixel"), seconds(event.pop("at", self.account.now))
        event = {**event, "event": current(event["event"]), "event_time": int(event.get("event_time", at))}
        source.count(event, channel, at)

    def _lead(self, lead: dict[str, Any]) -> str:
        account = self.account
        answers, id_ = lead.pop("answers", {}), int(lead.pop("id", account.id()))
        created = int(seconds(lead.pop("create_time", account.now)))
        values: dict[str, Any] = {name: int(lead.pop(name, account.id())) for name in IDS if name != "advertiser_id"}
        values["advertiser_id"] = int(lead.pop("advertiser_id", account.switches["advertiser_id"]))
        values |= {"create_time": created, "lead_source": lead.pop("lead_source", "INSTANT_FORM")}
        if lead:
            raise ValueError(f"a lead has no '{min(lead)}'")
        values["changes"] = [{"field": name, "value": value} for name, value in answers.items()]
        account.leads.add(id_, values)
        return str(id_)

    def state(self) -> Any:
        account, leads = self.account, self.account.leads
        return {
            "sources": {id_: source.shown() for id_, source in account.sources.items()},
            "leads": [{"id": i, "answers": {c["field"]: c["value"] for c in lead.values["changes"]}}
                      for i, lead in leads.held.items() if leads.kept(lead)],
            "leads_due": len(leads.waiting()), "leads_given_up": sum(lead.given_up for lead in leads.held.values()),
            "subscriptions": [s["callback_url"] for s in subscriptions.living(account)],
        }  # fmt: skip

    def hooks(self, url: str) -> list[dict[str, Any]]:
        return self.account.leads.take(url, lambda lead: subscriptions.wanted(self.account, url, lead))

    def undelivered(self, request: dict[str, Any]) -> None:
        self.account.leads.again(request)

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        self._place(call)
        handler, with_token = ROUTES.get((call.method, call.route), (None, False))
        if handler is None:
            return _nowhere()
        try:
            if with_token:
                self.door.let_in(call)
            answer = handler(self.account, self.door, call)
        except Refusal as refusal:
            answer = self.account.answer(refusal.code, refusal.message)
        return Answer(200, b"") if any(f.kind == "empty_body" for f in call.faults) else answer

    def failure(self, status: int, call: Call) -> Answer:
        self._place(call)
        if status > 999:
            return self.account.answer(status)
        if status == 404:
            return _nowhere()
        if status > 500:
            return Answer(status, NGINX % (status, status), {"Content-Type": "text/html"})
        if status == 429:
            asked = next((int(f.values["policy"]) for f in call.faults if "policy" in f.values), LIMITED[0])
            return self.account.answer(asked if asked in LIMITED else LIMITED[0])
        return self.account.answer({401: 40105, 403: 40001, 500: 50000}.get(status, 40002))

    def _place(self, call: Call) -> None:
        """Only what is there has a route; the log shows the path of all else."""
        path = call.path.removeprefix(PREFIX)
        if path != call.path and (call.method, path) in ROUTES:
            call.route, call.endpoint = path, "default"


def _nowhere() -> Answer:
    return Answer(404, b"404 page not found", {"Content-Type": "text/plain"})


__all__ = ["TikTokSandbox"]
