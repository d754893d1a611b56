"""What Zendesk's answers mean. Errors come in several shapes: `error` is a word or a table, `details` a sentence, a table of
lists or a table of tables; a row of a job has them in places of its own. Their sentences quote the values of people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stagebridge.errors import AuthError
from stagebridge.http import Again, Lost, Renew, Response, Verdict, judge_by_status, retry_after

ADDRESS = re.compile(r"[^\s\[\]\"',:;()]+@[^\s\[\]\"',:;()]+")
NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d")
CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
LABEL = re.compile(r"\W*([A-Za-z_]+)")
TAKEN = ("duplicatevalue", "already being used", "already been taken", "already taken", "is taken", "already exists")
MISSING = ("recordnotfound", "usernotfound", "notfound", "not found", "does not exist", "could not find")
PASSING = ("databaseconflict", "conflict", "toomanyrequests", "internalerror", "unknownerror", "timeout")
NAMES = {"email": "email", "phone": "phone", "name": "name", "external": "external_id",
         "external_id": "external_id", "tags": "tags", "role": "role", "locale": "locale"}  # fmt: skip
RESETS = re.compile(r"resets=(\d+)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something was refused: Zendesk's own word, a sentence without anybody's values, and the fields at fault."""

    code: str
    said: str
    fields: tuple[str, ...] = ()
    words: str = ""
    """Everything that was said, in lower case, to be looked into and not to be shown."""

    @property
    def taken(self) -> bool:
        """Somebody else holds a value that must be unique."""
        return any(w in self.words for w in TAKEN)

    @property
    def missing(self) -> bool:
        return any(w in self.words for w in MISSING)

    @property
    def passing(self) -> bool:
        """Nothing that is wrong with the record."""
        return self.code.casefold() in PASSING


def judge(response: Response) -> Verdict:
    """Too many jobs are for the caller, who knows which of them are ours; so is what was refused for good."""
    status = response.status
    if status in (200, 201, 202, 204):
        odd = response.content and status != 202 and not response.is_json
        return Lost(f"HTTP {status} that is not Zendesk's") if odd else None
    if status < 400:
        return Lost(f"HTTP {status} that is not Zendesk's")
    if status == 401:
        # once more before it is believed: whoever looks after the token may be replacing it this moment
        return Renew(AuthError(
            "Zendesk does not accept these credentials", code="SB-ZENDESK-TOKEN",
            hint="Check the e-mail address and the API token, or the OAuth token, in the Admin Center.",
        ))  # fmt: skip
    if status == 429:
        return None if too_many_jobs(response) else Again(retry_after(response) or _resets(response), "HTTP 429")
    if status >= 500:
        return judge_by_status(response) or Lost(f"HTTP {status}")
    return None


def too_many_jobs(response: Response) -> bool:
    return response.status == 429 and response.object().get("error") == "TooManyJobs"


def jobs_wait(response: Response) -> float:
    """Seconds after which the account may take another job."""
    said = RESETS.search(str(response.headers.get("zendesk-ratelimit-inflight-jobs", "")))
    return retry_after(response) or (float(said[1]) if said else 0.0) or 10.0


def _resets(response: Response) -> float | None:
    said = str(response.headers.get("ratelimit-reset", ""))
    return float(said) if said.isdigit() and int(said) else None


def trouble(error: Mapping[str, Any], values: Iterable[str] = ()) -> Trouble:
    """What an error body, or a failed row of a job, says; `values` are a person's, which no sentence may repeat."""
    word = error.get("error")
    parts = [str(word.get(k) or "") for k in ("title", "message")] if isinstance(word, dict) else [str(word or "")]
    parts += [
        str(error.get(k) or "") for k in ("description", "errors", "message") if not isinstance(error.get(k), dict)
    ]
    found = list(_details(error.get("details")))
    fields = {NAMES.get(n, n): code for n, code, _ in found if n}
    texts = [t for t in (*(t for _, _, t in found), *parts) if t]
    for text in texts:
        label = LABEL.match(text)
        if not fields and label and label[1].casefold() in NAMES:
            fields[NAMES[label[1].casefold()]] = ""
    codes = [c for c in fields.values() if c] + [p for p in parts if CODE.fullmatch(p)]
    code = next(iter(codes), "") or (
        "DuplicateValue" if any(w in t.casefold() for t in texts for w in TAKEN) else "Row"
    )
    shown = "; ".join(dict.fromkeys(_without(t, values) for t in texts if not CODE.fullmatch(t))) or code
    words = " ".join((*texts, *codes)).casefold()
    return Trouble(code, f"Zendesk says: {shown}"[:240], tuple(fields), words)


def _details(details: Any) -> Iterator[tuple[str, str, str]]:
    """(field, code, sentence) of every detail."""
    if isinstance(details, str):
        yield "", "", details
    elif isinstance(details, list):
        for inner in details:
            yield from _details(inner)
    elif isinstance(details, dict) and ("description" in details or "error" in details):
        yield "", str(details.get("error") or ""), str(details.get("description") or "")
    elif isinstance(details, dict):
        for name, inner in details.items():
            for _, code, text in _details(inner):
                yield str(name), code, text


def _without(text: str, values: Iterable[str]) -> str:
    for value in sorted({v for v in values if len(v) > 1}, key=len, reverse=True):
        text = re.sub(re.escape(value), "…", text, flags=re.IGNORECASE)
    return NUMBER.sub("…", ADDRESS.sub("…", text)).strip()


def texts_in(value: Any) -> Iterator[str]:
    """Every text of a payload, for `trouble`; its own words (a role, an option) may be said."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("role", "user_fields"):
                yield from texts_in(inner)
        yield from (
            v for v in (value.get("user_fields") or {}).values() if isinstance(v, str) and not CODE.fullmatch(v)
        )
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def moment(text: Any) -> datetime | None:
    """An ISO time of an answer; None if there is none."""
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
