"""The laws hold for every shipped mapping and object, over raw records as platforms really hold them; and they can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagebridge.mapping import Mapping, laws, load_mapping, remote, samples
from stagebridge.mapping.field import SETS, Field
from stagebridge.mapping.shape import Shape
from stagebridge.mapping.stage import StageField
from stagebridge.normalize import Invalid

CUSTOM = {"plan": "text", "seats": "int", "renewal": "date", "vip": "bool"}
SETTINGS = {"email_subscription": "77"}
STAGES: dict[str, dict[str, Any]] = {
    "messaging": {"new_lead": "lead", "hot_lead": "marketingqualifiedlead", "payment": "opportunity",
                  "customer": ["customer", "evangelist"], "cold_lead": {"cannot": "nobody keeps it here"}},
    "five_phase": {"outreach": ["subscriber", "other"], "acquisition": "lead", "conversion": "opportunity",
                   "retention": "customer", "loyalty": "evangelist", "lost": {"write": "subscriber"}},
    "relationship": {"audience": "subscriber", "prospecting": "lead", "exploration": "opportunity",
                     "expansion": "customer", "maturity": "evangelist", "cancellation": "other"},
}  # fmt: skip


@cache
def mapping(name: str, lifecycle: str) -> Mapping:
    """A shipped mapping in an account that has everything it names, with custom fields."""
    source: Any = name
    if name.startswith("hubspot") and lifecycle in STAGES:
        source = {"extends": name, "contact": {"stage": {"lost": None, "values": STAGES[lifecycle]}}}
    arguments: dict[str, Any] = {"lifecycle": lifecycle, "settings": SETTINGS, "custom": CUSTOM, "default_region": "DE"}
    facts = samples.invented_facts(load_mapping(source, offline=True, **arguments))
    return load_mapping(source, facts=facts, **arguments)


SHIPPED = [
    ("hubspot", "default"),
    ("hubspot_subscription", "default"),
    ("salesforce_status", "default"),
    ("salesforce_no_key", "default"),
]
CASES = [
    *SHIPPED,
    *(("hubspot", lifecycle) for lifecycle in STAGES),
    *(("salesforce", lifecycle) for lifecycle in ("default", *STAGES)),
]
drawn = [0, 0]


def records(m: Mapping, object: str, draw: Callable[[st.SearchStrategy[Any]], Any]) -> dict[str, Any]:
    """A made-up record, into which somebody has typed anything."""
    record = samples.a_record(m, object, lambda choices: draw(st.sampled_from(list(choices))))
    fields = [f.reads[0] for f in m.shape(object).fields.values() if f.reads and not f.reads[0].in_list]
    for ref in draw(st.lists(st.sampled_from(fields), max_size=3)):
        remote.write(record, None, ref, draw(st.text(max_size=8)))
    return record


@pytest.mark.parametrize(("name", "lifecycle"), CASES)
def test_the_laws_hold(name: str, lifecycle: str) -> None:
    m = mapping(name, lifecycle)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def prove(data: st.DataObject) -> None:
        for object in m.objects:
            record = records(m, object, data.draw)
            one, other = (
                samples.a_contact(m, object, lambda choices: data.draw(st.sampled_from(list(choices))))
                for _ in range(2)
            )
            canonical, total = samples.canonical_share(m, object, record)
            drawn[0] += canonical
            drawn[1] += total
            assert list(laws.all_laws(m, object, record, one, other)) == []

    prove()


def test_at_least_three_in_ten_of_the_drawn_values_are_not_canonical() -> None:
    if not drawn[1]:
        pytest.skip("counts what the test above has drawn")
    assert (drawn[1] - drawn[0]) / drawn[1] >= 0.3


@pytest.mark.parametrize(
    "name", ["hubspot", "hubspot_subscription", "salesforce", "salesforce_status", "salesforce_no_key"]
)
def test_made_up_records_find_no_broken_law(name: str) -> None:
    assert laws.check_laws(mapping(name, "default"), rounds=60) == []


@pytest.mark.parametrize(("name", "lifecycle"), CASES)
def test_a_compiled_image_is_the_image(name: str, lifecycle: str) -> None:
    """Most values take a short way there."""
    m, random = mapping(name, lifecycle), Random(3)

    def outcome(image: Callable[[Any], Any], value: Any) -> Any:
        try:
            return image(value), type(image(value))
        except Invalid as reason:
            return str(reason)

    for object in m.objects:
        contacts = [samples.a_contact(m, object, random.choice) for _ in range(30)]
        for path, one in m.shape(object).fields.items():
            drawn = [c[path] for c in contacts if path in c]
            odd = [None] if path in SETS else [None, "", " ", "x" * 300, "#N/A", *one.blanks]
            for value in (*drawn, *odd):
                assert outcome(one.imaging(), value) == outcome(one.image, value), (path, value)


def broken(name: str) -> set[str]:
    """Compiled anew: what a test broke is in it."""
    return {b.law for b in laws.check_laws(mapping.__wrapped__(name, "default"), rounds=60)}


def test_an_image_that_forgets_what_the_platform_loses_breaks_put_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Field, "image", lambda self, value: value)
    assert "PutGet" in broken("salesforce")


def test_writing_over_what_nobody_could_read_breaks_held(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Shape._write

    def careless(self: Shape, payload: Any, path: Any, one: Any, value: Any, base: Any, view: Any, forced: Any) -> None:
        del forced
        write(self, payload, path, one, value, base, view, True)

    monkeypatch.setattr(Shape, "_write", careless)
    assert "Held" in broken("hubspot")


def test_forgetting_the_foreign_elements_of_a_list_breaks_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    put = Field.put
    monkeypatch.setattr(Field, "put", lambda self, payload, value, record: put(self, payload, value, None))
    assert "Frame" in broken("hubspot_subscription")


def test_a_lost_mark_that_is_never_seen_breaks_put_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StageField, "_counting", lambda self, stage, mark: None)
    assert "PutGet" in broken("hubspot")


def test_writing_always_breaks_get_put(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Shape.write

    def always(self: Shape, values: Any, base: Any, view: Any, only: Any, force: Any) -> Any:
        del force
        return write(self, values, base, view, only, tuple(values))

    monkeypatch.setattr(Shape, "write", always)
    assert "GetPut" in broken("salesforce")


def test_made_up_records_are_the_same_for_the_same_seed() -> None:
    m = mapping("hubspot", "default")

    def some() -> Iterator[dict[str, Any]]:
        random = Random(7)
        return (samples.a_record(m, "contacts", random.choice) for _ in range(5))

    assert list(some()) == list(some())
