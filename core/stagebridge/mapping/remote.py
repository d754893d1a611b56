"""Remote field references: `a.b`, `` `dotted.key` ``, `list(k=v).x`; reading them from a record, writing them onto one.

A key that a record lacks says nothing (`ABSENT`); a null on the way, or a missing element of a list that is there, is
None. Inside an element a missing key is None too: elements are whole.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


class Absent:
    """The record does not say: neither a value nor empty."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


class New(dict[str, Any]):
    """A list element that the record did not have."""


_SEGMENT = re.compile(r"`([^`]+)`|([^.()`]+)|(\(([^)]*)\))")
_NATIVE: Mapping[str, bool] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Element:
    """The elements of a list whose keys have these values; no condition: any element."""

    where: tuple[tuple[tuple[str, ...], str], ...]

    def fits(self, element: Any) -> bool:
        return all(_text(_dig(element, keys)) == value for keys, value in self.where)

    def new(self, *, as_text: bool = False) -> New:
        """An element that fits; on a wire of JSON values `true` and `false` are no texts."""
        made = New()
        for keys, value in self.where:
            put_in(made, keys, value if as_text else _NATIVE.get(value, value))
        return made


@dataclass(frozen=True, slots=True)
class Ref:
    """A parsed reference; `text` is how it was written."""

    text: str
    steps: tuple[str | Element, ...]

    @property
    def in_list(self) -> bool:
        return any(isinstance(s, Element) for s in self.steps)

    @property
    def keys(self) -> tuple[str, ...]:
        """The leading keys: all of them, or those before the list."""
        first = next((i for i, s in enumerate(self.steps) if isinstance(s, Element)), len(self.steps))
        return tuple(str(s) for s in self.steps[:first])

    @property
    def element(self) -> tuple[str | Element, ...]:
        """The steps up to the last list element that the field lives in; () for a field outside any list."""
        last = max((i for i, s in enumerate(self.steps) if isinstance(s, Element)), default=-1)
        return self.steps[: last + 1]


def parse(text: str, *, flat: bool = False) -> Ref:
    """Raises `ValueError` for what is no reference."""
    if flat:
        return Ref(text, (text,))
    steps: list[str | Element] = []
    end = 0
    for match in _SEGMENT.finditer(text):
        gap = text[end : match.start()]
        if gap not in (("",) if match[3] is not None or not steps else (".",)):
            raise ValueError(f"'{text}' is no field reference")
        end = match.end()
        if match[3] is not None:
            steps.append(Element(tuple(_condition(c) for c in match[4].split("&") if c)))
        else:
            steps.append(match[1] or match[2])
    if end != len(text) or not steps or isinstance(steps[0], Element):
        raise ValueError(f"'{text}' is no field reference")
    return Ref(text, tuple(steps))


def _condition(text: str) -> tuple[tuple[str, ...], str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise ValueError(f"'({text})' is no condition; write (key=value)")
    return tuple(key.split(".")), value


# --- reading ---------------------------------------------------------------------------------------------------


def read(record: Any, ref: Ref) -> Any:
    """The value, None for empty, `ABSENT` where the record does not say."""
    here, inside = record, False
    for step in ref.steps:
        if here is None:
            return None
        if isinstance(step, Element):
            if not isinstance(here, list):
                return ABSENT
            here = next((e for e in here if step.fits(e)), None)
            inside = True
        elif not isinstance(here, Mapping):
            return ABSENT
        elif step in here:
            here = here[step]
        else:
            return None if inside else ABSENT
    return here


def reader(ref: Ref) -> Callable[[Mapping[str, Any]], Any]:
    """`read` for one reference, compiled."""
    if ref.in_list or len(ref.steps) > 2:
        return lambda record: read(record, ref)
    *way, key = (str(s) for s in ref.steps)
    if not way:
        return lambda record: record.get(key, ABSENT)
    outer = way[0]

    def two(record: Mapping[str, Any]) -> Any:
        box = record.get(outer, ABSENT)
        if type(box) is dict or isinstance(box, Mapping):
            return box.get(key, ABSENT)
        return None if box is None else ABSENT

    return two


def read_all(record: Any, ref: Ref) -> list[Any] | Absent | None:
    """Every element's value, for paths that are sets."""
    here: list[Any] = [record]
    inside = False
    for step in ref.steps:
        inside = inside or isinstance(step, Element)
        found: list[Any] = []
        for value in here:
            if isinstance(step, Element):
                if isinstance(value, list):
                    found += [e for e in value if step.fits(e)]
            elif isinstance(value, Mapping) and step in value:
                found.append(value[step])
        if not found:
            return [] if inside else (None if here == [None] else ABSENT)
        here = found
    if here == [None]:
        return None
    return [x for v in here for x in (v if isinstance(v, list) else [v])]


# --- writing ---------------------------------------------------------------------------------------------------


def write(
    payload: dict[str, Any], base: Mapping[str, Any] | None, ref: Ref, value: Any, *, as_text: bool = False
) -> None:
    """Put a value into the payload. A list is copied from the base the first time it is touched and sent whole; an
    element that is not there yet is appended with its conditions."""
    here: Any = payload
    there: Any = base
    last = len(ref.steps) - 1
    for i, step in enumerate(ref.steps):
        if isinstance(step, Element):
            if i == last:  # `list()`: one more value
                here.append(value)
                return
            element = next((e for e in here if step.fits(e)), None)
            if element is None:
                element = step.new(as_text=as_text)
                here.append(element)
            here = there = element
        elif i == last:
            here[step] = value
        else:
            here, there = _down(here, there, step, isinstance(ref.steps[i + 1], Element))


def writer(ref: Ref, *, as_text: bool = False) -> Callable[[dict[str, Any], Mapping[str, Any] | None, Any], None]:
    """`write` for one reference, compiled."""
    match ref.steps:
        case (str(table), str(list_), Element(())):
            return _appender(ref, table, list_)
    if ref.in_list or len(ref.steps) > 2:
        return lambda payload, base, value: write(payload, base, ref, value, as_text=as_text)
    *way, key = (str(s) for s in ref.steps)
    if not way:

        def at_the_top(payload: dict[str, Any], base: Mapping[str, Any] | None, value: Any) -> None:
            payload[key] = value

        return at_the_top
    outer = way[0]

    def plain(payload: dict[str, Any], base: Mapping[str, Any] | None, value: Any) -> None:
        if outer in payload:
            payload[outer][key] = value
        else:
            payload[outer] = {key: value}

    return plain


def _appender(ref: Ref, table: str, list_: str) -> Callable[[dict[str, Any], Mapping[str, Any] | None, Any], None]:
    """For `a.b()`: one more value of a list."""

    def append(payload: dict[str, Any], base: Mapping[str, Any] | None, value: Any) -> None:
        if base is not None:
            write(payload, base, ref, value)
        elif table not in payload:
            payload[table] = {list_: [value]}
        elif list_ in payload[table]:
            payload[table][list_].append(value)
        else:
            payload[table][list_] = [value]

    return append


def remove(payload: dict[str, Any], base: Mapping[str, Any], ref: Ref) -> None:
    """Take the element that a field lives in out of its list."""
    elements, step = _list_of(payload, base, ref)
    first = next((i for i, e in enumerate(elements) if step.fits(e)), None)
    if first is not None:
        del elements[first]


def reconcile(
    payload: dict[str, Any], base: Mapping[str, Any] | None, ref: Ref, keep: Callable[[Any], bool],
    added: list[Any], *, as_text: bool = False,
) -> None:  # fmt: skip
    """A set that is spread over a list's elements: those whose value is kept stay as they are, foreign ones too; the
    other fitting ones go, and each added value gets an element of its own."""
    elements, step = _list_of(payload, base, ref)
    tail = ref.steps[len(ref.element) :]
    inner = Ref(ref.text, tail)
    elements[:] = [e for e in elements if not step.fits(e) or keep(read(e, inner) if tail else e)]
    for value in added:
        if not tail:
            elements.append(value)
            continue
        made = step.new(as_text=as_text)
        write(made, None, inner, value)
        elements.append(made)


def _list_of(payload: dict[str, Any], base: Mapping[str, Any] | None, ref: Ref) -> tuple[list[Any], Element]:
    """The list (in the payload, copied from the base) of the last element step, and that step."""
    steps = ref.element
    here: Any = payload
    there: Any = base
    for step, following in pairwise(steps):
        if isinstance(step, Element):
            element = next((e for e in here if step.fits(e)), None)
            if element is None:
                element = step.new()
                here.append(element)
            here = there = element
        else:
            here, there = _down(here, there, step, isinstance(following, Element))
    found = steps[-1]
    assert isinstance(found, Element)
    return here, found


def _down(here: Any, there: Any, step: str, to_list: bool) -> tuple[Any, Any]:
    """One key further into payload and base, making the way in the payload."""
    there = there.get(step) if isinstance(there, Mapping) else None
    if here.get(step) is None:
        if to_list:
            here[step] = copy.deepcopy(there) if isinstance(there, list) else []
        else:
            here[step] = {}
    return here[step], there


def touched(payload: Mapping[str, Any], base: Mapping[str, Any] | None, ref: Ref) -> list[dict[str, Any]]:
    """The elements, fit for `ref` to live in, that the payload changes or adds (those are `New`)."""
    *place, step = ref.element
    assert isinstance(step, Element)
    after = read(payload, Ref("", tuple(place)))
    before = read(base, Ref("", tuple(place)))
    old = before if isinstance(before, list) else []
    elements = after if isinstance(after, list) else []
    return [e for e in elements if isinstance(e, dict) and step.fits(e) and (isinstance(e, New) or e not in old)]


def put_in(element: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        element = element.setdefault(key, {})
    element[keys[-1]] = value


def merged(base: Any, payload: Any) -> Any:
    """What a platform that keeps what it is not told holds after `payload`; lists are replaced."""
    if isinstance(payload, Mapping):
        out = dict(base) if isinstance(base, Mapping) else {}
        for key, value in payload.items():
            out[key] = merged(out.get(key), value)
        return out
    return [merged(None, item) for item in payload] if isinstance(payload, list) else payload


def _dig(element: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        element = element.get(key) if isinstance(element, Mapping) else None
    return element


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
