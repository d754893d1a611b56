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

from engine_platforms import Hands, HubSpotHands, OmnisendHands, OwnStagesHands, SalesforceHands, ZendeskHands
from engine_world import World, world
from stagebridge.connector import HookRequest
from stagebridge.ledger import schema as t

STAGES = ["lead", "marketing_qualified", "opportunity", "customer"]
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
NUMBER = st.integers(0, 59)
"""Of which account, which record there, which of its paths: taken by the number of those that there are."""
DOOMED = st.integers(3, 4)
"""Only these are deleted or merged; of the others everything is promised."""
EDITED = ("first_name", "job_title", "name")


def email(who: int) -> str:
    return f"p{who}@example.com"


class Histories(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        (path / "own.yaml").write_text(OVERLAY, "utf-8")
        self.context = world(path, **self.accounts())
        self.w: World = self.context.__enter__()
        self.w.extra = {"shop": {"mapping": "own.yaml"}, "crm": {"client_secret": "${SECRET}"}}
        self.hands: dict[str, Hands] = {n: self.kinds()[n](box) for n, box in self.w.boxes.items()}
        self.edits: list[tuple[str, str, str, str]] = []
        self.reached: dict[str, int] = {}
        self.gone: set[str] = set()
        """Who was deleted or merged somewhere: listed, not agreed."""
        self.engine = self.w.engine()
        for i, hands in enumerate(self.hands.values()):
            hands.add(email(0), "lead")
            hands.add(email(1 + i % 2), "lead")
        self.a_sync()

    def accounts(self) -> dict[str, Any]:
        return {"crm": "hubspot", "shop": ("hubspot", {"stages": OWN}), "sales": "salesforce"}

    def kinds(self) -> dict[str, type[Hands]]:
        return {"crm": HubSpotHands, "shop": OwnStagesHands, "sales": SalesforceHands}

    # --- people ------------------------------------------------------------------------------------------------

    def account(self, number: int) -> tuple[str, Hands]:
        """One of however many accounts there are."""
        names = list(self.hands)
        return names[number % len(names)], self.hands[names[number % len(names)]]

    @rule(side=NUMBER, who=st.integers(1, 4))
    def somebody_is_added(self, side: int, who: int) -> None:
        _, hands = self.account(side)
        if hands.ids(email(who)) or (isinstance(hands, HubSpotHands) and hands.also_known_as(email(who))):
            return
        self.w.clock.sleep(2)
        hands.add(email(who), "lead")

    @rule(edits=st.lists(st.tuples(NUMBER, NUMBER, NUMBER, st.integers(0, 10**6)), min_size=1, max_size=5))
    def people_edit(self, edits: list[tuple[int, int, int, int]]) -> None:
        for side, record, path, value in edits:
            name, hands = self.account(side)
            paths = [p for p in EDITED if p in hands.paths]
            for held in hands.one(record) if paths else ():
                at = paths[path % len(paths)]
                text = f"v{value} L" if at == "name" else f"v{value}"
                self.w.clock.sleep(2)
                hands.edit(held["id"], {at: text})
                place = f"{name}{held['id']}"
                self.edits = [e for e in self.edits if e[:2] != (place, at)]
                self.edits.append((place, at, text, held["email"]))

    @rule(moves=st.lists(st.tuples(NUMBER, NUMBER, st.sampled_from(STAGES)), min_size=1, max_size=3))
    def stages_are_reached(self, moves: list[tuple[int, int, str]]) -> None:
        for side, record, stage in moves:
            _, hands = self.account(side)
            for held in hands.one(record):
                if hands.backward and held["stage"] in STAGES and STAGES.index(stage) < STAGES.index(held["stage"]):
                    continue  # a person moves it on; corrections have tests of their own
                self.w.clock.sleep(2)
                hands.edit(held["id"], {"stage": stage})
                rank = STAGES.index(hands.stage(held["id"]))
                self.reached[held["email"]] = max(self.reached.get(held["email"], 0), rank)

    @rule(side=NUMBER, who=DOOMED)
    def somebody_deletes(self, side: int, who: int) -> None:
        _, hands = self.account(side)
        for id_ in hands.ids(email(who))[:1]:
            self.w.clock.sleep(2)
            hands.delete(id_)
            self.gone.add(email(who))

    @rule(one=DOOMED, other=DOOMED)
    def two_records_are_merged(self, one: int, other: int) -> None:
        ids = [*self.hands["crm"].ids(email(one))[:1], *self.hands["crm"].ids(email(other))[:1]]
        if one == other or len(ids) < 2:
            return
        self.w.clock.sleep(2)
        self.w.boxes["crm"].seed({"merge": ids})
        self.gone |= {email(one), email(other)}

    # --- machines ----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 20, 90]))
    def time_passes(self, seconds: int) -> None:
        self.w.clock.sleep(seconds)

    @rule()
    def a_sync(self) -> None:
        self.w.clock.sleep(3)
        self.engine.sync()

    @rule(kind=st.sampled_from(["timeout_after", "timeout_before", "html_502"]), side=NUMBER)
    def a_write_goes_wrong(self, kind: str, side: int) -> None:
        _, hands = self.account(side)
        hands.box.fault(kind, writes=True, times=1)

    @rule(who=st.integers(0, 4))
    def a_signed_webhook_comes(self, who: int) -> None:
        ids = self.hands["crm"].ids(email(who))
        made = self.w.boxes["crm"].platform.hook("https://hooks.example.com/crm", ids)  # type: ignore[attr-defined]
        request = HookRequest(made["method"], made["url"], made["headers"], made["body"])
        if ids:
            assert self.engine.receive("crm", request) == len(ids)

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
        longest = max(side.connector.patience for side in self.engine.sides)
        for _ in range(3):
            self.w.clock.sleep(longest + 200)
            report = self.engine.sync()
            assert report.failures == {}
        assert report.writes == 0, "G2: still writing"
        held = {n: {r["email"]: r for r in reversed(hands.all())} for n, hands in self.hands.items()}
        for who in set().union(*(set(h) for h in held.values())) - self.gone:
            for path in (*EDITED, "stage"):
                values = {n: h.get(who, {}).get(path) for n, h in held.items() if path in h.get(who, {"stage": None})}
                assert len(set(values.values())) == 1, f"G1: {who} {path}: {values}"
        for n, hands in self.hands.items():
            emails = [r["email"] for r in hands.all()]
            assert n == "sales" or len(emails) == len(set(emails)), f"G4: doubled in {n}"
        for who, rank in self.reached.items():
            stage = held["crm"].get(who, {}).get("stage")
            assert who in self.gone or stage is None or STAGES.index(stage) >= rank, f"G5: {who} fell back to {stage}"
        logged = {r[0] for r in self.w.rows(sa.select(t.change.c.new))} | {
            r[0] for r in self.w.rows(sa.select(t.change.c.old))
        }
        final = {v.get(p) for h in held.values() for v in h.values() for p in EDITED}
        for place, path, value, who in self.edits:
            assert who in self.gone or value in final or json.dumps({"": value}, separators=(",", ":")) in logged, (
                f"G3: {place} {path} {value}"
            )


class FourPlatforms(Histories):
    def accounts(self) -> dict[str, Any]:
        return {"crm": "hubspot", "sales": "salesforce", "mail": "omnisend", "desk": "zendesk"}

    def kinds(self) -> dict[str, type[Hands]]:
        return {"crm": HubSpotHands, "sales": SalesforceHands, "mail": OmnisendHands, "desk": ZendeskHands}


@pytest.mark.parametrize("machine", [Histories, FourPlatforms])
@pytest.mark.parametrize(
    ("examples", "steps"), [(10, 14), pytest.param(400, 25, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
def test_any_history_ends_in_agreement_and_then_in_silence(machine: type[Histories], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck), print_blob=True,
        ),
    )  # fmt: skip
