"""Reading: the export to its end, what it withholds, who is a contact, and webhooks that say whom to look at."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from outside import recordings_of
from stagebridge.connector import Hint, HookRequest
from stagebridge.errors import AuthError, ConfigError
from stagebridge.sandbox import Sandbox
from stagebridge_zendesk import Zendesk, hooks, users
from zendesk_kit import CONTACTS, account, asked, held, records, seed

ADA = {"name": "Ada Ångström", "email": "ada@example.com"}
BO = {"name": "Bo Çelik", "email": "bo@example.com"}


def living(zd: Zendesk, since: Any = None) -> list[str]:
    return [r.id for r in records(list(zd.read(CONTACTS, since))) if not r.deleted]


def test_agents_and_administrators_are_no_contacts_and_suspended_users_are() -> None:
    with account() as (zd, box):
        ada, bo, *_ = seed(
            box, ADA, BO, *({"name": r, "email": f"{r}@example.com", "role": r} for r in ("agent", "admin"))
        )
        box.seed({"suspend": [bo]})
        zd.clock.sleep(130)
        assert living(zd) == [ada, bo]
        assert zd.mapping is not None
        assert "consent.email" not in {p for p, v in zd.mapping.read(zd.fetch(CONTACTS, [bo])[bo].data).items() if v}


def test_a_pass_ends_at_the_end_of_the_stream_and_the_next_one_goes_on_from_there() -> None:
    with account(page_size=2) as (zd, box):
        ids = seed(box, *({"name": f"P {i}", "email": f"p{i}@example.com"} for i in range(5)))
        zd.clock.sleep(130)
        pages = list(zd.read(CONTACTS))
        assert len(pages) == 3
        assert [r.id for r in records(pages)] == ids
        zd.clock.sleep(60)
        assert living(zd, pages[-1].cursor) == []
        box.seed({"edit": {ids[1]: {"name": "Countess"}}})
        zd.clock.sleep(130)
        assert living(zd, pages[-1].cursor) == [ids[1]]
        starts = [r["query"] for r in asked(box, "*incremental*")]
        assert ["start_time" in q for q in starts] == [True] + [False] * (len(starts) - 1)


def test_the_newest_minute_is_not_said_to_be_covered() -> None:
    with account() as (zd, box):
        [ada] = seed(box, ADA)
        pages = list(zd.read(CONTACTS))
        assert records(pages) == []
        assert pages[-1].covered is not None
        assert pages[-1].covered <= zd.clock.now() - timedelta(seconds=60)
        zd.clock.sleep(130)
        assert living(zd, pages[-1].cursor) == [ada]


def test_a_start_within_the_last_minute_is_put_further_back() -> None:
    with account() as (zd, box):
        [ada] = seed(box, ADA)
        since = zd.clock.now()
        zd.clock.sleep(70)
        assert living(zd, since) == [ada]
        assert living(zd, zd.clock.now() + timedelta(seconds=30)) in ([], [ada])
        assert box.requests()["by_status"].keys() == {"200"}


def test_times_are_the_platforms_own() -> None:
    with account(switches={"skew": 1800.0}) as (zd, box):
        [ada] = seed(box, ADA)
        zd.clock.sleep(130)
        since = zd.clock.now() - timedelta(seconds=200)
        assert living(zd, since) == [ada]
        assert zd.skew == pytest.approx(1800, abs=2)
        assert living(zd, zd.clock.now()) in ([], [ada])


def test_a_deleted_user_is_told_of_with_the_time_and_one_who_was_merged_as_deleted() -> None:
    with account() as (zd, box):
        ada, bo, cy = seed(box, ADA, BO, {"name": "Cy", "email": "cy@example.com"})
        zd.clock.sleep(130)
        cursor = list(zd.read(CONTACTS))[-1].cursor
        box.seed({"delete": [ada]})
        box.seed({"merge": [bo, cy]})
        zd.clock.sleep(130)
        gone = {r.id: r for r in records(list(zd.read(CONTACTS, cursor))) if r.deleted}
        assert gone.keys() == {ada, bo}
        assert all(
            r.data == {} and isinstance(r.modified_at, datetime) and r.merged_into is None for r in gone.values()
        )
        assert [r.id for r in zd.find(CONTACTS, "email", ["bo@example.com"])] == [cy]


def test_exports_keep_to_ten_a_minute() -> None:
    with account(page_size=1) as (zd, box):
        seed(box, *({"name": f"P {i}", "email": f"p{i}@example.com"} for i in range(25)))
        zd.clock.sleep(130)
        began = zd.clock.now()
        assert len(living(zd)) == 25
        assert 120 <= (zd.clock.now() - began).total_seconds() < 300
        assert "429" not in box.requests()["by_status"]


def test_recorded_users_are_read() -> None:
    folder = recordings_of("zendesk") / "read" / "incremental"
    with account() as (zd, _):
        zd.reads_organizations = False
        pages = [orjson.loads((folder / f"users-{n}.json").read_bytes()) for n in ("1-first-page", "2-last-page")]
        rows = [u for p in pages for u in p["users"]]
        found = users.records(zd, rows)
        assert {r.id for r in found} == {str(u["id"]) for u in rows if u["role"] == "end-user"}
        assert zd.mapping is not None
        assert zd.mapping.read(found[0].data)["email"] == "customer@example.com"


# --- the account ----------------------------------------------------------------------------------------------------


def test_an_agents_token_is_told_that_exports_are_for_administrators() -> None:
    with Sandbox("zendesk", switches={"role": "agent"}) as box, Zendesk(base_url=box.url, oauth_token="t") as zd:
        [problem] = zd.check().problems
        assert "administrator" in problem


def test_nobody_is_not_let_in() -> None:
    with Sandbox("zendesk", switches={"token": "right"}) as box:
        with (
            Zendesk(base_url=box.url, email="a@example.com", api_token="wrong") as zd,
            pytest.raises(AuthError) as told,
        ):
            zd.check()
        assert told.value.code == "SB-ZENDESK-TOKEN"


def test_the_accounts_limit_is_learnt_from_its_answers() -> None:
    with account(switches={"plan": "suite_enterprise"}) as (zd, _):
        assert zd.check().limits["per minute"] == 700


def test_what_is_missing_is_made_and_named_before() -> None:
    with account(provisioned=False) as (zd, box):
        assert zd.mapping is not None
        said = zd.provision(zd.mapping.missing())
        assert "user field lifecycle_stage ('Lifecycle stage', dropdown)" in said
        assert box.state()["user_fields"] == []
        zd.provision(zd.mapping.missing(), dry_run=False)
        made = {f["key"]: f for f in box.state()["user_fields"]}
        assert made.keys() == {"lifecycle_stage", "lost_reason", "consent_email", "consent_sms"}
        assert {"name": "Lead", "value": "ls_lead"}.items() <= made["lifecycle_stage"]["custom_field_options"][
            1
        ].items()


def test_options_that_a_field_lacks_are_added_to_it() -> None:
    from stagebridge.mapping import Missing

    with account() as (zd, box):
        lack = Missing(
            CONTACTS,
            "consent_email",
            "Consent email",
            "enumeration",
            "consent.email",
            {"ce_maybe": "Maybe"},
            exists=True,
        )
        assert zd.provision([lack], dry_run=False) == ["user field consent_email: option Maybe"]
        [field] = [f for f in box.state()["user_fields"] if f["key"] == "consent_email"]
        assert [o["value"] for o in field["custom_field_options"]] == ["ce_granted", "ce_denied", "ce_maybe"]


# --- webhooks -------------------------------------------------------------------------------------------------------

BODY = orjson.dumps(
    {"type": "zen:event-type:user.custom_field_changed", "id": "e-1", "time": "2026-11-25T12:00:00Z",
     "subject": "zen:user:6596848315901", "detail": {"id": "6596848315901", "email": "ada@example.com"}}
)  # fmt: skip
STAMP = "2026-11-25T12:00:00Z"
NOW = datetime.fromisoformat(STAMP)


def signed(body: bytes = BODY, stamp: str = STAMP, secret: str = "s") -> HookRequest:
    mac = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    headers = {
        "x-zendesk-webhook-signature": base64.b64encode(mac).decode(), "x-zendesk-webhook-signature-timestamp": stamp,
    }  # fmt: skip
    return HookRequest("POST", "https://hooks.example.com/z", headers, body)


def test_a_signature_is_over_the_time_and_the_raw_body() -> None:
    hooks.verify(signed(), "s", NOW + timedelta(seconds=299))
    for request, now in (
        (signed(), NOW + timedelta(seconds=301)),
        (signed(), NOW - timedelta(seconds=301)),
        (signed(secret="other"), NOW),
        (signed(stamp="yesterday"), NOW),
        (HookRequest("POST", "", signed().headers, BODY + b" "), NOW),
        (HookRequest("POST", "", {}, BODY), NOW),
    ):
        with pytest.raises(AuthError):
            hooks.verify(request, "s", now)


def test_a_webhook_is_a_reason_to_look_at_its_user_and_at_nothing_else() -> None:
    assert hooks.hints(BODY) == [Hint(CONTACTS, "6596848315901", NOW)]
    assert (
        hooks.hints(orjson.dumps({"type": "zen:event-type:organization.created", "subject": "zen:organization:1"}))
        == []
    )
    assert hooks.hints(b"[]") == []
    with pytest.raises(AuthError, match="JSON"):
        hooks.hints(b"{")


def test_webhooks_need_their_secret() -> None:
    with account() as (zd, box):
        with pytest.raises(ConfigError, match="webhook_secret"):
            zd.receive(signed())
        assert held(box) == {}
