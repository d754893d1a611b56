"""Conversion events out of a file: JSONL, one event a line, or CSV with one heading per path.

    {"id": "order-42", "name": "Purchase", "at": "2026-11-26T10:00:00Z", "contact.email": "ada@example.com",
     "value": "30.50", "currency": "EUR", "channel": "web", "source_url": "https://shop.example.com/thanks"}

Paths are the event's own (`id`, `name`, `at`, `value`, `click_ids.fbc`, `custom.plan` …) and, under `contact.`, the contact's. In
JSONL `contact`, `click_ids`, `lead_ids` and `custom` may be tables too, and `items` is a list.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from stagebridge.contact import Contact, kind_of
from stagebridge.document import nearest
from stagebridge.errors import ConfigError
from stagebridge.event import ConversionEvent
from stagebridge.mapping.event_paths import KINDS, event_kind
from stagebridge.normalize import Invalid, phone

TABLES = ("contact", "click_ids", "lead_ids", "custom")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row that is no event, and why."""

    line: int
    why: str


def events_in(path: Path, region: str | None = None) -> Iterator[ConversionEvent | Wrong]:
    """Every row as an event, or why it is none. `region` reads national phone numbers. Raises `ConfigError` for a file that
    cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _jsonl(file) if path.suffix in (".jsonl", ".ndjson") else _csv(file)
            for line, row in rows:
                yield row if isinstance(row, Wrong) else _event(line, row, region)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="Give a .jsonl or .csv file in UTF-8.") from None


def _jsonl(file: Any) -> Iterator[tuple[int, dict[str, Any] | Wrong]]:
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield line, Wrong(line, f"no JSON: {error}")
            continue
        yield line, row if isinstance(row, dict) else Wrong(line, "no JSON object")


def _csv(file: Any) -> Iterator[tuple[int, dict[str, Any] | Wrong]]:
    head = file.readline()
    headings = next(csv.reader([head], delimiter=(sign := max(",;\t", key=head.count))), [])
    reader = csv.reader(file, delimiter=sign)
    for cells in reader:
        line = reader.line_num + 1
        if not cells:
            continue
        if len(cells) != len(headings):
            yield line, Wrong(line, f"{len(cells)} columns, and the file has {len(headings)} headings")
        else:
            yield line, {h.strip(): c.strip() for h, c in zip(headings, cells, strict=True) if c.strip()}


def _event(line: int, row: Mapping[str, Any], region: str | None) -> ConversionEvent | Wrong:
    flat = {k: v for name, value in row.items() for k, v in _spread(name, value)}
    for path in flat:
        if event_kind(path) is None and path not in ("raw", "items"):
            near = nearest(path, [*KINDS, *(f"contact.{p}" for p in ("email", "phone", "first_name", "last_name"))])
            also = f"; write contact.{path}" if kind_of(path) is not None else near
            return Wrong(line, f"an event has no path '{path}'{also}")
    made: dict[str, Any] = {}
    person: dict[str, Any] = {}
    try:
        for path, value in flat.items():
            head, _, rest = path.partition(".")
            if head == "contact":
                number = rest in ("phone", "mobile") and isinstance(value, str)
                person[rest] = phone(value, region) if number else value
            elif rest:
                made.setdefault(head, {})[rest] = value
            else:
                made[path] = value
        return ConversionEvent.model_validate({**made, "contact": Contact.from_paths(person)})
    except Invalid as error:
        return Wrong(line, f"contact.phone: {error}")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return Wrong(line, f"{where}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": "))
    except ValueError as error:
        return Wrong(line, str(error))


def _spread(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if name in TABLES and isinstance(value, dict):
        for key, inner in value.items():
            yield from _spread(f"{name}.{key}", inner) if name != "custom" else [(f"{name}.{key}", inner)]
    elif name.startswith("contact.") and isinstance(value, dict):
        for key, inner in value.items():
            yield f"{name}.{key}", inner
    else:
        yield name, value


__all__ = ["Wrong", "events_in"]
