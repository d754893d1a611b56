"""Who comes in, and how often: tokens and where they are carried, proofs, permissions, limits."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from stagebridge.clock import SystemClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Call, Kit, Windows
from stagebridge_meta.sandbox.errors import LANGUAGES, OF_THE_APP, SUBCODES, GraphError
from stagebridge_meta.sandbox.params import Params

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Token:
    """`scopes` and `assets` of None: all of them. `problem` is the subcode of what is wrong with it for good."""

    text: str = ""
    scopes: frozenset[str] | None = None
    assets: frozenset[str] | None = None
    page: str = ""
    expires_at: float | None = None
    problem: int = 0
    language: str = ""
    app_secret: str = ""


class Door:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.switches = kit.switches
        self.tokens: dict[str, Token] = {}
        """By text. While there are none, every token is good."""
        self.came_in: Counter[str] = Counter()
        """How often a token was in the header, the query or the body."""
        self._windows = Windows(SystemClock() if kit.switches["limits_in_real_time"] else kit.clock)

    # --- tokens ------------------------------------------------------------------------------------------------

    def issue(self, text: str, said: Mapping[str, Any]) -> None:
        """A token that is good from now on, as a seed describes it."""
        known = {"scopes", "assets", "page", "expires_at", "problem", "language", "app_secret"}
        if strange := sorted(said.keys() - known):
            raise ValueError(f"a token has no '{strange[0]}', but {', '.join(sorted(known))}")
        values = dict(said)
        for name in ("scopes", "assets"):
            if values.get(name) is not None:
                values[name] = frozenset(str(v) for v in values[name])
        if values.get("expires_at") is not None:
            values["expires_at"] = epoch(values["expires_at"])
        self.tokens[text] = Token(text, **values)
        self.language(self.tokens[text])

    def language(self, token: Token | None) -> str:
        """That of whoever owns the token. Raises `ConfigError` for one that nobody translated."""
        spoken = (token.language if token else "") or str(self.switches["language"])
        if spoken not in LANGUAGES:
            raise ConfigError(f"there are no titles in '{spoken}', only in {', '.join(LANGUAGES)}")
        return spoken

    def token(self, call: Call, params: Params) -> Token | None:
        """The token that a request carries, good or not; None if it carries none."""
        kind, _, text = call.headers.get("authorization", "").partition(" ")
        place = "header"
        if kind not in ("Bearer", "OAuth") or not text:
            text = params.text("access_token")
            place = "body" if "access_token" in params.in_body else "query"
        if not text:
            return None
        self.came_in[place] += 1
        return self.tokens.get(text, Token(text))

    def admit(self, call: Call, token: Token | None, params: Params) -> Token:
        """The token, if it is good. Raises `GraphError`."""
        if token is None:
            raise GraphError(104, "An access token is required to request this resource.")  # from memory
        if any(f.kind == "expired_token" for f in call.faults):
            raise GraphError(190, subcode=463)
        if wrong := self.wrong(token):
            raise wrong
        self._prove(token, params.text("appsecret_proof"))
        return token

    def wrong(self, token: Token) -> GraphError | None:
        """What is wrong with it."""
        if self.tokens and token.text not in self.tokens:
            return GraphError(190)
        if token.expires_at is not None and token.expires_at <= self.now:
            return GraphError(190, subcode=463)
        return GraphError(190, subcode=token.problem) if token.problem else None

    def _prove(self, token: Token, proof: str) -> None:
        if proof:
            secret = token.app_secret or str(self.switches["app_secret"])
            good = hmac.new(secret.encode(), token.text.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(good.encode(), proof.encode()):
                raise GraphError(100, "Invalid appsecret_proof provided in the API argument")
        elif self.switches["require_proof"]:
            raise GraphError(100, "API calls from the server require an appsecret_proof argument")

    @property
    def now(self) -> float:
        return self.kit.now().timestamp()

    # --- permissions -------------------------------------------------------------------------------------------

    def may_touch(self, token: Token, family: Collection[str]) -> bool:
        """Whether a token may know of an object, given by its id and those of what it belongs to."""
        return token.assets is None or not token.assets.isdisjoint(family)

    def needs(self, token: Token, scope: str, *, writes: bool) -> None:
        """Raises `GraphError` where the token's permissions are known, and this one is not among them."""
        if token.scopes is not None and scope not in token.scopes:
            if writes:
                raise GraphError(200, f"(#200) Requires {scope} permission to manage the object")
            raise GraphError(10, f"(#10) This endpoint requires the '{scope}' permission")

    # --- limits ------------------------------------------------------------------------------------------------

    def count(self, subject: str) -> None:
        """One more call about an object. Raises `GraphError` where it is too many."""
        limit, per = int(self.switches["calls"]), float(self.switches["calls_seconds"])
        if limit and self._windows.take(subject, limit, per) is None:
            raise self.throttled(int(self.switches["throttle_code"]), per)

    def count_leads(self, page_id: str, leads: int) -> None:
        """One more call about a page's leads: 200 x 24 for each lead of the last 90 days, in 24 hours [D]."""
        if self._windows.take(f"leads of {page_id}", 200 * 24 * max(1, leads), DAY) is None:
            raise self.throttled(80005, DAY)

    def throttled(self, code: int, seconds: float = 0) -> GraphError:
        """The refusal, with the headers that say when to come back, where its kind says so."""
        minutes = max(1, -int(-seconds // 60)) if seconds else int(self.switches["regain_minutes"])
        headers = self.headers("leads" if code == 80005 else "events", used=100, minutes=minutes)
        if code in OF_THE_APP:
            headers = {"X-App-Usage": _json({"call_count": 100, "total_cputime": 25, "total_time": 25})}
        elif code == 17:
            account = {
                "acc_id_util_pct": 100,
                "reset_time_duration": minutes * 60,
                "ads_api_access_tier": "standard_access",
            }
            headers["X-Ad-Account-Usage"] = _json(account)
        return GraphError(
            code, subcode=SUBCODES.get(code, 0), status=int(self.switches["throttle_status"]), headers=headers
        )

    def headers(self, endpoint: str, *, used: int = 1, minutes: int = 0) -> dict[str, str]:
        """What answers say about how much of the limits is used, in percent."""
        kind = {"events": "ads_management", "leads": "leadgen"}.get(endpoint, "pages")
        use = {"call_count": used, "total_cputime": 1, "total_time": 1}
        buc = {"type": kind, **use, "estimated_time_to_regain_access": minutes}
        return {
            "X-App-Usage": _json({**use, "call_count": 1}),
            "X-Business-Use-Case-Usage": _json({str(self.switches["business_id"]): [buc]}),
        }


def epoch(value: Any) -> float:
    """Seconds since 1970 out of a number or ISO 8601. Raises `ValueError` where the zone is missing."""
    if isinstance(value, int | float):
        return float(value)
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"'{value}' has no time zone")
    return moment.timestamp()


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
