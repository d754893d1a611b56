"""Connectors with one defect each, and the check of the conformance suite that must find it. Run by `test_it_can_fail.py`, in a
process of its own in which acme is installed."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import requests
from pydantic import ConfigDict
from stagebridge_acme import Acme, AcmeSettings

from conformance.benches import HubSpotBench, SalesforceBench, ZapierBench, ZendeskBench
from stagebridge.connector import (
    Capabilities,
    Conflict,
    Connector,
    ConnectorSettings,
    Done,
    Draft,
    Entry,
    EventPage,
    Health,
    Hint,
    HookRequest,
    Outcome,
    Page,
    Record,
    Rejected,
    Retry,
    Stage,
    Unknown,
    Webhooks,
)
from stagebridge.endpoint import Answer, Closed, Endpoint, Later, Refused, Taken, Verdict
from stagebridge.errors import AuthError, BatchRefused, PlatformDown, StagebridgeError
from stagebridge.event import ConversionEvent
from stagebridge.http import RetryPolicy
from stagebridge.testing import Bench, checks_of, conformance
from stagebridge_hubspot import HubSpot
from stagebridge_salesforce import Salesforce
from stagebridge_zapier import Zapier
from stagebridge_zendesk import Zendesk


def _bench_of_acme() -> type[Bench]:
    """From where its author keeps it, which is no package."""
    path = Path(__file__).parents[1] / "outsider" / "tests" / "test_acme.py"
    spec = importlib.util.spec_from_file_location("test_acme", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[Bench] = module.AcmeBench
    return found


AcmeBench = _bench_of_acme()
FOUND_BY: dict[str, str] = {}
"""{class: the check that must fail}."""


def breaks(check: str, bench: type[Bench] = AcmeBench) -> Callable[[type[Connector]], type[Connector]]:
    """Try this connector with that one check."""

    def tried(connector: type[Connector]) -> type[Connector]:
        whole = conformance(connector, sandbox=bench)
        others = {c.name: None for c in checks_of(connector) if c.name != check}
        name = f"Test{connector.__name__}"
        assert name not in FOUND_BY, name
        assert check in {c.name for c in checks_of(connector)}, check
        globals()[name] = type(name, (whole,), others)
        FOUND_BY[name] = check
        return connector

    return tried


def declared(**changes: Any) -> Capabilities:
    return replace(Acme.capabilities, **changes)


# --- the account -----------------------------------------------------------------------------------------------


@breaks("test_an_account_in_order_has_no_problems_and_a_name")
class AlwaysIll(Acme):
    def check(self) -> Health:
        return Health("acme", problems=("something",))


@breaks("test_its_mapping_keeps_the_laws")
class AnotherPlatformsMapping(Acme):
    @property
    def default_mapping(self) -> str:
        return "file"


@breaks("test_a_verb_that_it_does_not_have_says_so")
class SilentlyWithoutLoad(Acme):
    def load(self, batch: Sequence[Entry]) -> list[Outcome]:
        return []


class _Open(AcmeSettings):
    model_config = ConfigDict(extra="ignore")


@breaks("test_a_setting_that_it_does_not_know_is_refused")
class TakesAnySetting(Acme):
    Settings = _Open


@breaks("test_its_codes_explain_themselves_and_its_example_names_the_platform")
class StrayCode(Acme):
    codes: ClassVar[Mapping[str, tuple[str, str]]] = {"SB-OTHER-THING": ("what", "remedy")}


# --- reading ---------------------------------------------------------------------------------------------------


@breaks("test_a_full_read_brings_everybody_once_and_says_at_its_end_what_it_covers")
class ForgetsTheLastOfAPage(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        for page in super().read(object, since):
            yield replace(page, records=page.records[:-1])


@breaks("test_a_read_goes_on_after_any_page_in_another_process")
class CursorRunsAhead(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        for page in super().read(object, since):
            yield replace(page, cursor={"after": page.cursor["after"] + 1})


@breaks("test_a_fetch_is_by_id_and_leaves_out_what_is_no_more")
class FetchInventsPeople(Acme):
    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        return {i: Record("people", i, {"email": "x@example.com"}) for i in ids}


@breaks("test_a_whole_batch_of_ids_is_fetched")
class FetchesTen(Acme):
    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        return super().fetch(object, ids[:10])


@breaks("test_people_are_found_by_address_in_any_spelling_and_by_our_key")
class FindsFirstHundred(Acme):
    def find(self, object: str, by: Any, values: Sequence[str]) -> list[Record]:
        return super().find(object, by, values[:100])


@breaks("test_what_changed_and_who_is_new_comes_with_the_next_read")
class ReadsNothingTwice(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        for page in super().read(object, since):
            yield replace(page, cursor={"after": page.cursor["after"] + 10**6})


@breaks("test_nothing_is_missed_that_happens_while_pages_are_read")
class EndsWhereItWouldEndNow(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        for page in super().read(object, since):
            if page.covered is None:
                yield page
            else:
                self.client.request("GET", "/v1/me")
                yield replace(page, records=page.records[:-1])


@breaks("test_records_of_one_and_the_same_instant_all_come")
class OnePerInstant(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        seen = set()
        for page in super().read(object, since):
            fresh = [r for r in page.records if r.modified_at not in seen]
            yield replace(page, records=fresh[:1])
            seen |= {r.modified_at for r in page.records}


@breaks("test_a_deleted_record_is_told_of_and_one_that_was_merged_names_the_other")
class NeverTellsOfDeletions(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        for page in super().read(object, since):
            yield replace(page, records=[r for r in page.records if not r.deleted])


@breaks("test_a_fetch_follows_what_an_id_was_merged_into")
class LosesMergedPeople(Acme):
    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        return {i: r for i, r in super().fetch(object, ids).items() if r.id == i}


# --- writing ---------------------------------------------------------------------------------------------------


def changed(batch: Sequence[Entry], change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Entry]:
    return [replace(e, payload=change(dict(e.payload))) for e in batch]


@breaks("test_a_new_record_holds_what_was_written_letter_by_letter")
class WritesAscii(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        def plain(p: dict[str, Any]) -> dict[str, Any]:
            return {k: v.encode("ascii", "ignore").decode() if isinstance(v, str) else v for k, v in p.items()}

        return super().write(changed(batch, plain))


@breaks("test_an_update_changes_what_it_names_and_nothing_else")
class OverwritesTheRest(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return super().write(changed(batch, lambda p: {"title": None, **p}))


@breaks("test_a_value_that_is_cleared_goes_and_one_that_is_not_named_stays")
class DropsNulls(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return super().write(changed(batch, lambda p: {k: v for k, v in p.items() if v is not None}))


@breaks("test_outcomes_are_in_the_order_of_the_entries_of_a_whole_batch")
class SortsOutcomes(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return sorted(super().write(batch), key=str)


@breaks("test_more_than_a_batch_is_refused_before_anything_is_written")
class WritesTheFirstOnes(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return super().write(batch[:20])


@breaks("test_a_record_that_is_no_more_is_gone_and_the_others_are_written")
class RevivesTheDead(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [o if isinstance(o, Done | Rejected) else Done("new") for o in super().write(batch)]


@breaks("test_one_poison_record_does_not_hold_up_the_others")
class RefusesAllForOne(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        bad = [e for e in batch if "@" not in str(e.payload.get("email", "@"))]
        return [Rejected("SB-ACME-INVALID", "no") for _ in batch] if bad else super().write(batch)


@breaks("test_a_create_that_is_repeated_makes_no_second_record")
class CreatesWithoutKey(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return super().write(changed(batch, lambda p: {k: v for k, v in p.items() if k != "ref"}))


@breaks("test_a_create_with_an_address_that_somebody_holds_names_him_and_writes_nothing", ZendeskBench)
class TakesOverWhoeverHoldsIt(Zendesk):
    """As if it created or updated: whoever holds the address is written over."""

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [self._over(e, o) for e, o in zip(batch, super().write(batch), strict=True)]

    def _over(self, entry: Entry, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Conflict):
            return outcome
        body = {"id": int(outcome.existing_id), "external_id": entry.key, "name": entry.payload["name"]}
        self.jobs.run("PUT", "/api/v2/users/update_many", [body])
        return outcome


@breaks("test_the_answer_shows_what_the_platform_now_holds")
class AnswersWithWhatItSent(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [
            replace(o, record=Record("people", o.remote_id, dict(e.payload))) if isinstance(o, Done) else o
            for e, o in zip(batch, super().write(batch), strict=True)
        ]


@breaks("test_the_stage_moves_forward_and_goes_back_only_as_declared")
class DeclaresNever(Acme):
    capabilities = declared(stage=Stage(backward="never"))


@breaks("test_a_new_record_has_the_stage_that_it_was_given")
class ForgetsTheStage(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return super().write(changed(batch, lambda p: {k: v for k, v in p.items() if k != "status"}))


# --- removing --------------------------------------------------------------------------------------------------


@breaks("test_an_archived_record_is_held_no_longer_and_the_others_are")
class ArchivesInName(Acme):
    def archive(self, object: str, remote_id: str) -> Outcome:
        return Done(remote_id)


@breaks("test_archiving_what_is_gone_already_is_no_failure")
class InsistsOnTheLiving(Acme):
    def archive(self, object: str, remote_id: str) -> Outcome:
        return (
            super().archive(object, remote_id) if self.fetch(object, [remote_id])[remote_id].data else Retry(1, "gone")
        )


@breaks("test_what_an_erasure_leaves_is_told_and_holds_no_more_than_addresses_that_agreed_to_nothing")
class EmptiesNothing(Acme):
    capabilities = declared(erase="partly")

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        return Done(remote_id, left=("the address",))


@breaks("test_an_erased_person_is_held_no_longer_and_the_others_are")
class ErasesTheAddressOnly(Acme):
    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        return self.write([Entry("people", {"email": None}, remote_id)])[0]


# --- webhooks --------------------------------------------------------------------------------------------------


@breaks("test_a_genuine_webhook_names_the_record_to_fetch_however_often_it_comes")
class HearsOnce(Acme):
    heard: ClassVar[set[bytes]] = set()

    def receive(self, request: HookRequest) -> list[Hint]:
        fresh = request.body not in self.heard
        self.heard.add(request.body)
        return super().receive(request) if fresh else []


@breaks("test_a_webhook_that_was_touched_or_is_not_signed_is_refused")
class TrustsAnybody(Acme):
    def receive(self, request: HookRequest) -> list[Hint]:
        return []


@breaks("test_a_webhook_that_says_something_else_than_the_platform_would_is_never_a_defect")
class ChokesOnAnOddHeader(Acme):
    def receive(self, request: HookRequest) -> list[Hint]:
        int(request.headers["x-acme-signature"].partition(".")[0])
        return super().receive(request)


@breaks("test_a_delivery_is_told_from_others_by_an_id_that_stays_when_it_is_repeated")
class NamesEveryDeliveryAnew(Acme):
    def delivery_id(self, request: HookRequest) -> str | None:
        return str(uuid4())


@breaks("test_a_webhook_is_no_handshake")
class GreetsEverybody(Acme):
    def handshake(self, request: HookRequest) -> str | None:
        return "welcome"


@breaks("test_a_webhook_that_is_older_than_its_scheme_allows_is_refused")
class DeclaresAnotherWindow(Acme):
    capabilities = declared(webhooks=Webhooks("acme", window=60))


# --- messages out ----------------------------------------------------------------------------------------------


class _Elsewhere(Zapier):
    """Whose settings' address is told something else, in one way or another."""

    def endpoint(self) -> Endpoint | None:
        told = super().endpoint()
        return self.told(told) if told is not None else None

    def told(self, told: Endpoint) -> Endpoint:
        return told


@breaks("test_whoever_is_told_wants_what_there_is_to_tell_in_a_form_that_there_is", ZapierBench)
class WantsWhatNobodyTells(_Elsewhere):
    def told(self, told: Endpoint) -> Endpoint:
        return replace(told, types=(*told.types, "contact.deleted"))


@breaks("test_messages_arrive_whole_in_their_order_and_once", ZapierBench)
class NeverBelievesASuccess(Zapier):
    def verdict(self, answer: Answer) -> Verdict:
        return Later("HTTP 200") if isinstance(super().verdict(answer), Taken) else super().verdict(answer)


@breaks("test_what_is_not_taken_now_is_neither_lost_nor_overtaken", ZapierBench)
class TakesTroubleForAnOpinion(Zapier):
    def verdict(self, answer: Answer) -> Verdict:
        return Refused(f"HTTP {answer.status}") if answer.status != 200 else Taken()


@breaks("test_every_secret_that_the_settings_have_signs_the_newest_first", ZapierBench)
class SignsWithTheNewestOnly(_Elsewhere):
    def told(self, told: Endpoint) -> Endpoint:
        return replace(told, secrets=told.secrets[:1])


@breaks("test_neither_its_address_nor_a_secret_is_shown_or_logged", ZapierBench)
class LogsWhereItPosts(_Elsewhere):
    def told(self, told: Endpoint) -> Endpoint:
        logging.getLogger("stagebridge_zapier").debug("posting to %s", told.url)
        return told


@breaks("test_asking_for_its_health_posts_nothing", ZapierBench)
class TriesTheHook(Zapier):
    def check(self) -> Health:
        told = self.endpoint()
        assert told is not None
        requests.post(told.url, json={"text": "is anybody there?"}, timeout=5)
        return super().check()


@breaks("test_an_answer_is_taken_for_what_it_is", ZapierBench)
class FollowsNobodyAndMindsNothing(Zapier):
    def verdict(self, answer: Answer) -> Verdict:
        return Taken() if answer.status < 400 else super().verdict(answer)


@breaks("test_no_answer_is_so_odd_that_it_is_a_defect", ZapierBench)
class ReadsEveryAnswer(Zapier):
    def verdict(self, answer: Answer) -> Verdict:
        said = json.loads(answer.body or b"{}")
        return Taken() if said.get("status") == "success" else super().verdict(answer)


@breaks("test_its_health_says_that_a_success_proves_nothing", ZapierBench)
class SaysThatAllIsWell(Zapier):
    def check(self) -> Health:
        return Health("Zapier", (), tuple(w for w in super().check().warnings if "secret" in w))


@breaks("test_a_burst_goes_out_at_the_pace_that_the_platform_allows", ZapierBench)
class KeepsNoPace(_Elsewhere):
    def told(self, told: Endpoint) -> Endpoint:
        return replace(told, rate=None)


@breaks("test_with_an_address_that_the_platform_hands_out_anybody_may_subscribe", ZapierBench)
class TakesCatchHooksOnly(Zapier):
    def unfit(self, url: str) -> str | None:
        return super().unfit(url) if "/hooks/catch/" in url else "it is no catch hook"


@breaks("test_with_an_address_that_only_looks_like_the_platforms_nobody_subscribes", ZapierBench)
class LooksForTheNameAnywhere(Zapier):
    def unfit(self, url: str) -> str | None:
        return None if "hooks.zapier.com" in url else super().unfit(url)


@breaks("test_a_subscriber_is_told_what_he_asked_for_as_the_settings_address_is", ZapierBench)
class SignsForNoSubscriber(Zapier):
    def subscriber(self, url: str, type: str) -> Endpoint:
        return Connector.subscriber(self, url, type)


@breaks("test_a_subscription_ends_when_nobody_listens_there_any_more", ZapierBench)
class NeverHearsAFarewell(Zapier):
    def verdict(self, answer: Answer) -> Verdict:
        return Later("HTTP 410") if isinstance(super().verdict(answer), Closed) else super().verdict(answer)


# --- handed over -----------------------------------------------------------------------------------------------


@breaks("test_its_mapping_reads_all_that_can_be_said_of_a_person", ZapierBench)
class ReadsAsAFormDoes(Zapier):
    @property
    def default_mapping(self) -> str:
        return "typeform"


@breaks("test_a_person_who_is_handed_over_arrives_and_twice_is_once", ZapierBench)
class ReadsAsAShopDoes(Zapier):
    @property
    def default_mapping(self) -> str:
        return "webhook"


@breaks("test_a_conversion_that_is_handed_over_arrives_with_its_person_and_twice_is_once", ZapierBench)
class ForgetsThatItHandsOver(Zapier):
    def __init__(self, settings: ConnectorSettings | None = None, **values: Any) -> None:
        super().__init__(settings, **values)
        self.capabilities = replace(self.capabilities, api=False)  # type: ignore[misc]


# --- bad moments -----------------------------------------------------------------------------------------------


class _Impatient(Acme):
    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.client.policy = RetryPolicy(attempts=1)


@breaks("test_a_storm_of_refusals_and_broken_answers_loses_nobody")
class GivesUpAtOnce(_Impatient):
    pass


@breaks("test_refusals_for_the_moment_are_waited_out_and_everything_is_written_once")
class NeverComesBack(_Impatient):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        try:
            return super().write(batch)
        except PlatformDown:
            return [Rejected("SB-ACME-INVALID", "busy") for _ in batch]


@breaks("test_a_platform_that_stays_down_is_said_to_be_down")
class TakesDownForEmpty(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        try:
            yield from super().read(object, since)
        except PlatformDown:
            yield Page([], {"after": 0}, self.clock.now())


@breaks("test_credentials_that_are_never_accepted_end_in_a_sentence_and_are_not_hammered")
class ShowsItsToken(Acme):
    def read(self, object: str, since: Any = None) -> Iterator[Page]:
        try:
            yield from super().read(object, since)
        except AuthError as error:
            raise AuthError(f"wrong: {self.settings.token.get_secret_value()}", hint="copy it again") from error


@breaks("test_a_write_without_an_answer_is_unknown_is_not_repeated_and_can_be_found")
class RepeatsBlindly(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        first = super().write(batch)
        return super().write(batch) if any(isinstance(o, Unknown) for o in first) else first


@breaks("test_a_write_that_never_arrived_changes_nothing_and_can_be_sent_again")
class BelievesInSilence(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [
            Done(e.remote_id or "?") if isinstance(o, Unknown) else o
            for e, o in zip(batch, super().write(batch), strict=True)
        ]


@breaks("test_a_platform_that_is_down_takes_nothing_and_says_so")
class SaysDoneAnyway(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        try:
            return super().write(batch)
        except PlatformDown:
            return [Done(e.remote_id or "?") for e in batch]


@breaks("test_an_answer_of_any_status_ends_in_an_outcome_or_in_an_error_of_ours")
class TrustsEveryAnswer(Acme):
    def check(self) -> Health:
        return Health(self.client.request("GET", "/v1/me", judge=lambda response: None).json()["name"])


@breaks("test_no_secret_and_nobodys_data_is_in_logs_reprs_and_messages")
class Talkative(Acme):
    def find(self, object: str, by: Any, values: Sequence[str]) -> list[Record]:
        if not (found := super().find(object, by, values)):
            raise StagebridgeError(f"acme does not know {values}")
        return found


# --- events ----------------------------------------------------------------------------------------------------


@breaks("test_events_are_drafted_without_asking_anybody_and_each_is_counted", HubSpotBench)
class AsksForEveryDraft(HubSpot):
    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        self.get("/account-info/v3/details", {})
        return super().draft(event)


@breaks("test_more_events_than_a_batch_are_refused_before_any_is_sent", HubSpotBench)
class SendsTheFirstOnes(HubSpot):
    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return super().send(batch[:1])


@breaks("test_one_bad_event_does_not_lose_the_others", HubSpotBench)
class RefusesThemAll(HubSpot):
    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        try:
            return super().send(batch)
        except BatchRefused as error:
            return [Rejected(error.code, str(error)) for _ in batch]


@breaks("test_an_event_that_is_sent_twice_within_its_window_is_counted_once", HubSpotBench)
class TellsHubSpotNoId(HubSpot):
    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return super().send([replace(d, payload={**d.payload, "uuid": str(uuid4())}) for d in batch])


@breaks("test_events_whose_answer_is_lost_are_unknown_and_counted_once_when_they_are_sent_again", HubSpotBench)
class TakesSilenceForCounted(HubSpot):
    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return [Done(d.id) for d, _ in zip(batch, super().send(batch), strict=True)]


@breaks("test_nothing_of_a_person_and_no_secret_is_in_what_is_said_about_events", HubSpotBench)
class QuotesWhoItWas(HubSpot):
    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        try:
            return super().send(batch)
        except BatchRefused as error:
            raise BatchRefused(f"{error}: {batch[0].payload['email']}") from error


@breaks("test_a_recorded_conversion_comes_with_its_person_its_time_and_its_money", SalesforceBench)
class ForgetsTheMoney(Salesforce):
    def read_events(self, since: Any = None) -> Iterator[EventPage]:
        for page in super().read_events(since):
            bare = [e.model_copy(update={"value": None, "currency": None}) for e in page.events]
            yield replace(page, events=bare)


@breaks("test_recorded_conversions_come_on_from_a_cursor_and_always_under_one_id", SalesforceBench)
class NumbersThemAnew(Salesforce):
    def read_events(self, since: Any = None) -> Iterator[EventPage]:
        for page in super().read_events(since):
            yield replace(page, events=[e.model_copy(update={"id": str(uuid4())}) for e in page.events])


# --- with the engine -------------------------------------------------------------------------------------------


@breaks("test_two_accounts_are_brought_into_step_and_then_nothing_is_written")
class WritesAnotherTitle(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return super().write(changed(batch, lambda p: {**p, "title": "x"} if "title" in p else p))


@breaks("test_answers_that_get_lost_are_read_back_and_nobody_is_doubled")
class TakesLostForDone(Acme):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [
            Done(e.remote_id or f"?{e.key}") if isinstance(o, Unknown) else o
            for e, o in zip(batch, super().write(batch), strict=True)
        ]


# --- what acme does not have -----------------------------------------------------------------------------------


@breaks("test_what_the_mapping_needs_is_named_and_made_only_when_told", HubSpotBench)
class ProvisionsUnasked(HubSpot):
    def provision(self, missing: Any, *, dry_run: bool = True) -> list[str]:
        return super().provision(missing, dry_run=False)


@breaks("test_what_the_platform_makes_of_a_value_is_in_the_answer", HubSpotBench)
class AnswersWithWhatWasMeant(HubSpot):
    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return [
            replace(o, record=Record("contacts", o.remote_id, dict(e.payload))) if isinstance(o, Done) else o
            for e, o in zip(batch, super().write(batch), strict=True)
        ]


@breaks("test_a_field_that_the_account_hides_is_never_read_as_cleared", HubSpotBench)
class FillsWithNothing(HubSpot):
    def read(self, object: str = "contacts", since: Any = None) -> Iterator[Page]:
        for page in super().read(object, since):
            yield replace(page, records=[
                replace(r, data={**r.data, "properties": {"jobtitle": None, **r.data.get("properties", {})}})
                for r in page.records
            ])  # fmt: skip


class _Stubborn:
    def __init__(self, inner: Any) -> None:
        self.headers = inner.headers

    def renew(self, refused: Mapping[str, str]) -> None:
        raise AuthError("the token has expired", hint="connect again")


@breaks("test_a_token_that_expires_within_a_read_is_renewed_once", HubSpotBench)
class NeverRenews(HubSpot):
    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.client.auth = _Stubborn(self.client.auth)


@breaks("test_a_bulk_load_matches_its_outcomes_and_a_repeated_one_doubles_nobody", SalesforceBench)
class MatchesByPosition(Salesforce):
    def load(self, batch: Sequence[Entry]) -> list[Outcome]:
        return sorted(super().load(batch), key=lambda o: isinstance(o, Rejected))


assert not {c.name for c in checks_of()} - set(FOUND_BY.values()), "a check that nothing here would fail"
