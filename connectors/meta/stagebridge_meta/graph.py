"""The Graph's control plane, through Meta's own SDK: datasets, forms and leads.

The SDK has no retry, no timeout by default, and one token for the whole process; so every connection has its own session
here, with a timeout, the token in a header instead of the URL, and each call is tried under our rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stagebridge.errors import BudgetExhausted, PlatformDown, StagebridgeError
from stagebridge_meta.answers import Kind, Refusal, connection_error, refusal_of

if TYPE_CHECKING:
    from stagebridge_meta.connector import Meta

LONG = 300.0
"""Seconds of waiting for a limit that a run does not sit out."""


class Refused(StagebridgeError):
    """The Graph refused a read; `refusal` is how."""

    default_code = "SB-META-REFUSED"

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message, hint="`stagebridge check` looks at the whole connection.")
        self.refusal = refusal


class Graph:
    def __init__(self, meta: Meta) -> None:
        self._meta = meta
        self._apis: dict[str, Any] = {}
        self.given: Any = None
        """The caller's own API object, with its session and its token."""

    def api(self, token: str) -> Any:
        if self.given is not None and token == self._meta.token():
            return self.given
        if token not in self._apis:
            from facebook_business.api import FacebookAdsApi  # imported late: it takes 100 ms and 18 MB
            from facebook_business.session import FacebookSession

            s = self._meta.settings
            secret = s.app_secret.get_secret_value() if s.app_secret is not None and s.appsecret_proof else None
            session: Any = FacebookSession(app_secret=secret, access_token=token, timeout=(5, s.timeout))
            session.GRAPH = self._meta.client.base_url
            session.requests.params.pop("access_token")  # in a URL it ends up in other people's logs
            session.requests.headers["Authorization"] = f"Bearer {token}"
            self._apis[token] = FacebookAdsApi(session, api_version=s.api_version)
        return self._apis[token]

    def get(
        self, what: str, *path: str, token: str = "", params: Mapping[str, Any] | None = None, may_be_gone: bool = False
    ) -> dict[str, Any]:
        """Read something, `what` it is for messages. Raises the errors of a connection, and `Refused`: also, if it
        `may_be_gone`, for what is not there."""
        meta, policy = self._meta, self._meta.client.policy
        why, wait, asked_again = "", 0.0, False
        for attempt in range(policy.attempts):
            if attempt:
                meta.clock.sleep(wait)
            wait = min(policy.longest, policy.first * 2**attempt)
            status, body, headers, why = self._call(path, token or meta.token(), params)
            refusal = refusal_of(status, body, headers)
            if refusal is None:
                if status < 300 and isinstance(body, dict):
                    return body
                continue
            why = str(refusal)
            if refusal.kind is Kind.TOKEN and not asked_again:  # whoever looks after it may have replaced it meanwhile
                wait, asked_again = 0.0, True
                continue
            stop = connection_error(refusal, what)
            if stop is not None and not (may_be_gone and refusal.kind is Kind.NO_OBJECT):
                raise stop
            if refusal.kind is Kind.THROTTLED:
                wait = refusal.wait
                if wait > LONG:
                    raise BudgetExhausted(
                        f"Meta lets no more calls through for {what} ({refusal})", code="SB-META-LIMIT",
                        until=meta.clock.now() + timedelta(seconds=wait), hint="Run the same command then.",
                    )  # fmt: skip
            elif refusal.kind is not Kind.AGAIN and refusal.status < 500:
                raise Refused(f"Meta does not answer about {what} ({refusal})", refusal)
        raise PlatformDown(
            f"Meta gave no usable answer about {what} in {policy.attempts} attempts ({why})",
            hint="Nothing is lost: run the same command again later.",
        )  # fmt: skip

    def _call(
        self, path: tuple[str, ...], token: str, params: Mapping[str, Any] | None
    ) -> tuple[int, Any, Mapping[str, str], str]:
        """Status, body, headers, and what went wrong on the way; no status where there was no answer, or one that the
        SDK cannot read."""
        from facebook_business.exceptions import FacebookRequestError

        api = self.api(token)
        try:
            answer = api.call("GET", path, params=dict(params or {}))
        except FacebookRequestError as error:  # its text shows the whole request: never quoted
            status, body, headers = error.http_status(), error.body(), error.http_headers()
        except Exception as error:  # of requests, and the SDK's own KeyErrors and TypeErrors over odd answers
            return 0, None, {}, type(error).__name__
        else:
            status, body, headers = answer.status(), answer.json(), answer.headers()
        self._meta.client.learn_time(headers.get("Date"))
        return status, body, headers, f"HTTP {status}"

    def close(self) -> None:
        for api in self._apis.values():
            api._session.requests.close()


__all__ = ["Graph", "Refused"]
