"""One person in four systems: what is said in one holds in all, and a refusal to be written to above all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine_platforms import HubSpotHands, OmnisendHands, SalesforceHands, ZendeskHands
from engine_world import World, world
from stagebridge.errors import GuardTripped
from stagebridge.sync.decide import Decisions

ADA, BOB = "ada@example.com", "bob@example.com"
NEWSLETTER = "99"
HANDS = {"crm": HubSpotHands, "sales": SalesforceHands, "mail": OmnisendHands, "desk": ZendeskHands}
SIDES = tuple(HANDS)


@contextmanager
def four(
    folder: Path, people: Sequence[str] = (ADA, BOB), segments: str | None = None, **contacts: Any
) -> Iterator[World]:
    """Four full systems in step, in which these people agreed to e-mail, in Omnisend and in HubSpot."""
    with world(folder, crm="hubspot", sales="salesforce", mail=("omnisend", {"index_lag": 0.0}), desk="zendesk") as w:
        if segments is not None:
            w.extra["mail"] = {"segments": segments}
        w.extra["crm"] = {"email_subscription": NEWSLETTER, "legal_basis": "CONSENT_WITH_NOTICE"}
        guards = {"max_creates": "off", "max_changes": "off", "max_stage_moves": "off"}
        w.contacts = {
            "initial": {"prefer": "mail"}, "rules": {"consent.*": "most_restrictive", "*": "latest"},
            "guards": {**guards, "max_opt_outs": 10}, **contacts,
        }  # fmt: skip
        agreed = (w.clock.now() - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        w.boxes["mail"].seed({"contacts": [person(p, agreed) for p in people]})
        w.boxes["crm"].seed({
            "contacts": [{"email": p, "lastname": "L", "lifecyclestage": "lead"} for p in people],
            "statuses": dict.fromkeys(people, "SUBSCRIBED"),
        })  # fmt: skip
        w.settle()
        yield w


def person(email: str, agreed: str) -> dict[str, Any]:
    consent = {"email": {"status": "subscribed", "statusChangedAt": agreed}}
    return {
        "identifiers": [{"type": "email", "id": email, "channels": consent}], "firstName": "F", "lastName": "L",
        "customProperties": {"lifecycle_stage": "lead"},
    }  # fmt: skip


def consents(w: World, email: str) -> dict[str, Any]:
    """What each system says of its e-mails to this person, in its own words."""
    [mail] = [c for c in w.boxes["mail"].state()["contacts"] if c["email"] == email]
    [desk] = [u for u in w.boxes["desk"].state()["users"] if u["email"] == email]
    return {
        "crm": {s["email"]: s["status"] for s in w.boxes["crm"].state()["statuses"]}.get(email),
        "sales": {**w.in_salesforce("sales", "Lead"), **w.in_salesforce("sales")}[email]["HasOptedOutOfEmail"],
        "mail": next(s["status"] for s in mail["statuses"] if s["channel"] == "email"),
        "desk": desk["user_fields"]["consent_email"],
    }


AGREED = {"crm": "SUBSCRIBED", "sales": False, "mail": "subscribed", "desk": "ce_granted"}
REFUSED = {"crm": "UNSUBSCRIBED", "sales": True, "mail": "unsubscribed", "desk": "ce_denied"}


def the(w: World, side: str, email: str) -> str:
    [id_] = HANDS[side](w.boxes[side]).ids(email)
    return id_


def test_a_name_and_a_stage_that_change_in_any_of_four_systems_hold_in_all(tmp_path: Path) -> None:
    with four(tmp_path) as w:
        for side, name, stage in (
            ("crm", "Ann", "marketing_qualified"), ("sales", "Bea", "sales_qualified"), ("mail", "Cleo", "opportunity"),
            ("desk", "Dana", "customer"),
        ):  # fmt: skip
            w.clock.sleep(60)
            there = HANDS[side](w.boxes[side])
            theirs = {"sales_qualified": "salesqualifiedlead"}.get(stage, stage) if side == "crm" else stage
            given = {"name": f"{name} L"} if side == "desk" else {"first_name": name}
            there.edit(the(w, side, ADA), {**given, "stage": theirs})
            w.settle()
            held = {n: next(r for r in HANDS[n](w.boxes[n]).all() if r["email"] == ADA) for n in SIDES}
            assert {r["name"] for r in held.values()} == {f"{name} L"}
            assert {r["stage"] for r in held.values()} == {stage} | (
                {"salesqualifiedlead"} if side == "sales" else set()
            )


def test_a_broadcast_can_aim_at_a_stage_by_its_tag(tmp_path: Path) -> None:
    with four(tmp_path, segments="stage: ") as w:
        w.edit_hubspot("crm", ADA, lifecyclestage="customer")
        w.boxes["mail"].seed({"edit": {the(w, "mail", BOB): {"tags": ["stage: lead", "vip"]}}})
        w.settle()
        tags = {c["email"]: sorted(c["tags"]) for c in w.boxes["mail"].state()["contacts"]}
        assert tags == {ADA: ["stage: customer"], BOB: ["stage: lead", "vip"]}
        assert {t for u in w.boxes["desk"].state()["users"] for t in u["tags"] if t.startswith("stage")} == set()


def test_a_refusal_that_comes_late_beats_a_later_edit_of_something_else_in_all_four(tmp_path: Path) -> None:
    with four(tmp_path) as w:
        assert consents(w, ADA) == AGREED
        w.clock.sleep(600)
        refused = w.clock.now()
        w.clock.sleep(60)
        w.edit_hubspot("crm", ADA, firstname="Later")
        w.sync()
        w.boxes["mail"].seed({"unsubscribe": {the(w, "mail", ADA): refused.strftime("%Y-%m-%dT%H:%M:%SZ")}})
        w.settle()
        assert consents(w, ADA) == REFUSED
        assert consents(w, BOB) == AGREED
        names = {r["name"] for s, h in (("mail", OmnisendHands), ("desk", ZendeskHands)) for r in h(w.boxes[s]).all()}
        assert names == {"Later L", "F L"}
        assert w.boxes["crm"].state()["unsubscribed_from_all"] == []


def test_an_old_export_that_says_yes_resurrects_nobody_who_has_said_no_since(tmp_path: Path) -> None:
    with four(tmp_path) as w:
        w.clock.sleep(600)
        w.boxes["mail"].seed({"unsubscribe": {the(w, "mail", ADA): w.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}})
        w.settle()
        rows = [f"{who},F,L,granted" for who in (ADA, BOB)]
        (tmp_path / "old.csv").write_text("\n".join(["email,first_name,last_name,consent.email", *rows, ""]), "utf-8")
        w.files = {"old": {"type": "file", "path": str(tmp_path / "old.csv"), "mode": "read"}}
        w.contacts["initial"] = {"prefer": "old"}  # not even then
        w.settle()
        assert ("overruled", "initial") in w.changes("consent.email")
        assert consents(w, ADA) == REFUSED
        assert consents(w, BOB) == AGREED


def test_nobody_is_welcomed_by_a_sync(tmp_path: Path) -> None:
    with four(tmp_path, people=[]) as w:
        w.boxes["crm"].seed({
            "contacts": [{"email": f"p{i}@example.com", "lastname": "L"} for i in range(150)],
            "statuses": {f"p{i}@example.com": "SUBSCRIBED" for i in range(150)},
        })  # fmt: skip
        w.settle()
        state = w.boxes["mail"].state()
        assert [s["status"] for c in state["contacts"] for s in c["statuses"]] == ["subscribed"] * 150
        assert state["welcome_mails"] == 0


def test_five_hundred_refusals_at_once_stop_the_run_before_anybody_is_written(tmp_path: Path) -> None:
    people = [f"p{i}@example.com" for i in range(500)]
    with four(tmp_path, people) as w:
        w.clock.sleep(600)
        now = w.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        w.boxes["mail"].seed({"unsubscribe": {c["id"]: now for c in w.boxes["mail"].state()["contacts"]}})
        with pytest.raises(GuardTripped, match="max_opt_outs: 500 in crm, 10 allowed"):
            w.sync()
        assert {s["status"] for s in w.boxes["crm"].state()["statuses"]} == {"SUBSCRIBED"}
        assert {u["user_fields"]["consent_email"] for u in w.boxes["desk"].state()["users"] if u["email"]} <= {
            "ce_granted",
            None,
        }


def test_whoever_is_forgotten_leaves_no_trace_in_the_ledgers_bytes_not_even_where_a_platform_keeps_him(
    tmp_path: Path,
) -> None:
    with four(tmp_path, segments="stage: ") as w:
        engine = w.engine()
        done = {f.connection: f for f in Decisions(engine).forget(ADA)}
        engine.ledger.close()
        assert {n: f.result for n, f in done.items()} == {
            "crm": "erased", "sales": "erased", "mail": "emptied", "desk": "erased",
        }  # fmt: skip
        assert any("e-mail address" in what for what in done["mail"].left)
        for _ in range(3):  # whatever Omnisend goes on saying of her
            assert trace_of("ada@", w.folder) == []
            w.settle()
        [left] = [c for c in w.boxes["mail"].state()["contacts"] if c["email"] == ADA]
        assert (left.get("firstName") or None, left["tags"]) == (None, ["stagebridge-forgotten"])
        assert {s["status"] for s in left["statuses"]} == {"unsubscribed"}
        assert {r["email"] for s in SIDES for r in HANDS[s](w.boxes[s]).all()} - {ADA} == {BOB}
        assert all(r["email"] != ADA for s in ("crm", "sales", "desk") for r in HANDS[s](w.boxes[s]).all())


def trace_of(text: str, folder: Path) -> list[str]:
    """The ledger's files that have this in them."""
    return [f.name for f in folder.glob("stagebridge.db*") if text.encode() in f.read_bytes().lower()]
