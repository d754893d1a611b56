"""The rows of a file, one at a time, each with the very text that it stands in: a row that nobody changes is written back
byte for byte, and one that cannot be read is handed on as it is."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is written: `csv` or `jsonl`, its encoding, and for CSV the delimiter and the headings."""

    format: str
    encoding: str
    delimiter: str = ","
    headings: tuple[str, ...] = ()
    newline: str = "\n"
    mark: bool = False
    """Whether it begins with a byte order mark."""


@dataclass(slots=True)
class Row:
    """One record: `line` is where it begins (from 1), `raw` its text with the line's end, `wrong` why it cannot be read."""

    line: int
    raw: str
    values: dict[str, Any] = field(default_factory=dict)
    wrong: str = ""


def shape_of(path: Path, format: str, encoding: str, delimiter: str | None) -> Shape:
    """Look at the beginning of a file. Raises `OSError`, `LookupError` for an unknown encoding."""
    with path.open("rb") as raw:
        mark = raw.read(3) == codecs.BOM_UTF8
    encoding = "utf-8-sig" if mark else encoding
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        first = file.readline()
    newline = "\r\n" if first.endswith("\r\n") else "\n"
    if format == "jsonl":
        return Shape(format, encoding, newline=newline, mark=mark)
    delimiter = delimiter or max(",;\t", key=first.count)
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        headings = next(csv.reader(file, delimiter=delimiter), [])
    return Shape(format, encoding, delimiter, tuple(h.strip() for h in headings), newline, mark)


def rows(path: Path, shape: Shape) -> Iterator[Row]:
    """Every row after the headings. Memory does not grow with the file."""
    with path.open(encoding=shape.encoding, errors="surrogateescape", newline="") as file:
        yield from (_csv if shape.format == "csv" else _jsonl)(file, shape)


def _csv(file: io.TextIOBase, shape: Shape) -> Iterator[Row]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line

    reader, line = csv.reader(lines(), delimiter=shape.delimiter, strict=True), 1
    while True:
        wrong, cells = "", None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            wrong = f"no CSV: {error}"
        begins, raw = line, "".join(taken)
        line += len(taken)
        taken.clear()
        if begins == 1 or (cells is not None and not cells):
            continue  # the headings; an empty line
        row = Row(begins, raw, wrong=wrong)
        if cells is not None and len(cells) != len(shape.headings):
            row.wrong = f"{len(cells)} columns, and the file has {len(shape.headings)} headings"
        elif cells is not None:
            row.values = dict(zip(shape.headings, cells, strict=True))
        yield _checked(row)


def _jsonl(file: io.TextIOBase, shape: Shape) -> Iterator[Row]:
    for number, raw in enumerate(file, 1):
        if not raw.strip():
            continue
        row = Row(number, raw)
        try:
            row.values = orjson.loads(raw.encode("utf-8", "surrogateescape"))
        except ValueError:
            row.wrong = f"no JSON in {shape.encoding}"
        else:
            if not isinstance(row.values, dict):
                row.values, row.wrong = {}, "no JSON object"
        yield _checked(row)


def _checked(row: Row) -> Row:
    if not row.wrong and any("\ud800" <= c <= "\udfff" for c in row.raw):
        row.values, row.wrong = {}, "bytes that are not in the file's encoding"
    return row


def text_of(values: Mapping[str, Any], shape: Shape) -> str:
    """A row as it is written. Raises `UnicodeEncodeError` where the file's encoding has no such character."""
    if shape.format == "jsonl":
        text = orjson.dumps(values).decode() + shape.newline
    else:
        out = io.StringIO()
        cells = ["" if values.get(h) is None else values[h] for h in shape.headings]
        csv.writer(out, delimiter=shape.delimiter, lineterminator=shape.newline).writerow(cells)
        text = out.getvalue()
    text.encode(shape.encoding)
    return text


def headings_text(shape: Shape) -> str:
    return text_of(dict(zip(shape.headings, shape.headings, strict=True)), shape) if shape.format == "csv" else ""


__all__ = ["Row", "Shape", "headings_text", "rows", "shape_of", "text_of"]
