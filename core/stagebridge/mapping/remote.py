"""Remote field references: `a.b`, `` `dotted.key` ``, `list(k=v).x`; reading them from a record, writing them onto one."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Absent:
    """The record does not say: neither a value nor empty."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()

_SEGMENT = re.compile(r"`([^`]+)`|([^.()`]+)|(\(([^)]*)\))")


@dataclass(frozen=True, slots=True)
class Element:
    """The elements of a list whose keys have these values; no condition: any element."""

    where: tuple[tuple[tuple[str, ...], str], ...]

    def fits(self, element: Any) -> bool:
        return all(_text(_dig(element, keys)) == value for keys, value in self.where)

    def new(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for keys, value in self.where:
            inner = made
            for key in keys[:-1]:
                inner = inner.setdefault(key, {})
            inner[keys[-1]] = value
        return made


@dataclass(frozen=True, slots=True)
class Ref:
    """A parsed reference; `text` is how it was written."""

    text: str
    steps: tuple[str | Element, ...]

    @property
    def in_list(self) -> bool:
        return any(isinstance(s, Element) for s in self.steps)


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


def read_all(record: Any, ref: Ref) -> list[Any] | Absent | None:
    """Every element's value, for paths that are sets."""
    here: list[Any] = [record]
    for step in ref.steps:
        found: list[Any] = []
        for value in here:
            if isinstance(step, Element):
                if isinstance(value, list):
                    found += [e for e in value if step.fits(e)]
            elif isinstance(value, Mapping) and step in value:
                found.append(value[step])
        if not found:
            return [] if any(isinstance(s, Element) for s in ref.steps[: ref.steps.index(step) + 1]) else ABSENT
        here = found
    if here == [None]:
        return None
    return [x for v in here for x in (v if isinstance(v, list) else [v])]


def write(payload: dict[str, Any], base: Mapping[str, Any] | None, ref: Ref, value: Any) -> None:
    """Put a value into the payload. A list is copied from the base the first time it is touched and sent whole."""
    here: Any = payload
    there: Any = base
    for i, step in enumerate(ref.steps):
        last = i == len(ref.steps) - 1
        following = None if last else ref.steps[i + 1]
        if isinstance(step, Element):
            element = next((e for e in here if step.fits(e)), None)
            if element is None:
                element = step.new()
                here.append(element)
            there = element
            here = element
        elif last:
            here[step] = value
        else:
            there = there.get(step) if isinstance(there, Mapping) else None
            if step not in here or here[step] is None:
                if isinstance(following, Element):
                    here[step] = copy.deepcopy(there) if isinstance(there, list) else []
                else:
                    here[step] = {}
            here = here[step]


def merged(base: Any, payload: Any) -> Any:
    """What a platform that keeps what it is not told holds after `payload`; for laws, previews and tests."""
    if isinstance(base, Mapping) and isinstance(payload, Mapping):
        out = dict(base)
        for key, value in payload.items():
            out[key] = merged(base.get(key), value)
        return out
    return copy.deepcopy(payload)


def _dig(element: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        element = element.get(key) if isinstance(element, Mapping) else None
    return element


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
