"""A tag per stage beside the tags that people give."""

from __future__ import annotations

from typing import Any

import pytest

from stagebridge.errors import MappingError
from stagebridge.mapping import Mapping, load_mapping

LISTED: dict[str, Any] = {
    "platform": "acme",
    "contact": {
        "id": "id", "fields": {"email": "email", "tags": "tags"},
        "stage": {"field": "phase", "values": "same"},
    },
}  # fmt: skip
JOINED = {
    **LISTED,
    "contact": {**LISTED["contact"], "fields": {"email": "email", "tags": {"field": "tags", "sep": ";"}}},
}


@pytest.fixture
def mapping() -> Mapping:
    return load_mapping(LISTED, segments="stage: ")


def test_the_tag_of_a_stage_is_written_beside_the_tags_of_people(mapping: Mapping) -> None:
    payload = mapping.write({"email": "a@example.com", "stage": "lead", "tags": frozenset({"vip"})})
    assert payload["tags"] == ["vip", "stage: lead"]


def test_another_stage_takes_the_place_of_the_tag_and_no_other_tag_moves(mapping: Mapping) -> None:
    held = {"id": "1", "phase": "lead", "tags": ["stage: lead", "vip", "Stage: of life"]}
    payload = mapping.write({"stage": "customer"}, onto=held)
    assert payload == {"phase": "customer", "tags": ["vip", "Stage: of life", "stage: customer"]}
    assert payload.paths == {"stage", "segment"}


def test_the_tag_of_a_stage_is_none_of_the_contacts_own_tags(mapping: Mapping) -> None:
    view = mapping.read({"id": "1", "phase": "lead", "tags": ["stage: lead", "vip"]})
    assert view["tags"] == frozenset({"vip"})
    assert mapping.image({"tags": frozenset({"stage: advocate", "vip"}), "stage": "lead"})["tags"] == frozenset({"vip"})


def test_a_tag_that_somebody_took_or_added_is_noticed(mapping: Mapping) -> None:
    image = mapping.image({"stage": "lead"})
    for tags in (["vip"], [], ["stage: lead", "stage: customer"], ["stage: other"]):
        view = mapping.read({"id": "1", "phase": "lead", "tags": tags})
        assert view["segment"] != image["segment"]
        after = mapping.write({"stage": "lead"}, onto={"id": "1", "phase": "lead", "tags": tags})
        assert [t for t in after["tags"] if t.startswith("stage: ")] == ["stage: lead"]
    held = {"id": "1", "phase": "lead", "tags": ["stage: lead"]}
    assert mapping.read(held)["segment"] == image["segment"]
    assert mapping.write({"stage": "lead"}, onto=held) == {}


def test_tags_that_people_change_and_the_stage_go_in_one_payload(mapping: Mapping) -> None:
    held = {"id": "1", "phase": "lead", "tags": ["stage: lead", "vip"]}
    payload = mapping.write({"stage": "customer", "tags": frozenset({"vip", "fan"})}, onto=held)
    assert payload["tags"] == ["vip", "fan", "stage: customer"]


def test_nobody_without_a_stage_keeps_the_tag_of_one(mapping: Mapping) -> None:
    held = {"id": "1", "phase": "lead", "tags": ["stage: lead", "vip"]}
    assert mapping.write({"stage": None}, onto=held)["tags"] == ["vip"]


def test_tags_in_one_text_are_a_list_too() -> None:
    mapping = load_mapping(JOINED, segments="in_")
    held = {"id": "1", "phase": "lead", "tags": "in_lead;vip"}
    assert mapping.write({"stage": "customer"}, onto=held)["tags"] == "vip;in_customer"


@pytest.mark.parametrize(
    ("source", "prefix", "said"),
    [
        ("hubspot", "stage: ", "a stage can be tagged only where the mapping writes a list of tags"),
        (LISTED, "  ", "the beginning of the tags is expected"),
        (JOINED, "a;b", "';' separates the tags there"),
    ],
)
def test_segments_that_cannot_be_kept_are_refused(source: Any, prefix: str, said: str) -> None:
    with pytest.raises(MappingError, match=said):
        load_mapping(source, segments=prefix, offline=True)
