"""One HTTP client for every connector: pooled, always with a timeout, within the budget, retried by policy as data,
logged without secrets or people.

    client = Client("https://api.example.com", auth=auth, clock=clock, windows={"default": [Rate(100, 10)]})
    answer = client.request("POST", "/contacts", json={…}, effect=True)

`effect=True` marks a request that changes something: if it may have arrived and no answer came back, `NoAnswer` is
raised instead of sending it again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import orjson
import requests
import tenacity
from requests.adapters import HTTPAdapter

from stagebridge.budget import Budget
from stagebridge.clock import Clock, SystemClock
from stagebridge.connector import Rate
from stagebridge.errors import BudgetExhausted, NoAnswer, PlatformDown, StagebridgeError
from stagebridge.login import Login

log = logging.getLogger("stagebridge.http")

ROUTES = 64
"""Routes whose quickest answer is remembered each: those with ids in their path are too many."""
LONGEST_WAY = 0.25
"""Seconds that a request may need to arrive; if its answer takes longer still, that is the platform's own work."""

USER_AGENT = "stagebridge/0.1.0 (+https://github.com/stagebridge/stagebridge)"


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` are looked up in any case. The repr shows neither: they hold people and cookies."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    def json(self) -> Any:
        """The body; None where it is empty. Raises `orjson.JSONDecodeError` (a ValueError) for anything else."""
        return orjson.loads(self.content) if self.content else None

    def object(self) -> dict[str, Any]:
        """The body where it is a JSON object, an empty one for anything else."""
        try:
            body = self.json()
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "").lower()


class Auth(Protocol):
    """Where the credentials come from. `renew` is called at most once per request, after a `Renew` verdict, with the
    headers that were refused; it must let one caller through and hand the others that one's result."""

    def headers(self) -> Mapping[str, str]: ...

    def renew(self, refused: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Again:
    """The request was not carried out: send it again after `after` seconds (None: the policy's own delay)."""

    after: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Renew:
    """The credentials have expired: renew them once and send the request again."""

    otherwise: StagebridgeError


@dataclass(frozen=True, slots=True)
class Lost:
    """An answer that does not say whether the request was carried out (a gateway's error page)."""

    reason: str


Verdict = Again | Renew | Lost | None
Judge = Callable[[Response], Verdict]
"""Looks at an answer. None: hand it to the caller. It may raise a `StagebridgeError` of its own."""


def judge_by_status(response: Response) -> Verdict:
    """What holds for any HTTP service: 429 and 503 were not carried out; 500, 502 and 504 are anybody's guess."""
    if response.status in (429, 503):
        return Again(retry_after(response), f"HTTP {response.status}")
    if response.status in (500, 502, 504) or 520 <= response.status <= 526:
        return Lost(f"HTTP {response.status}")
    return None


def retry_after(response: Response) -> float | None:
    """Seconds from `Retry-After`, given as seconds or as a date; None if absent or unreadable."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    # measured against the answer's own Date: neither our clock nor its error comes into it
    until, now = _date(text), _date(response.headers.get("date")) or datetime.now(UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays double from `first` to `longest` seconds with jitter, for at most `attempts` requests."""

    attempts: int = 6
    first: float = 1.0
    longest: float = 30.0


class _Again(Exception):
    def __init__(self, verdict: Again | Lost) -> None:
        self.verdict = verdict


@dataclass
class Client:
    """`windows` names a budget per endpoint class; `skew` is the platform's clock minus ours, learnt from `Date`."""

    base_url: str
    auth: Auth | None = field(default=None, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    judge: Judge = judge_by_status
    windows: Mapping[str, Sequence[Rate]] = field(default_factory=dict)
    share: float = 1.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: float = 60.0
    pool: int = 16
    skew: float = 0.0

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self.session = requests.Session()
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=self.pool)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)
        self.session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"})
        self.session.auth = _as_they_are
        self.budgets = {n: Budget(rates, self.clock, self.share) for n, rates in self.windows.items()}
        self._quickest: dict[str, float] = {}
        self._environments: dict[str, Mapping[str, Any]] = {}
        self.sent = 0
        """Requests that left this client, retries included."""

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        endpoint: str = "default",
        effect: bool = False,
        judge: Judge | None = None,
        auth: bool = True,
    ) -> Response:
        """Send, wait, retry; returns any answer that the judge lets through, whatever its status.

        Raises `NoAnswer` (only with `effect`), `PlatformDown`, `BudgetExhausted`, and what the judge raises.
        """
        body, extra = data, dict(headers or {})
        if json is not None:
            body = orjson.dumps(json)
            extra.setdefault("Content-Type", "application/json")
        renewed = False

        def attempt() -> Response:
            nonlocal renewed
            while True:
                credentials = self.auth.headers() if self.auth and auth else {}
                response = self._send(method, path, params, body, extra, credentials, endpoint, effect)
                verdict = (judge or self.judge)(response)
                if isinstance(verdict, Renew):
                    if renewed or self.auth is None:
                        raise verdict.otherwise
                    renewed = True
                    self.auth.renew(credentials)
                    continue
                if isinstance(verdict, Again) and verdict.after and endpoint in self.budgets:
                    self.budgets[endpoint].pause(verdict.after)
                if isinstance(verdict, Lost) and effect:
                    raise NoAnswer(f"{method} {_shown(path)}: {verdict.reason}")
                if isinstance(verdict, Again | Lost):
                    raise _Again(verdict)
                return response

        backoff = tenacity.wait_random_exponential(multiplier=self.policy.first, max=self.policy.longest)

        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            after = (
                failure.verdict.after if isinstance(failure, _Again) and isinstance(failure.verdict, Again) else None
            )
            return backoff(state) if after is None else after

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            stop=tenacity.stop_after_attempt(self.policy.attempts),
            wait=wait,
            sleep=self.clock.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _Again as failure:
            raise PlatformDown(
                f"{urlsplit(self.base_url).netloc} gave no usable answer to {method} {_shown(path)} in "
                f"{self.policy.attempts} attempts ({failure.verdict.reason})",
                hint="Nothing is lost: run the same command again later.",
            ) from None

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Any,
        headers: Mapping[str, str],
        credentials: Mapping[str, str],
        endpoint: str,
        effect: bool,
    ) -> Response:
        url = path if path.startswith(("http://", "https://")) else urljoin(self.base_url + "/", path.lstrip("/"))
        if credentials and urlsplit(url)[:2] != urlsplit(self.base_url)[:2]:
            raise ValueError(f"credentials of {self.base_url} are not sent to {urlsplit(url).netloc}")
        try:
            request = self.session.prepare_request(
                requests.Request(method, url, params=params, data=body, headers={**headers, **credentials})
            )
            settings = self._environment(urlsplit(url).netloc)
            # everything that can be done before is: a call counts from here on, and should be gone at once
            turn = self.budgets[endpoint].acquire() if endpoint in self.budgets else None
            self.sent += 1
            began = time.monotonic()
            raw = self.session.send(request, timeout=(5, self.timeout), allow_redirects=False, **settings)
            content = raw.content
            if turn is not None:
                took = time.monotonic() - began
                self.budgets[endpoint].late(turn, self._delay(f"{method} {path}", f"{method} of {endpoint}", took))
        except requests.exceptions.ConnectTimeout as error:
            raise _Again(Again(None, "no connection in time")) from error
        except _CUT_SHORT as error:
            raise self._lost(method, path, effect, type(error).__name__) from error
        except requests.exceptions.ConnectionError as error:
            if "NewConnectionError" in repr(error) or "Failed to resolve" in str(error):
                raise _Again(Again(None, "cannot connect")) from error
            raise self._lost(method, path, effect, "connection lost") from error
        except requests.exceptions.RequestException as error:
            raise PlatformDown(f"{method} {_shown(path)}: {type(error).__name__}") from error
        self.learn_time(raw.headers.get("Date"))
        log.debug("%s %s -> %s", method, _shown(path), raw.status_code)
        return Response(raw.status_code, raw.headers, content)

    def _environment(self, host: str) -> Mapping[str, Any]:
        """Proxies and certificates as the environment names them; looked up once, since that takes longer than the rest."""
        if host not in self._environments:
            found = self.session.merge_environment_settings(f"https://{host}", {}, None, None, None)
            self._environments[host] = found
        return self._environments[host]

    def _delay(self, route: str, otherwise: str, seconds: float) -> float:
        """How much longer than the quickest of its kind an answer took, as far as the way there may be the reason. Routes
        beyond those that are remembered, which have ids in them, are of one kind."""
        if route not in self._quickest and len(self._quickest) >= ROUTES:
            route = otherwise
        quickest = self._quickest[route] = min(seconds, self._quickest.get(route, seconds))
        return min(seconds - quickest, LONGEST_WAY)

    def _lost(self, method: str, path: str, effect: bool, reason: str) -> Exception:
        if effect:
            return NoAnswer(f"{method} {_shown(path)}: {reason}")
        return _Again(Lost(reason))

    def learn_time(self, date: str | None) -> None:
        """Take the platform's clock from a `Date` header; also of requests that somebody else sent."""
        theirs = _date(date)
        if theirs is None:
            return
        off = (theirs - self.clock.now()).total_seconds()
        self.skew = off if abs(off) > 2 else 0.0  # the header has whole seconds

    def close(self) -> None:
        self.session.close()


_CUT_SHORT = (
    requests.exceptions.ReadTimeout, requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError
)  # fmt: skip


def _as_they_are(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Our credentials are in the headers; without this a line of ~/.netrc for the host would replace them."""
    return request


def _shown(path: str) -> str:
    """A path as logs and messages may have it: no query, no segment that is somebody's address."""
    return "/".join("…" if "@" in part or "%40" in part else part for part in urlsplit(path).path.split("/"))


__all__ = [
    "Again", "Auth", "Budget", "BudgetExhausted", "Client", "Judge", "Login", "Lost", "NoAnswer", "PlatformDown",
    "Rate", "Renew", "Response", "RetryPolicy", "Verdict", "judge_by_status", "retry_after",
]  # fmt: skip
