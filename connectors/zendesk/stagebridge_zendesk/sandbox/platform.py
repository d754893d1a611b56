"""One Zendesk account over HTTP: its switches, its faults, what can be put in and seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from stagebridge.errors import ConfigError
from stagebridge.sandbox import Answer, Call, Platform, Switch
from stagebridge_zendesk.sandbox import routes, users
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Invalid, Refusal, wrong
from stagebridge_zendesk.sandbox.door import PLANS, Door
from stagebridge_zendesk.sandbox.rules import WrongType
from stagebridge_zendesk.sandbox.seeds import KNOWN, Seeds


class ZendeskSandbox(Platform):
    """Seed: a list of users in the form of the API, or any of

        {"users": [{"name", "email", "external_id", "user_fields", …, "created_at", "updated_at"}],
         "user_fields": [{"key", "title", "type", "custom_field_options": [{"name", "value"}]}],
         "organizations": [{"name", "external_id"}],
         "edit": {user id: {attribute: value}},          as by a person: an address takes the old one's place
         "delete": [user id], "erase": [user id], "suspend": [user id], "merge": [loser's id, winner's id],
         "tickets": [{"subject", "requester_id", "status", …, "updated_at"}], "solve": [ticket id], "close": [ticket id],
         "rate": {ticket id: {"score": "good", "comment"}}, "unstick": [job id], "revoke": [token]}

    Seeded people get no mail. It answers {"users", "tickets", "organizations", "user_fields": [their ids, in order], "ids": the
    users'}.

    Its own faults strike a job that the struck request queues; arm them with `path="*_many*"`, lest another request uses them up:

        failed_rows      the `rows` (numbers from 0; all, if none are given) fail with `text` and `error`, and write nothing
        stuck_job        the job stays `phase` queued or working, for `seconds` or until it is seeded `unstick`
        killed_job       it ends as `status` ("killed"; "failed") without results, after `done` rows (half of them)

    Not here: comments, attachments, groups, brands, messaging, the profiles API beyond events, webhooks about anything but
    users, jobs about anything but users.
    """

    name: ClassVar[str] = "zendesk"
    switches: ClassVar[Mapping[str, Switch]] = {
        "subdomain": Switch("sandbox", "the account's"),
        "account_id": Switch(12514403, "the account's number, in webhooks"),
        "plan": Switch("suite_professional", f"what the limits are by: {', '.join(PLANS)}"),
        "high_volume": Switch(False, "the High Volume API add-on"),
        "limits": Switch(True, "count and refuse"),
        "limits_in_real_time": Switch(False, "count on the machine's clock, to prove a client's pace with scaled numbers"),
        "per_minute": Switch(0, "requests of the account in a minute; 0: what the plan has"),
        "minute": Switch(60.0, "how long a minute of the limits is: less, and the numbers are scaled"),
        "second": Switch(1.0, "how long a second of the limits is"),
        "user_writes_per_second": Switch(1, "Update User and Create Or Update User in a second"),
        "user_writes_per_user": Switch(5, "the same of one user in a minute"),
        "exports_per_minute": Switch(10, "incremental exports in a minute, without the add-on"),
        "erasures_per_10_minutes": Switch(700, "permanent deletions"),
        "events_per_minute": Switch(0, "posts of events in a minute; 0: what the plan has"),
        "email": Switch("", "the only address accepted with an API token; empty: any"),
        "token": Switch("", "the only API token accepted; empty: any"),
        "oauth_token": Switch("", "the only OAuth token accepted; empty: any"),
        "role": Switch("admin", "the role of the credentials: an agent is kept from exports, fields, webhooks and from writing users"),
        "anonymous_me": Switch(True, "without credentials users/me answers an anonymous user rather than 401 [M]"),
        "bulk_import": Switch(True, "whether Zendesk switched bulk imports on for the account (by default it has not)"),
        "most_jobs": Switch(30, "jobs that are queued or running at once"),
        "job_queued_seconds": Switch(1.0, "how long a job waits"),
        "job_seconds": Switch(2.0, "how long it works"),
        "job_jitter": Switch(1.0, "how much longer it may work: jobs run in no guaranteed order"),
        "shuffle_rows": Switch(False, "a job's results come in any order"),
        "bogus_ids": Switch(False, "a failed row of a creation has an id, of nobody (a third party saw it)"),
        "tags_enabled": Switch(True, "tags on users are switched on"),
        "field_tags": Switch(True, "what a dropdown, multiselect or checkbox holds is a tag too [M]"),
        "tags_spelt": Switch(True, "tags are kept in lower case, with underscores for blanks [M]"),
        "lowercases_email": Switch(True, "addresses are kept in lower case [M]"),
        "e164_only": Switch(True, "a phone number in another form is refused (a third party saw it)"),
        "old_phone_stays": Switch(False, "a new phone number is one more identity, and the old one stays first (an issue says so)"),
        "error_objects": Switch(False, "every error is an object with a title and a message, as some are"),
        "details_as": Switch("list", "what is wrong with an attribute is a 'list' (recorded), or a 'dict' (a third party saw it)"),
        "recent_start_status": Switch(422, "what an export answers that is to start within the last minute: 422 or 400"),
        "erased_in_export": Switch(False, "people who were deleted for good stay in the export, without anything of theirs [M]"),
        "search_by_any_address": Switch(True, "a search by e-mail finds users by their further addresses too [M]"),
        "index_lag": Switch(0.0, "seconds until search shows a change; nothing is documented"),
        "events_api": Switch(True, "the Events API is switched on"),
        "subscriptions": Switch([], "events of a webhook that is there from the start: user.created, user.custom_field_changed …"),
        "webhook_secret": Switch("", "signs the webhooks; empty: a random one for each"),
        "hook_retries": Switch(0, "how often a webhook that was not accepted comes again (409, 429, 503 and time-outs may [M])"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }  # fmt: skip
    faults: ClassVar[tuple[str, ...]] = (
        "edit_before_write", "normalise", "drop_field", "partial_batch", "index_lag", "late_commit", "expired_token",
        "duplicate_hooks", "reorder_hooks", "failed_rows", "stuck_job", "killed_job",
    )  # fmt: skip

    def reset(self) -> None:
        switches = self.kit.switches
        for name, known in (("plan", tuple(PLANS)), ("role", ("admin", "agent")), ("details_as", ("list", "dict"))):
            if switches[name] not in known:
                raise ConfigError(f"the switch '{name}' is one of {', '.join(known)}, not '{switches[name]}'")
        self.account = Account(self.kit)
        self.door = Door(self.account)
        self.calls: Counter[str] = Counter()

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        data = {"users": data} if isinstance(data, list) else data
        if strange := sorted(data.keys() - set(KNOWN)):
            raise ValueError(f"a seed has no '{strange[0]}', but {', '.join(KNOWN)}")
        self._present()
        try:
            return Seeds(self.account).plant(data)
        except Invalid as invalid:
            raise ValueError(str(invalid)) from None
        except WrongType as wrong:
            raise ValueError(f"'{wrong}' has a value that it cannot have") from None

    def state(self) -> Any:
        self._present()
        account, people = self.account, self.account.people
        refused = self.door.refused + Counter({"inflight-jobs": account.jobs.refused})
        return {
            "users": [
                {**people.shown(u, ""), "deleted": not u.active, "erased": bool(u.erased), "merged_into": u.merged_into}
                for u in people.held.values()
            ],
            "identities": [i.shown(u.id, "") for u in people.held.values() for i in u.identities],
            "organizations": [o.shown("") for o in account.organizations.held.values()],
            "user_fields": [f.shown("") for f in account.fields.held.values()],
            "jobs": [j.shown("") for j in account.jobs.held.values()],
            "tickets": [t.shown("") for t in account.tickets.held.values()],
            "events": [
                {**e.shown(), "user_id": e.profile.user_id, "profile": e.profile.shown()} for e in account.profiles.events
            ],
            "webhooks": [w.shown() for w in account.hooks.held.values()],
            "hooks_due": len(account.hooks.due), "hooks_given_up": account.hooks.given_up,
            "mails_sent": list(people.mails), "ignored": dict(people.ignored),
            "calls": dict(self.calls), "refused": {k: v for k, v in refused.items() if v},
        }  # fmt: skip

    def hooks(self, url: str) -> list[dict[str, Any]]:
        self._present()
        return self.account.hooks.take(url, self.kit.now().timestamp())

    def undelivered(self, request: dict[str, Any]) -> None:
        self.account.hooks.again(request, self.kit.now().timestamp())

    def _present(self) -> None:
        """Everything that is due by now has happened."""
        self.account.conditions()
        self.account.jobs.settle()

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        self._present()
        place, errors = routes.place(call), self.account.errors
        if place is None:
            return errors.no_such_route()
        call.route = call.endpoint = place.route
        if place.route == "/users/me" and "authorization" not in call.headers and self.account.switches["anonymous_me"]:
            return users.anonymous(self.account)
        answer = self.door.refuse(call, place.needs)
        if answer is None:
            answer = self._run(place, call)
            if answer.status != 429:
                self.calls[f"{call.method} {place.route}"] += 1
        if answer.status != 401:
            answer.headers = {**self.door.headers(), **answer.headers}
        return answer

    def _run(self, place: routes.Place, call: Call) -> Answer:
        try:
            return place.handler(self.account, self.door, call, *place.parts)
        except Refusal as refusal:
            return refusal.answer
        except Invalid as invalid:
            return self.account.errors.record(invalid.details)
        except WrongType as wrong_type:
            return self.account.errors.attribute(str(wrong_type))

    def failure(self, status: int, call: Call) -> Answer:
        place, errors = routes.place(call), self.account.errors
        if place is not None:
            call.route = call.endpoint = place.route
        match status:
            case 401:
                return errors.text(401, "Couldn't authenticate you")
            case 403:
                return errors.forbidden()
            case 404:
                return errors.not_found()
            case 409:
                return errors.text(409, "Conflict", "Another request with this key is still being worked on")
            case 422:
                return errors.record(wrong("base", "InvalidValue", "Record: is invalid"))
            case 429:
                if any(f.values.get("policy") == "jobs" for f in call.faults):
                    return errors.text(
                        429, "TooManyJobs", "Too many jobs are currently queued or running.", current_job_ids=[]
                    )
                return self.door.limited("", 60, counted=False)
            case 503:
                return Answer(503, errors.text(503, "ServiceUnavailable").body, {"Retry-After": "30"})
            case _ if status >= 500:
                return errors.text(status, "InternalServerError", "Something went wrong")
        return errors.titled(status, "Invalid attribute", "The request could not be read")
