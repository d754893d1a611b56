"""The stage: forwards always, backwards as declared."""

from __future__ import annotations

from stagebridge.connector import Connector, Done
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import ADA, Checks


class Staging(Checks):
    needs = "stage"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.stage is not None and connector.capabilities.write is not None

    def test_the_stage_moves_forward_and_goes_back_only_as_declared(self, bench: Bench, connector: Connector) -> None:
        assert connector.capabilities.stage is not None
        low, middle, high = stages_held(bench)
        [id] = bench.put_people([{**ADA, "stage": middle}])
        assert bench.view(id)["stage"] == middle
        [outcome] = connector.write([bench.update(connector, id, {"stage": high})])
        assert isinstance(outcome, Done)
        assert bench.view(id)["stage"] == high
        [outcome] = connector.write([bench.update(connector, id, {"stage": low})])
        if connector.capabilities.stage.backward == "never":
            assert not isinstance(outcome, Done) or outcome.refused
            assert bench.view(id)["stage"] == high
        else:
            assert isinstance(outcome, Done)
            assert not outcome.refused
            assert bench.view(id)["stage"] == low
        assert bench.view(id)["phone"] == ADA["phone"]

    def test_a_new_record_has_the_stage_that_it_was_given(self, bench: Bench, connector: Connector) -> None:
        for i, stage in enumerate(stages_held(bench)):
            values = {**ADA, "email": f"person{i}@example.com", "stage": stage}
            [done] = connector.write([bench.create(values, f"key-{i}")])
            assert isinstance(done, Done)
            assert bench.view(done.remote_id)["stage"] == stage


def stages_held(bench: Bench) -> tuple[str, str, str]:
    """A low, a middle and a high stage that the platform can hold as they are."""
    lifecycle = bench.mapping.lifecycle
    ordered = sorted((s for s in lifecycle.names if not lifecycle.is_lost(s)), key=lifecycle.rank)
    exact = [s for s in ordered if bench.mapping.image({"stage": s}, bench.object).get("stage") == s]
    assert len(exact) >= 3, f"the mapping holds {', '.join(exact) or 'no stage'} only"
    return exact[0], exact[len(exact) // 2], exact[-1]
