"""Lifecycles: what a step from one stage to another is, and what a lifecycle file may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagebridge.errors import ConfigError
from stagebridge.lifecycle import PHASES, Lifecycle, Move, load_lifecycle
from stagebridge.resources import mappings_dir

SHIPPED = ("default", "five_phase", "messaging", "relationship")
default = load_lifecycle("default")


def written(**changes: Any) -> dict[str, Any]:
    return {"name": "mine", "stages": {"new": "outreach", "known": "acquisition", "loyal": "loyalty"}, **changes}


def complaint(source: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_lifecycle(source)
    return str(caught.value)


# --- the rules of movement ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "move"),
    [
        (None, "lead", Move.FIRST),
        ("lead", "lead", Move.SAME),
        ("lead", "marketing_qualified", Move.FORWARD),
        ("subscriber", "advocate", Move.FORWARD),
        ("lead", "unqualified", Move.LOST),
        ("cold", "unqualified", Move.LOST),
        ("unqualified", "subscriber", Move.REACTIVATION),
        ("churned", "customer", Move.REACTIVATION),
        ("customer", "opportunity", Move.REENTRY),
        ("customer", "lead", Move.BACKWARD),
        ("advocate", "customer", Move.BACKWARD),
        ("a_stage_of_last_year", "subscriber", Move.FORWARD),
    ],
)
def test_every_step_has_a_kind(old: str | None, new: str, move: Move) -> None:
    assert default.move(old, new) is move


@pytest.mark.parametrize("name", SHIPPED)
@given(data=st.data())
def test_between_two_stages_exactly_one_direction_is_forward(name: str, data: st.DataObject) -> None:
    lifecycle = load_lifecycle(name)
    one, other = (data.draw(st.sampled_from([s.name for s in lifecycle.stages])) for _ in range(2))
    there, back = lifecycle.move(one, other), lifecycle.move(other, one)
    if one == other:
        assert there is back is Move.SAME
    else:
        assert (there is Move.FORWARD) != (back is Move.FORWARD)
        assert {there, back} & {Move.BACKWARD, Move.REENTRY}


def test_lost_stages_stand_beside_the_order() -> None:
    assert default.rank("cold") == -1
    assert default.is_lost("cold")
    assert not default.is_lost("lead")
    assert [default.rank(s.name) for s in default.stages] == list(range(7))
    assert default.names == {s.name for s in (*default.stages, *default.lost)}


# --- the shipped ones -----------------------------------------------------------------------------------------


def test_the_shipped_lifecycles_are_these() -> None:
    assert sorted(p.stem for p in (mappings_dir() / "lifecycles").glob("*.yaml")) == list(SHIPPED)


@pytest.mark.parametrize(
    ("name", "stages", "lost"),
    [
        (
            "default",
            "subscriber lead marketing_qualified sales_qualified opportunity customer advocate",
            "cold unqualified lost_to_competitor churned",
        ),
        ("five_phase", "outreach acquisition conversion retention loyalty", "lost"),
        ("messaging", "new_lead hot_lead payment customer", "cold_lead"),
        ("relationship", "audience prospecting exploration expansion maturity", "cancellation"),
    ],
)
def test_a_shipped_lifecycle_has_its_stages_in_order(name: str, stages: str, lost: str) -> None:
    lifecycle = load_lifecycle(name)
    assert lifecycle.name == name
    assert [s.name for s in lifecycle.stages] == stages.split()
    assert [s.name for s in lifecycle.lost] == lost.split()
    phases = [PHASES.index(lifecycle.phase(s.name)) for s in lifecycle.stages]
    assert phases == sorted(phases)  # so that two lifecycles can stand on one axis


@pytest.mark.parametrize("name", SHIPPED)
def test_a_lifecycle_can_be_given_as_itself_as_a_dict_and_as_a_file(name: str, tmp_path: Path) -> None:
    lifecycle = load_lifecycle(name)
    copy = tmp_path / "own.yaml"
    copy.write_text((mappings_dir() / "lifecycles" / f"{name}.yaml").read_text("utf-8"), "utf-8")
    assert load_lifecycle(lifecycle) is lifecycle
    assert load_lifecycle(lifecycle.model_dump()) == lifecycle
    assert load_lifecycle(copy) == load_lifecycle(str(copy)) == lifecycle


def test_words_that_yaml_would_take_for_truth_values_are_stages_like_others(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("name: own\nstages:\n  no: outreach\n  on: acquisition\n  yes: loyalty\n")
    assert [s.name for s in load_lifecycle(file).stages] == ["no", "on", "yes"]


# --- what a lifecycle may not say -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "lifecycle: name: is missing\nlifecycle: stages: is missing"),
        (written(lots={}), "lifecycle: lots: no such key (nearest: lost)"),
        (written(stages={"only": "loyalty"}), "lifecycle: a lifecycle has at least two stages"),
        (written(lost={"new": "loyalty"}), "lifecycle: stage new is there twice"),
        (
            written(lost={"gone": "oureach"}),
            "lifecycle: lost.gone: phase 'oureach' is not one of outreach, acquisition, conversion, retention, loyalty"
            " (nearest: outreach)",
        ),
        (
            written(lost={"Gone Away": "loyalty"}),
            "lifecycle: lost.Gone Away: 'Gone Away': write a name in lower case, with digits and underscores only",
        ),
        (
            written(allow_backward=[["loyal", "nwe"]]),
            "lifecycle: allow_backward names 'nwe', which is no stage here (nearest: new)",
        ),
        (written(allow_backward=[["new", "loyal"]]), "lifecycle: allow_backward: new → loyal does not go back"),
        (
            written(lost={"gone": "loyalty"}, allow_backward=[["loyal", "gone"]]),
            "lifecycle: allow_backward: loyal → gone: into a lost stage and out of it is always free",
        ),
        (written(allow_backward=[["loyal"]]), "lifecycle: allow_backward.0.1: Field required"),
        ("defualt", "no lifecycle is called 'defualt' (nearest: default)"),
    ],
)
def test_a_wrong_lifecycle_is_refused_with_the_place_and_the_reason(source: Any, message: str) -> None:
    assert complaint(source) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: own\nstages:\n  new: outreach\n  old: loyality\n  Big: loyalty\n",
            "own.yaml:4: stages.old: phase 'loyality' is not one of outreach, acquisition, conversion, retention,"
            " loyalty (nearest: loyalty)\n"
            "own.yaml:5: stages.Big: 'Big': write a name in lower case, with digits and underscores only",
        ),
        (
            "name: own\nstages:\n  new: outreach\n  new: loyalty\n",
            "own.yaml:4: 'new' is written twice (first in line 3)",
        ),
        (
            "name: own\nstage:\n  new: outreach\n",
            "own.yaml:2: stage: no such key (nearest: stages)\nown.yaml:1: stages: is missing",
        ),
        ("- new\n- old\n", "own.yaml:1: the file is not a table of keys"),
        ("name: [own\n", "own.yaml:2: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    assert complaint(file) == message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.yaml") == f"{tmp_path / 'none.yaml'}: No such file or directory"


def test_a_lifecycle_built_in_code_keeps_the_same_rules() -> None:
    with pytest.raises(ValueError, match="at least two stages"):
        Lifecycle.model_validate({"name": "mine", "stages": [{"name": "only", "phase": "loyalty"}]})
