"""vcrpy's cassette, stricter: every request must be, byte for byte, the one that was recorded next.

vcrpy alone would play interactions in any order, compare JSON as values and queries without their empty parameters, and
let a connector live on that survives the exception for a request that was never recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from vcr.cassette import Cassette
from vcr.matchers import method, raw_body, uri
from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.request import Request

from tape import Message

HOST = re.compile("^https?://[^/?#]*")
KEPT_OF_REQUESTS = ("authorization", "content-type", "sforce-")
KEPT_OF_ANSWERS = ("content-type", "date", "location", "retry-after", "sforce-", "x-hubspot-ratelimit-")
"""What the names of headers begin with that are worth reading; no other is ever kept. Of `Authorization`, a placeholder tells
which token was used."""


class Deck(Cassette):  # type: ignore[misc]  # vcrpy is not typed
    """`strays` are requests that could not be played."""

    def __init__(self, path: str, **kwargs: Any) -> None:
        super().__init__(path, **kwargs)
        self.host = path
        """Takes the place of every host that is recorded; a replay is sent there and nowhere else."""
        self.strays: list[str] = []

    @property
    def records(self) -> bool:
        return bool(self.record_mode == "all")

    def can_play_response_for(self, request: Any) -> bool:
        if self.records:
            return False
        sent, recorded = _message(request), self.expected()
        wrong = "nothing more was recorded" if recorded is None else difference(sent, recorded)
        if wrong:
            self.strays.append(f"{sent.method} {sent.uri}: {wrong}")
        return not wrong

    def expected(self) -> Message | None:
        """The request that comes next."""
        turn = self.play_count
        return _message(self.requests[turn]) if turn < len(self) else None

    def play_response(self, request: Any) -> Any:
        turn = self.play_count
        self.play_counts[turn] += 1
        return self.responses[turn]

    def interactions(self) -> list[tuple[Message, Message]]:
        """What was recorded, or what has been played so far."""
        number = len(self) if self.records else self.play_count
        return [
            (_message(sent, self.host), _answer(got)) for sent, got in zip(self.requests, self.responses, strict=True)
        ][:number]


def difference(sent: Message, recorded: Message) -> str:
    """What keeps a request from being the recorded one; empty if nothing does."""
    for name in ("method", "uri", "headers", "body"):
        one, other = getattr(sent, name), getattr(recorded, name)
        if one != other:
            if isinstance(one, dict):
                return f"its headers are {one}, and {other} was recorded"
            at = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            begin = max(0, at - 40)
            return f"its {name} has {one[begin : at + 40]!r} where {other[begin : at + 40]!r} was recorded"
    return ""


@contextmanager
def deck(host: str, interactions: Sequence[tuple[Message, Message]] | None) -> Iterator[Deck]:
    """Plays these interactions; records where there are none to play (None). Nothing is written here."""
    mode = "all" if interactions is None else "none"
    matchers = (method, uri, raw_body)  # for vcrpy's sentences only: what is played is decided above
    with Deck.use(path=host, persister=_Hand(interactions), record_mode=mode, match_on=matchers) as made:
        yield made


class _Hand:
    """The interactions, where vcrpy expects a file."""

    def __init__(self, interactions: Sequence[tuple[Message, Message]] | None) -> None:
        self._interactions = interactions

    def load_cassette(self, _path: str, serializer: Any) -> Any:
        if self._interactions is None:
            raise CassetteNotFoundError
        requests = [Request(sent.method, sent.uri, sent.body, dict(sent.headers)) for sent, _ in self._interactions]
        responses = [
            {
                "status": {"code": got.status, "message": ""},
                "headers": {name: [value] for name, value in got.headers.items()}, "body": {"string": got.body},
            }
            for _, got in self._interactions
        ]  # fmt: skip
        return requests, responses

    def save_cassette(self, _path: str, _cassette: Any, serializer: Any) -> None:
        """Whoever records keeps it, once it has passed its test and been scrubbed."""


def _message(request: Any, host: str | None = None) -> Message:
    uri = request.uri if host is None else HOST.sub(host, request.uri, count=1)
    headers = {n.title(): _header(v) for n, v in request.headers.items() if n.lower().startswith(KEPT_OF_REQUESTS)}
    return Message(dict(sorted(headers.items())), request.body_bytes or b"", method=request.method, uri=uri)


def _answer(response: Any) -> Message:
    kept = {n: v for n, v in response["headers"].items() if n.lower().startswith(KEPT_OF_ANSWERS)}
    headers = {n.title(): ", ".join(_header(v) for v in values) for n, values in sorted(kept.items())}
    return Message(headers, response["body"]["string"] or b"", status=response["status"]["code"])


def _header(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return "Basic scrubbed" if text.lower().startswith("basic ") else text


__all__ = ["Deck", "deck", "difference"]
