"""What TikTok's answers mean: the body's `code` decides, whatever HTTP says with it.

TikTok answers HTTP 200 to nearly everything, errors too; others have seen 401 and 400 with the same body. What has no code
is not TikTok's. No table of codes is published; this one is put together from third parties. Messages may quote the values of
people: what is stored or shown is said in our words, with the request's id for TikTok's support.
"""

from __future__ import annotations

import re
from typing import Any

from stagebridge.errors import AuthError, BatchRefused, PlatformDown, StagebridgeError
from stagebridge.http import Again, Lost, Response, Verdict, judge_by_status

OK, IN_PART, DENIED, INVALID, NOT_FOUND = 0, 20001, 40001, 40002, 40007
LIMITS = frozenset({40016, 40100, 40132, 40133})
"""Calls per second or per day are used up; which of them is whose is not documented."""
REFUSED = {
    40101: "app id and secret do not fit", 40102: "the token has expired", 40104: "the token is empty",
    40105: "the token is wrong or was revoked", 40107: "the token cannot be refreshed", 40110: "the authorisation code is wrong",
}  # fmt: skip
"""Codes about credentials."""

EVENT_AT = re.compile(r"\s*Batch\.(\d+)(?:\.([a-z_]\w*(?:\.\w+){0,5}))?", re.ASCII)
TOP = re.compile(r"\s*(event_source_id|event_source|partner_name|test_event_code)\b")
"""Fields of the call itself: a fault there is no event's."""


class Hearing:
    """The judge of one call to `about`, a source. `failed`: TikTok has reported an error of its own, and may have taken a
    part before it."""

    def __init__(self, about: str) -> None:
        self.about = about
        self.failed = False

    def __call__(self, response: Response) -> Verdict:
        body = response.object()
        code = code_of(body)
        if code is None:
            return _not_tiktoks(response)
        if code in LIMITS:
            return Again(None, f"TikTok's rate limit, code {code}")
        if 50000 <= code < 60000:
            # repeated all the same: the ids of the events make it harmless
            self.failed = True
            return Again(None, f"an error of TikTok's own, code {code}")
        if code in (OK, IN_PART) or 40000 <= code < 50000:
            if (wrong := self._connection(code, request_of(body))) is not None:
                raise wrong
            return None
        return Lost(f"code {code}, which says neither yes nor no")

    def _connection(self, code: int, request: str) -> StagebridgeError | None:
        """What concerns the whole connection, as an error that stops this one and no other."""
        if code in REFUSED:
            return AuthError(
                f"TikTok refused the credentials: {REFUSED[code]} ({code}){request}", code="SB-TIKTOK-TOKEN",
                hint="Copy the token again, without 'Bearer '; it may have been revoked.",
            )  # fmt: skip
        if code == DENIED:
            return AuthError(
                f"the TikTok token may not report to {self.about} ({code}){request}", code="SB-TIKTOK-PERMISSION",
                hint="Check its id; the token needs the scope 'Measurement > Report Conversion Event' for it.",
            )  # fmt: skip
        if code == NOT_FOUND:
            return AuthError(
                f"TikTok knows no {self.about} ({code}){request}", code="SB-TIKTOK-SOURCE",
                hint="Copy its id from Events Manager.",
            )  # fmt: skip
        return None


def code_of(body: dict[str, Any]) -> int | None:
    """TikTok's own code; None where the answer is somebody else's."""
    code = body.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit():
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def request_of(body: dict[str, Any]) -> str:
    """The request's id, as messages end with it."""
    id_ = str(body.get("request_id") or "")
    return f" [request {id_}]" if re.fullmatch(r"[\w-]{1,64}", id_, re.ASCII) else ""


def refused(body: dict[str, Any], size: int) -> StagebridgeError:
    """Why nothing of a batch of so many events was taken: because of one, named by its place where TikTok names it, or
    because of a field of the call itself."""
    said, request = str(body.get("message") or ""), request_of(body)
    if (top := TOP.match(said)) is not None:
        return StagebridgeError(
            f"TikTok does not take this {top[1]} (40002){request}", code="SB-TIKTOK-REQUEST",
            hint="Look at the setting of that name; if there is none, it is a defect of stagebridge.",
        )  # fmt: skip
    named = EVENT_AT.match(said)
    index = int(named[1]) if named is not None and int(named[1]) < size else None
    field = named[2] if named is not None and named[2] else "an event, and does not say why"
    return BatchRefused(f"TikTok would not take {field} (40002){request}", index=index, code="SB-TIKTOK-40002")


def _not_tiktoks(response: Response) -> Verdict:
    status = response.status
    if (usual := judge_by_status(response)) is not None:
        return usual
    if 400 <= status < 500:
        raise PlatformDown(
            f"HTTP {status} came instead of an answer of TikTok's", code="SB-TIKTOK-ANSWER",
            hint="Nothing is lost. If it stays, look at `base_url` and at what stands between here and TikTok.",
        )  # fmt: skip
    return Lost(f"HTTP {status} without an answer of TikTok's")
