"""The account: credentials, scopes, what it has, what is missing, and creating that."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from importlib import import_module
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from hubspot_kit import CONTACTS, KEY, account, living, new, seed, use_mapping
from stagebridge.clock import ElasticClock
from stagebridge.connector import Done
from stagebridge.errors import AuthError
from stagebridge.mapping import Missing, load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot import HubSpot
from stub_http import Reply, Seen, Stub

APP: dict[str, Any] = {"client_id": "app-1", "client_secret": "sandbox-secret", "refresh_token": "refresh-1"}


# --- settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [
    {}, {"client_id": "a", "client_secret": "b"}, {"token": "pat-x", "refresh_token": "r"}, {"token": "pat-x", "api": "v2"},
    {"token": "pat-x", "tokken": "y"}, {"token": "pat-x", "legal_basis": "because"},
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HubSpot(**given)


def test_settings_that_make_no_sense_are_refused_without_showing_a_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        HubSpot(token="pat-very-secret", refresh_token="refresh-very-secret", client_secret="app-very-secret")
    assert "very-secret" not in str(caught.value)


def test_no_secret_is_in_a_repr() -> None:
    hs = HubSpot(**APP)
    shown = repr(hs) + repr(hs.settings) + repr(hs.client) + str(hs.client.auth)
    assert "sandbox-secret" not in shown
    assert "refresh-1" not in shown


def test_the_sdk_is_loaded_only_by_who_asks_the_account() -> None:
    code = (
        "import sys; from stagebridge_hubspot import HubSpot; HubSpot(token='pat-x');"
        "sys.exit(any(m == 'hubspot' or m.startswith('hubspot.') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


# --- credentials -----------------------------------------------------------------------------------------------


def test_an_oauth_app_logs_in_by_its_refresh_token_and_again_before_the_token_runs_out() -> None:
    with account(**APP) as (hs, box):
        ids = seed(box, [{"email": "ada@example.com"}])
        for _ in range(3):
            assert living(list(hs.read(CONTACTS))) == ids
            hs.clock.sleep(1800)
        routes = box.requests()["by_route"]
        assert [count for route, count in routes.items() if "token" in route] == [2]
        assert not [r for r in box.requests()["last"] if r["status"] == 401]


def test_a_token_that_expires_under_sixteen_threads_is_renewed_once() -> None:
    with account(**APP) as (hs, box):
        ids = seed(box, [{"email": "ada@example.com"}])
        box.fault("expired_token")
        found: list[Any] = []
        threads = [threading.Thread(target=lambda: found.append(hs.fetch(CONTACTS, ids))) for _ in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(20)
        assert [list(f) for f in found] == [ids] * 16
        assert [count for route, count in box.requests()["by_route"].items() if "token" in route] == [1]


def test_the_secret_goes_in_the_body_and_a_new_refresh_token_is_kept(stub: Stub) -> None:
    def decide(seen: Seen) -> Reply:
        if "/token" in seen.path:
            return Reply(200, b'{"access_token": "a", "refresh_token": "refresh-2", "expires_in": 1800}')
        return Reply(200, b'{"portalId": 1, "timeZone": "UTC", "results": []}')

    stub.decide = decide
    with HubSpot(base_url=stub.url, clock=ElasticClock(), **APP) as hs:
        list(hs.read(CONTACTS))
        hs.clock.sleep(3600)
        list(hs.read(CONTACTS))
    logins = [s for s in stub.seen if "/token" in s.path]
    assert [s.path for s in logins] == ["/oauth/2026-03/token"] * 2
    assert [b"refresh_token=refresh-1" in s.body for s in logins] == [True, False]
    assert not any("sandbox-secret" in s.path for s in stub.seen)


def test_a_refused_refresh_token_stops_the_connection_and_says_what_to_do(stub: Stub) -> None:
    stub.will(Reply(400, b'{"error": "invalid_grant", "status": "BAD_REFRESH_TOKEN", "message": "refresh-1 is bad"}'))
    with HubSpot(base_url=stub.url, clock=ElasticClock(), **APP) as hs:
        for _ in range(5):
            with pytest.raises(AuthError, match="BAD_REFRESH_TOKEN") as caught:
                hs.check()
    assert "refresh-1" not in str(caught.value)
    assert caught.value.hint.startswith("Connect the account again")
    assert len(stub.seen) == 1


def test_a_given_token_that_has_expired_is_an_error_and_not_a_loop() -> None:
    with account() as (hs, box):
        box.fault("expired_token", times=None)
        with pytest.raises(AuthError):
            hs.fetch(CONTACTS, ["1"])
        assert box.requests()["count"] <= 2


def test_an_sdk_client_is_used_with_its_host_and_with_the_token_that_it_has_now() -> None:
    clock = ElasticClock()
    with Sandbox("hubspot", clock=clock, switches={"token": "pat-second"}) as box:
        client = import_module("hubspot").HubSpot(access_token="pat-first", host=box.url)
        with HubSpot.from_client(client, clock=clock) as hs:
            with pytest.raises(AuthError):
                hs.check()
            client.access_token = "pat-second"
            assert hs.check().problems == ()
            assert "lifecyclestage" in hs.discover().facts["options"]["contacts"]


@pytest.mark.parametrize("api", ["2026-03", "v3"])
def test_every_verb_works_on_every_version_of_the_api(api: str) -> None:
    with account(api=api, email_subscription="99", token="pat-x") as (hs, box):
        [done] = hs.write([new("k-1", email="ada@example.com")])
        assert isinstance(done, Done)
        assert living(list(hs.read(CONTACTS))) == [done.remote_id]
        assert hs.check().problems == ()
        assert [r.id for r in hs.find(CONTACTS, "external_id", ["k-1"])] == [done.remote_id]
        assert isinstance(hs.erase(CONTACTS, done.remote_id, None), Done)
        data = [r["path"] for r in box.requests()["last"] if "/objects/" in r["path"]]
        assert all(p.startswith("/crm/v3/" if api == "v3" else "/crm/objects/2026-03/") for p in data)


# --- check -----------------------------------------------------------------------------------------------------


def test_a_healthy_account_is_named_with_what_is_left_of_its_day() -> None:
    with account() as (hs, _):
        health = hs.check()
        assert health.account == "portal 12345678 (STANDARD, US/Eastern)"
        assert health.problems == health.warnings == ()
        assert health.limits["daily"] == 625000


def test_every_missing_scope_is_named() -> None:
    scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read", "oauth"]
    with account(provisioned=False, switches={"scopes": scopes}, token="pat-x", email_subscription="99") as (hs, _):
        said = " ".join(hs.check().problems)
        assert "crm.objects.owners.read" in said
        assert "communication_preferences.read" in said
        assert "Tick it" in said


def test_what_the_mapping_lacks_is_a_problem_until_it_is_provisioned() -> None:
    with account(provisioned=False) as (hs, _):
        assert "external_id: this account has no field 'stagebridge id'" in " ".join(hs.check().problems)
        use_mapping(hs, provision=True)
        assert hs.check().problems == ()


def test_a_key_property_that_is_not_unique_is_a_problem() -> None:
    with account(provisioned=False) as (hs, box):
        seed(box, {"properties": [{"name": KEY, "label": "stagebridge id", "type": "string", "unique": False}]})
        use_mapping(hs)
        assert "external_id: the property stagebridge_id is not unique" in " ".join(hs.check().problems)


def test_hubspots_own_salesforce_integration_is_warned_of() -> None:
    with account() as (hs, box):
        seed(box, [{"email": "ada@example.com", "salesforcecontactid": "0035g00000A"}])
        hs.clock.sleep(60)
        [warning] = hs.check().warnings
        assert "Salesforce integration" in warning


def test_a_subscription_type_that_the_account_lacks_is_a_problem_that_lists_what_it_has() -> None:
    with account(token="pat-x", email_subscription="4711") as (hs, _):
        assert "4711 is no active subscription type of this account; it has 99 (Newsletter)" in " ".join(
            hs.check().problems
        )


# --- discover --------------------------------------------------------------------------------------------------


def test_the_accounts_own_stages_are_discovered_in_their_order_with_custom_ids() -> None:
    stages = [["39404120", "Testphase"], ["lead", "Lead"], ["subscriber", "Abonnent"], ["customer", "Kunde"]]
    with account(provisioned=False, switches={"stages": stages}) as (hs, _):
        facts = hs.discover().facts
        assert facts["stages"] == [value for value, _ in stages]
        assert facts["options"]["contacts"]["lifecyclestage"] == {label: value for value, label in stages}


def test_owners_are_discovered_over_all_pages(stub: Stub) -> None:
    def decide(seen: Seen) -> Reply:
        if "/owners/" not in seen.path:
            return Reply(200, b'{"results": []}')
        after = "after=page-2" in seen.path
        owner = {"id": "2", "email": "bo@x.test"} if after else {"id": "1", "email": "ada@x.test"}
        more = {} if after else {"paging": {"next": {"after": "page-2"}}}
        return Reply(200, orjson.dumps({"results": [owner, {"id": "9"}], **more}))

    stub.decide = decide
    with HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock()) as hs:
        assert hs.discover().facts["owners"] == {"1": "ada@x.test", "2": "bo@x.test"}


def test_an_account_without_the_scope_for_owners_or_pipelines_can_still_be_discovered() -> None:
    scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read"]
    with account(provisioned=False, switches={"scopes": scopes}) as (hs, _):
        facts = hs.discover().facts
        assert facts["owners"] == {}
        assert facts["stages"][:2] == ["subscriber", "lead"]


def test_a_label_that_is_there_twice_names_neither_property() -> None:
    with account(provisioned=False) as (hs, box):
        twice = [{"name": n, "label": "Lost reason", "type": "string"} for n in ("lost_reason_a", "lost_reason_b")]
        seed(box, {"properties": twice})
        fields = hs.discover().facts["fields"]["contacts"]
        assert "Lost reason" not in fields
        assert (fields["lost_reason_a"], fields["lost_reason_b"]) == ("lost_reason_a", "lost_reason_b")


def test_the_control_plane_waits_out_a_full_window_and_renews_a_token() -> None:
    with account(**APP) as (hs, box):
        box.fault("status", status=429, path="/crm/v3/properties/*")
        box.fault("expired_token")
        assert "firstname" in hs.discover().facts["fields"]["contacts"].values()


def test_the_control_plane_uses_the_renewed_token(stub: Stub) -> None:
    tokens = iter(("first", "second"))
    expired = Reply(401, b'{"status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "expired"}')

    def decide(seen: Seen) -> Reply:
        if "/token" in seen.path:
            return Reply(200, orjson.dumps({"access_token": next(tokens), "expires_in": 1800}))
        return Reply(200, b'{"results": []}') if seen.headers["Authorization"] == "Bearer second" else expired

    stub.decide = decide
    with HubSpot(base_url=stub.url, clock=ElasticClock(), **APP) as hs:
        assert hs.discover().facts["fields"] == {"contacts": {}}


def test_the_control_plane_says_which_scope_is_missing(stub: Stub) -> None:
    scope = {"category": "MISSING_SCOPES", "context": {"requiredGranularScopes": ["crm.schemas.contacts.read"]}}
    stub.will(Reply(403, orjson.dumps(scope)))
    with (
        HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock()) as hs,
        pytest.raises(AuthError, match=r"crm\.schemas\.contacts\.read"),
    ):
        hs.discover()


# --- provision -------------------------------------------------------------------------------------------------


def test_provisioning_is_said_first_and_done_only_when_asked() -> None:
    with account(provisioned=False) as (hs, box):
        assert hs.mapping is not None
        missing = hs.mapping.missing()
        said = hs.provision(missing)
        assert any("stagebridge_id" in s and "unique" in s for s in said)
        assert KEY not in box.state()["properties"]
        assert hs.provision(missing, dry_run=False) == said
        assert {KEY, "lost_reason"} <= set(box.state()["properties"])
        assert load_mapping("hubspot", facts=hs.discover().facts).missing() == []


def test_provisioning_twice_changes_nothing_the_second_time() -> None:
    with account(provisioned=False) as (hs, box):
        assert hs.mapping is not None
        missing = hs.mapping.missing()
        hs.provision(missing, dry_run=False)
        before = hs.discover().facts
        box.forget_requests()
        said = hs.provision(missing, dry_run=False)
        assert all("is there already" in s for s in said)
        assert not [r for r in box.requests()["by_route"] if r.startswith(("POST", "PATCH"))]
        assert hs.discover().facts == before


def test_options_that_a_property_has_stay_and_the_new_ones_come_behind_them() -> None:
    with account(provisioned=False) as (hs, _):
        before = list(hs.discover().facts["options"]["contacts"]["hs_lead_status"])
        more = Missing(CONTACTS, "hs_lead_status", "", "enumeration", "stage", {"CHURNED": "Churned"}, exists=True)
        hs.provision([more], dry_run=False)
        assert list(hs.discover().facts["options"]["contacts"]["hs_lead_status"]) == [*before, "Churned"]


@pytest.mark.parametrize("kind", ["string", "date", "datetime", "bool", "number", "enumeration"])
def test_a_property_of_every_type_can_be_created_and_written(kind: str) -> None:
    value = {
        "string": "x", "date": "2026-11-24", "datetime": "2026-11-24T12:00:00.000Z", "bool": "true", "number": "7",
        "enumeration": "gold",
    }[kind]  # fmt: skip
    with account() as (hs, box):
        options = {"gold": "Gold"} if kind == "enumeration" else {}
        hs.provision([Missing(CONTACTS, f"my_{kind}", f"My {kind}", kind, f"custom.{kind}", options)], dry_run=False)
        assert f"my_{kind}" in box.state()["properties"]
        [done] = hs.write([new("k-1", email="ada@example.com", **{f"my_{kind}": value})])
        assert isinstance(done, Done)


def test_a_rate_limit_learnt_from_the_headers_is_used() -> None:
    with account(switches={"per_10_seconds": 190}) as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        hs.fetch(CONTACTS, [ada])
        hs.clock.sleep(11)
        began = hs.clock.now()
        for _ in range(190):
            hs.fetch(CONTACTS, [ada])
        assert hs.clock.now() - began < timedelta(seconds=9)
        assert not [r for r in box.requests()["last"] if r["status"] == 429]
