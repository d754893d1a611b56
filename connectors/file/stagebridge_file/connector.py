"""One file of contacts: CSV with headings, or JSONL with one object a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from stagebridge.connector import (
    Capabilities,
    Connector,
    ConnectorSettings,
    Cursor,
    Done,
    Entry,
    Gone,
    Health,
    Outcome,
    Page,
    Read,
    Record,
    Refusal,
    Rejected,
    Retry,
    Schema,
    Stage,
    Write,
)
from stagebridge.errors import ConfigError
from stagebridge.mapping import Missing
from stagebridge_file.aside import Rejects, Seen
from stagebridge_file.codes import CODES
from stagebridge_file.rewrite import rewritten
from stagebridge_file.rows import Row, Shape, headings_text, rows, shape_of, text_of

OBJECT = "contacts"
PAGE = 500
BATCH = 2000
"""Rows of one rewrite: a file is written anew as a whole, so a batch is as large as memory likes."""


class FileSettings(ConnectorSettings):
    """`path` is beside the configuration unless it begins with a slash."""

    path: Path = Field(description="The file; its ending says what it is: .csv or .jsonl.")
    format: Literal["csv", "jsonl"] | None = Field(default=None, description="If the ending does not say it.")
    delimiter: str | None = Field(default=None, description="Of CSV: , ; or a tab, if not the first line's own.")
    encoding: str = Field(default="utf-8", description="utf-8 (a byte order mark is understood), cp1252 …")
    id: str | None = Field(default=None, description="The heading that tells rows apart, if not the mapping's.")
    rejects: Path | None = Field(default=None, description="Where bad rows go; PATH.rejects.csv if nothing is said.")


class File(Connector):
    """A file is read from its beginning whenever it has changed; the engine's fingerprints make rows that did not cheap.
    A row that is gone is not a deletion: lists are cut and filtered. Writing replaces the file in one step, keeps every row
    that is not written byte for byte, and refuses while somebody else changes it."""

    platform = "file"
    Settings = FileSettings
    capabilities = Capabilities(
        read=Read(incremental=True), write=Write(batch=BATCH), stage=Stage(backward="free"),
        provision="api", archive=True, erase="whole",
    )  # fmt: skip
    codes: ClassVar[Mapping[str, tuple[str, str]]] = CODES
    settings: FileSettings

    def __init__(self, settings: ConnectorSettings | None = None, **values: Any) -> None:
        super().__init__(settings, **values)
        self.path = self.settings.path
        self._seen: tuple[int, int] | None = None
        """Size and time of the file when it was looked at last: a write onto anything else is refused."""

    # --- the account -------------------------------------------------------------------------------------------

    @property
    def format(self) -> str:
        return self.settings.format or {".jsonl": "jsonl", ".ndjson": "jsonl"}.get(self.path.suffix, "csv")

    @property
    def id_heading(self) -> str:
        if self.settings.id is not None:
            return self.settings.id
        assert self.mapping is not None
        return self.mapping.shape(OBJECT).id.text

    def check(self) -> Health:
        shape, problems, warnings = self._shape(), [], []
        if self.mapping is not None and shape.format == "csv":
            wanted = set(self.mapping.remote_fields(OBJECT))
            if self.id_heading not in shape.headings:
                problems.append(
                    f"{self.path.name} has no heading '{self.id_heading}', which tells its rows apart; it has "
                    f"{', '.join(shape.headings)}. Set `id:`, or a mapping for this kind of file."
                )
            unread = [h for h in shape.headings if h not in wanted and h != self.id_heading]
            if unread:
                warnings.append(f"the mapping does not read {', '.join(unread)}")
        if not os.access(self.path.parent, os.W_OK):
            warnings.append(f"{self.path.parent} cannot be written to: the file can be read only")
        return Health(str(self.path), tuple(problems), tuple(warnings))

    def discover(self) -> Schema:
        headings = self._shape().headings if self.path.exists() else ()
        return Schema({"fields": {OBJECT: {h: h for h in headings}}, "options": {}, "owners": {}})

    def provision(self, missing: Sequence[Missing], *, dry_run: bool = True) -> list[str]:
        """Add headings at the end."""
        shape = self._shape()
        new = [m.name for m in missing if m.name not in shape.headings]
        if new and not dry_run:
            wider = replace(shape, headings=(*shape.headings, *new))
            with rewritten(self.path, shape.encoding) as out:
                out.write(headings_text(wider))
                out.writelines(row.raw if row.wrong else text_of(row.values, wider) for row in rows(self.path, shape))
        return [f"heading '{name}'" for name in new]

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, object: str, since: Cursor | datetime | None = None) -> Iterator[Page]:
        began = self.clock.now()
        shape, mark = self._shape(), self._stamp()
        held = since if isinstance(since, dict) else {}
        if held.get("file") == list(mark) and held.get("rows") is None:
            yield Page([], held, began)
            return
        done = int(held.get("rows") or 0) if held.get("file") == list(mark) else 0
        page: list[Record] = []
        with Rejects(self._rejects_path) as rejects:
            for number, (row, id_) in enumerate(self._good(shape, rejects), 1):
                if number <= done:
                    continue
                page.append(self._record(row, id_, mark, rejects))
                if len(page) == PAGE:
                    yield Page(page, {"file": list(mark), "rows": number})
                    page = []
        yield Page(page, {"file": list(mark), "rows": None}, began)

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        wanted = set(ids)
        return {r.id: r for r in self._records(lambda row, id_: id_ in wanted)}

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        assert self.mapping is not None
        heading = self.mapping.field(by, object) or ""
        wanted = {v.strip().casefold() for v in values}
        return self._records(lambda row, id_: str(row.values.get(heading) or "").strip().casefold() in wanted)

    def _records(self, fits: Callable[[Row, str], bool]) -> list[Record]:
        shape, mark = self._shape(), self._stamp()
        self._seen = mark
        return [self._record(row, id_, mark, None) for row, id_ in self._good(shape, None) if fits(row, id_)]

    def _record(self, row: Row, id_: str, mark: tuple[int, int], rejects: Rejects | None) -> Record:
        if rejects is not None and self.mapping is not None:
            for path, why in self.mapping.read(row.values, OBJECT).problems.items():
                rejects.add(row, f"{path}: {why}; the row was taken without it")
        return Record(OBJECT, id_, row.values, datetime.fromtimestamp(mark[1] / 1e9, UTC))

    def _good(self, shape: Shape, rejects: Rejects | None) -> Iterator[tuple[Row, str]]:
        """Rows that can be read, each with its id; the first of those with one id."""
        heading = self.id_heading
        with Seen() as seen:
            for row in rows(self.path, shape):
                id_ = str(row.values.get(heading) or "").strip()
                wrong = row.wrong or ("" if id_ else f"nothing stands under '{heading}', which tells rows apart")
                if not wrong and (first := seen.before(id_, row.line)):
                    wrong = f"the same '{heading}' as line {first}"
                if not wrong:
                    yield row, id_
                elif rejects is not None:
                    rejects.add(row, wrong)

    # --- writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        """One rewrite of the file for the whole batch."""
        if len(batch) > BATCH:
            raise ConfigError(f"a file takes at most {BATCH} rows in one call, not {len(batch)}")
        shape, heading = self._shape(), self.id_heading
        if self._seen not in (None, self._stamp()):
            return [Retry(1.0, "somebody changed the file meanwhile") for _ in batch]
        updates = {e.remote_id: i for i, e in enumerate(batch) if e.remote_id is not None}
        outcomes: list[Outcome | None] = [None] * len(batch)
        with rewritten(self.path, shape.encoding) as out:
            out.write(headings_text(shape))
            for row, id_ in self._all(shape, heading):
                at = updates.pop(id_, None) if id_ is not None else None
                if at is None:
                    out.write(row.raw)
                    continue
                payload = {h: v for h, v in batch[at].payload.items() if h != heading}
                outcomes[at], text = self._put({**row.values, **payload}, str(id_), batch[at], shape)
                out.write(text or row.raw)
            for i, entry in enumerate(batch):
                if entry.remote_id is None:
                    id_ = str(entry.payload.get(heading) or entry.key or "")
                    outcomes[i], text = self._put({**entry.payload, heading: id_}, id_, entry, shape)
                    out.write(text)
        self._seen = self._stamp()
        return [Gone() if o is None else o for o in outcomes]

    def _put(self, values: Mapping[str, Any], id_: str, entry: Entry, shape: Shape) -> tuple[Outcome, str]:
        try:
            text = text_of(values, shape)
        except UnicodeEncodeError as error:
            odd = next(h for h, v in values.items() if isinstance(v, str) and error.object[error.start] in v)
            return Rejected("SB-FILE-ENCODING", f"{shape.encoding} has no such character", (odd,)), ""
        refused = (
            (Refusal(self.id_heading, "SB-FILE-ID", "what tells the rows apart is not changed"),)
            if entry.remote_id is not None and self.id_heading in entry.payload
            else ()
        )
        return Done(id_, Record(OBJECT, id_, dict(values)), refused), text

    def archive(self, object: str, remote_id: str) -> Outcome:
        shape = self._shape()
        with rewritten(self.path, shape.encoding) as out:
            out.write(headings_text(shape))
            for row, id_ in self._all(shape, self.id_heading):
                if id_ != remote_id:
                    out.write(row.raw)
        self._seen = self._stamp()
        return Done(remote_id)

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        return self.archive(object, remote_id)

    def _all(self, shape: Shape, heading: str) -> Iterator[tuple[Row, str | None]]:
        """Every row, with its id where it is a good one."""
        with Seen() as seen:
            for row in rows(self.path, shape):
                id_ = str(row.values.get(heading) or "").strip()
                good = not row.wrong and id_ and not seen.before(id_, row.line)
                yield row, id_ if good else None

    # --- the file ----------------------------------------------------------------------------------------------

    @property
    def _rejects_path(self) -> Path:
        return self.settings.rejects or self.path.with_suffix(".rejects.csv")

    def _stamp(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_size, found.st_mtime_ns

    def _shape(self) -> Shape:
        try:
            shape = shape_of(self.path, self.format, self.settings.encoding, self.settings.delimiter)
        except OSError as error:
            raise ConfigError(
                f"{self.path}: {error.strerror}", hint="Give the path of a file that can be read."
            ) from None
        except LookupError:
            raise ConfigError(
                f"no encoding is called '{self.settings.encoding}'", hint="Write utf-8 or cp1252."
            ) from None
        twice = next((h for h in shape.headings if shape.headings.count(h) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"{self.path.name}: the heading '{twice}' is there twice", hint="Rename one of the columns."
            )
        return shape


__all__ = ["File", "FileSettings"]
