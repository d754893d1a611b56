"""The laws of a mapping, for one record and one contact at a time. `==` is canonical equality, never bytes.

    GetPut   what was read, written back, is no change
    PutGet   what was written reads as the contact's image
    PutPut   the second of two writes reads the same as if it had been alone
    Quiet    writing the same contact again writes nothing
    Frame    no other path, no unmapped key and no foreign list element changes
    Held     what could not be read is left alone, and named

`check_laws` tries them on made-up records, clean and dirty; `stagebridge mappings check` shows what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from stagebridge.lifecycle import Lifecycle
from stagebridge.mapping import Mapping, load_mapping
from stagebridge.mapping.remote import ABSENT, Element
from stagebridge.mapping.samples import a_contact, a_record, invented_facts
from stagebridge.values import same

Record = Map[str, Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A law that does not hold: for which object and path, and what happened instead."""

    law: str
    object: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.law}: {self.object}.{self.path}: {self.what}"


def get_put(m: Mapping, object: str, record: Record) -> Iterator[Broken]:
    payload = m.write(m.read(record, object), onto=record, object=object)
    for path in sorted(payload.paths) or (["*"] if payload else []):
        yield Broken("GetPut", object, path, f"reading and writing back sends {dict(payload)}")


def put_get(m: Mapping, object: str, record: Record, contact: Map[str, Any]) -> Iterator[Broken]:
    payload = m.write(contact, onto=record, object=object)
    view = m.read(m.applied(record, payload, object), object)
    image = m.image(contact, object)
    for path in sorted(payload.paths):
        if path in view.problems:
            yield Broken("PutGet", object, path, f"what was written cannot be read: {view.problems[path]}")
        elif path not in image or not same(view.get(path), image[path]):
            yield Broken("PutGet", object, path, f"written {image.get(path)!r}, reads {view.get(path)!r}")
    again = m.image(image, object)
    for path, value in image.items():
        if path not in again or not same(again[path], value):
            yield Broken("PutGet", object, path, f"the image of {value!r} is {again.get(path)!r}")


def put_put(m: Mapping, object: str, record: Record, one: Map[str, Any], other: Map[str, Any]) -> Iterator[Broken]:
    first = m.write(one, onto=record, object=object)
    between = m.applied(record, first, object)
    second = m.write(other, onto=between, object=object)
    alone = m.write(other, onto=record, object=object)
    after = m.read(m.applied(between, second, object), object)
    direct = m.read(m.applied(record, alone, object), object)
    for path in sorted(other.keys() - second.problems.keys() - alone.problems.keys()):
        if not same(after.get(path), direct.get(path)):
            yield Broken("PutPut", object, path, f"after another write {after.get(path)!r}, alone {direct.get(path)!r}")


def quiet(m: Mapping, object: str, record: Record, contact: Map[str, Any]) -> Iterator[Broken]:
    after = m.applied(record, m.write(contact, onto=record, object=object), object)
    again = m.write(contact, onto=after, object=object)
    for path in sorted(again.paths) or (["*"] if again else []):
        yield Broken("Quiet", object, path, f"the same contact is written again: {dict(again)}")


def frame(m: Mapping, object: str, record: Record, contact: Map[str, Any]) -> Iterator[Broken]:
    payload = m.write(contact, onto=record, object=object)
    after = m.applied(record, payload, object)
    before, now = m.read(record, object), m.read(after, object)
    moved = payload.paths | ({"stage_at"} if "stage" in payload.paths else set())
    for path in sorted((before.keys() | now.keys()) - moved):
        if not same(before.get(path), now.get(path)):
            yield Broken("Frame", object, path, f"changed from {before.get(path)!r} to {now.get(path)!r}")
    for place in _lost(record, after, [ref.steps for ref in m.places(object)]):
        yield Broken("Frame", object, place, "was touched, and no path lives there")


def held(m: Mapping, object: str, record: Record, contact: Map[str, Any]) -> Iterator[Broken]:
    view = m.read(record, object)
    payload = m.write(contact, onto=record, object=object)
    after = m.applied(record, payload, object)
    for path in sorted(view.problems.keys() & contact.keys()):
        if path in payload.paths:
            yield Broken("Held", object, path, "was written although nobody could read it")
        if path not in payload.problems:
            yield Broken("Held", object, path, "could not be read, and the payload does not say so")
        if m.read(after, object).problems.get(path) != view.problems[path]:
            yield Broken("Held", object, path, "could not be read, and changed")


def all_laws(m: Mapping, object: str, record: Record, contact: Map[str, Any], other: Map[str, Any]) -> Iterator[Broken]:
    """Every law for one record and two contacts."""
    yield from get_put(m, object, record)
    yield from put_get(m, object, record, contact)
    yield from put_get(m, object, record, other)
    yield from put_put(m, object, record, contact, other)
    yield from quiet(m, object, record, contact)
    yield from frame(m, object, record, contact)
    yield from held(m, object, record, contact)


def check_laws(m: Mapping, *, rounds: int = 200, seed: int = 0) -> list[Broken]:
    """Try the laws on made-up records of every object; each law and path is told once."""
    random = Random(seed)
    found: dict[tuple[str, str, str], Broken] = {}
    for object in m.objects:
        for _ in range(rounds):
            record, one, other = (
                a_record(m, object, random.choice),
                a_contact(m, object, random.choice),
                a_contact(m, object, random.choice),
            )
            for broken in all_laws(m, object, record, one, other):
                found.setdefault((broken.law, object, broken.path), broken)
    return list(found.values())


def check_source(
    source: str | Path | dict[str, Any], lifecycle: str | Path | Lifecycle = "default", *, rounds: int = 200
) -> list[Broken]:
    """Load a mapping and try its laws in an invented account that has everything it names; no account is asked. Raises
    `MappingError` for a mapping that does not load."""
    offline = load_mapping(source, lifecycle=lifecycle, offline=True)
    if not offline.objects:
        return []
    m = load_mapping(source, lifecycle=lifecycle, facts=invented_facts(offline), lenient=True, default_region="DE")
    return check_laws(m, rounds=rounds)


def _lost(before: Any, after: Any, mapped: list[tuple[str | Element, ...]], place: str = "") -> Iterator[str]:
    """What is not mapped and did not stay: keys, and elements of lists."""
    if any(not steps for steps in mapped):
        return
    if isinstance(before, dict):
        for key, value in before.items():
            inner = [steps[1:] for steps in mapped if steps[0] == key]
            there = after.get(key, ABSENT) if isinstance(after, dict) else ABSENT
            if inner:
                yield from _lost(value, there, inner, f"{place}{key}.")
            elif there != value:
                yield place + key
    elif isinstance(before, list):
        rest = list(after) if isinstance(after, list) else []
        for element in before:
            steps = [s[0] for s in mapped if isinstance(s[0], Element) and s[0].fits(element)]
            if steps:
                kept = [e for e in rest if steps[0].fits(e)]
                if len(kept) == 1 and len([e for e in before if steps[0].fits(e)]) == 1:
                    yield from _lost(element, kept[0], [s[1:] for s in mapped if s[0] in steps], f"{place}().")
            elif element in rest:
                rest.remove(element)
            else:
                yield f"{place}()"


__all__ = [
    "Broken",
    "all_laws",
    "check_laws",
    "check_source",
    "frame",
    "get_put",
    "held",
    "put_get",
    "put_put",
    "quiet",
]
