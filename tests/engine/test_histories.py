"""Any history of edits, faults, deliveries and syncs over three accounts ends in agreement (G1), then in silence (G2),
with every edit either there or on record (G3), and nobody doubled (G4) or moved back (G5)."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from engine_world import World, world
from stagebridge.connector import HookRequest
from stagebridge.ledger import schema as t

STAGES = ["lead", "marketing_qualified", "opportunity", "customer"]
HUBSPOT = {
    "lead": "lead",
    "marketing_qualified": "marketingqualifiedlead",
    "opportunity": "opportunity",
    "customer": "customer",
}
OWN = [
    ["lead", "Lead"],
    ["77001", "Qualified"],
    ["opportunity", "Deal"],
    ["customer", "Customer"],
    ["subscriber", "Reader"],
]
OVERLAY = """
extends: hubspot
contact:
  stage:
    values:
      subscriber: subscriber
      lead: lead
      marketing_qualified: <Qualified>
      sales_qualified: {cannot: no such stage in this account}
      opportunity: opportunity
      customer: customer
      advocate: {cannot: no such stage in this account}
"""
FIELDS = {"first_name": ("firstname", "FirstName"), "job_title": ("jobtitle", "Title"), "phone": ("phone", "Phone")}
VALUES = st.integers(0, 10**6)
WHO = st.integers(0, 3)
SIDES = ("crm", "shop", "sales")


class Histories(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        (path / "own.yaml").write_text(OVERLAY, "utf-8")
        self.context = world(path, crm="hubspot", shop=("hubspot", {"stages": OWN}), sales="salesforce")
        self.w: World = self.context.__enter__()
        self.w.extra = {"shop": {"mapping": "own.yaml"}, "crm": {"client_secret": "${SECRET}"}}
        self.edits: list[tuple[str, str, str]] = []
        self.reached: dict[str, int] = {}
        self.gone: set[str] = set()
        """Who was deleted or merged somewhere: listed, not agreed."""
        self.w.boxes["crm"].seed([{"email": "p0@example.com", "lastname": "L", "lifecyclestage": "lead"}])
        self.engine = self.w.engine()

    # --- people ------------------------------------------------------------------------------------------------

    def ids(self, side: str, who: int) -> list[str]:
        email = f"p{who}@example.com"
        if side == "sales":
            state = self.w.boxes[side].state()
            return [c["Id"] for c in (*state["Contact"], *state["Lead"]) if c.get("Email", "").lower() == email]
        return [c["id"] for c in self.w.boxes[side].state()["contacts"] if c.get("email") == email]

    def holds(self, side: str, email: str) -> bool:
        """Whether a merge left this address to somebody as a further one."""
        held = self.w.boxes[side].state().get("contacts", ())
        return any(email in c.get("hs_additional_emails", "").split(";") for c in held)

    def put(self, side: str, id_: str, values: dict[str, Any]) -> None:
        self.w.clock.sleep(2)
        self.w.boxes[side].seed({"edit": {id_: values}})

    @rule(side=st.sampled_from(SIDES), who=WHO)
    def somebody_is_added(self, side: str, who: int) -> None:
        email = f"p{who}@example.com"
        if self.ids(side, who) or self.holds(side, email):
            return
        self.w.clock.sleep(2)
        if side == "sales":
            self.w.boxes[side].seed({"Contact": [{"LastName": "L", "Email": email, "Lifecycle_Stage__c": "lead"}]})
        else:
            self.w.boxes[side].seed([{"email": email, "lastname": "L", "lifecyclestage": "lead"}])

    @rule(side=st.sampled_from(SIDES), who=WHO, path=st.sampled_from(["first_name", "job_title"]), value=VALUES)
    def somebody_edits(self, side: str, who: int, path: str, value: int) -> None:
        for id_ in self.ids(side, who)[:1]:
            name = FIELDS[path][1 if side == "sales" else 0]
            self.put(side, id_, {name: f"v{value}"})
            self.edits = [e for e in self.edits if e[:2] != (f"{side}{id_}", path)]
            self.edits.append((f"{side}{id_}", path, f"v{value}"))

    @rule(side=st.sampled_from(SIDES), who=WHO, stage=st.sampled_from(STAGES))
    def a_stage_is_reached(self, side: str, who: int, stage: str) -> None:
        for id_ in self.ids(side, who)[:1]:
            if side == "sales":
                held = next(c for o in ("Contact", "Lead") for c in self.w.boxes[side].state()[o] if c["Id"] == id_)
                now = held.get("Lifecycle_Stage__c")
                if now in STAGES and STAGES.index(stage) < STAGES.index(now):
                    return  # a person moves it on; corrections have tests of their own
                self.put(side, id_, {"Lifecycle_Stage__c": stage})
            else:
                self.put(
                    side,
                    id_,
                    {
                        "lifecyclestage": "77001"
                        if side == "shop" and stage == "marketing_qualified"
                        else HUBSPOT[stage]
                    },
                )
            self.reached[f"p{who}"] = max(self.reached.get(f"p{who}", 0), self.rank_now(side, id_))

    def rank_now(self, side: str, id_: str) -> int:
        state = self.w.boxes[side].state()
        if side == "sales":
            held = next(c for o in ("Contact", "Lead") for c in state[o] if c["Id"] == id_)
            return STAGES.index(held["Lifecycle_Stage__c"])
        value = next(c for c in state["contacts"] if c["id"] == id_)["lifecyclestage"]
        return STAGES.index({"77001": "marketing_qualified", **{v: k for k, v in HUBSPOT.items()}}[value])

    @rule(side=st.sampled_from(SIDES), who=WHO)
    def somebody_deletes(self, side: str, who: int) -> None:
        for id_ in self.ids(side, who)[:1]:
            self.w.clock.sleep(2)
            self.w.boxes[side].seed({"delete" if side == "sales" else "archive": [id_]})
            self.gone.add(f"p{who}@example.com")

    @rule(one=WHO, other=WHO)
    def two_records_are_merged(self, one: int, other: int) -> None:
        ids = [*self.ids("crm", one)[:1], *self.ids("crm", other)[:1]]
        if one == other or len(ids) < 2:
            return
        self.w.clock.sleep(2)
        self.w.boxes["crm"].seed({"merge": ids})
        self.gone |= {f"p{one}@example.com", f"p{other}@example.com"}

    # --- machines ----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 20, 90]))
    def time_passes(self, seconds: int) -> None:
        self.w.clock.sleep(seconds)

    @rule()
    def a_sync(self) -> None:
        self.w.clock.sleep(3)
        self.engine.sync()

    @rule(kind=st.sampled_from(["timeout_after", "timeout_before", "html_502"]), side=st.sampled_from(SIDES))
    def a_write_goes_wrong(self, kind: str, side: str) -> None:
        path = "*composite/sobjects*" if side == "sales" else "*batch/up*"
        self.w.boxes[side].fault(kind, method="P*", path=path, times=1)

    @rule(who=WHO)
    def a_signed_webhook_comes(self, who: int) -> None:
        ids = self.ids("crm", who)
        side = next(s for s in self.engine.sides if s.name == "crm")
        made = self.w.boxes["crm"].platform.hook("https://hooks.example.com/crm", ids)  # type: ignore[attr-defined]
        request = HookRequest(made["method"], made["url"], made["headers"], made["body"])
        if ids:
            assert self.engine.receive(side.name, request) == len(ids)

    # --- the promises ------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if hasattr(self, "w"):
                self.promises()
        finally:
            if hasattr(self, "context"):
                self.context.__exit__(None, None, None)
                self.folder.cleanup()

    def promises(self) -> None:
        for box in self.w.boxes.values():
            box.heal()
        for _ in range(3):
            self.w.clock.sleep(200)
            report = self.engine.sync()
            assert report.failures == {}
        assert report.writes == 0, "G2: still writing"
        held = {n: self.held(n) for n in SIDES}
        for who in set().union(*(set(h) for h in held.values())) - self.gone:
            for path in ("first_name", "job_title", "stage"):
                values = {n: held[n].get(who, {}).get(path) for n in SIDES}
                assert len(set(values.values())) == 1, f"G1: {who} {path}: {values}"
        for n in ("crm", "shop"):
            emails = [c["email"] for c in self.w.boxes[n].state()["contacts"]]
            assert len(emails) == len(set(emails)), "G4: doubled"
        for who, rank in self.reached.items():
            stage = held["crm"].get(f"{who}@example.com", {}).get("stage")
            assert f"{who}@example.com" in self.gone or stage is None or STAGES.index(stage) >= rank, (
                f"G5: {who} fell back to {stage}"
            )
        logged = {r[0] for r in self.w.rows(sa.select(t.change.c.new))} | {
            r[0] for r in self.w.rows(sa.select(t.change.c.old))
        }
        final = {v.get(p) for h in held.values() for v in h.values() for p in ("first_name", "job_title")}
        for place, path, value in self.edits if not self.gone else ():
            assert value in final or json.dumps({"": value}, separators=(",", ":")) in logged, (
                f"G3: {place} {path} {value}"
            )

    def held(self, side: str) -> dict[str, dict[str, Any]]:
        state = self.w.boxes[side].state()
        out: dict[str, dict[str, Any]] = {}
        if side == "sales":
            for c in (*state["Contact"], *state["Lead"]):
                out.setdefault(
                    c["Email"].lower(),
                    {
                        "first_name": c.get("FirstName"),
                        "job_title": c.get("Title"),
                        "stage": c.get("Lifecycle_Stage__c"),
                    },
                )
            return out
        stages = {"77001": "marketing_qualified", **{v: k for k, v in HUBSPOT.items()}}
        for c in state["contacts"]:
            out[c["email"]] = {
                "first_name": c.get("firstname") or None,
                "job_title": c.get("jobtitle") or None,
                "stage": stages.get(c.get("lifecyclestage", "")),
            }
        return out


@pytest.mark.parametrize(
    ("examples", "steps"), [(10, 14), pytest.param(400, 25, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
def test_any_history_ends_in_agreement_and_then_in_silence(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck), print_blob=True,
        ),
    )  # fmt: skip
