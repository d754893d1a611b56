"""The door of an organisation: logging in, sessions, and the requests of a day."""

from __future__ import annotations

import base64
import json

from stagebridge.sandbox import Answer, Call, Kit
from stagebridge_salesforce.sandbox.writes import RowError, Writes

LONGEST_URI = 16_384


class Door:
    def __init__(self, kit: Kit, writer: Writes, user: str) -> None:
        self.kit = kit
        self.writer = writer
        self.user = user
        self.sessions: dict[str, int] = {}
        self.requests_today = 0

    def refuse(self, call: Call) -> Answer | None:
        kinds = {f.kind for f in call.faults}
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        expires = self.sessions.get(token)
        if "expired_token" in kinds:
            self.sessions.pop(token, None)
            expires = None
        if expires is None or expires <= self.writer.now:
            return RowError("INVALID_SESSION_ID", "Session expired or invalid").rest(401)
        self.requests_today += 1
        if "daily_limit" in kinds or self.requests_today > int(self.kit.switches["daily_requests"]):
            return RowError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").rest(403)
        if "concurrent_limit" in kinds:
            return RowError(
                "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
            ).rest(403)
        uri = call.path + "?" + "&".join(f"{k}={v}" for k, v in call.query.items())
        if len(uri) > LONGEST_URI:
            return RowError("URI_TOO_LONG", "URI too long").rest(414)
        return None

    def login(self, call: Call) -> Answer:
        form = call.form()
        host = call.headers.get("x-original-host") or call.headers.get("host", "")
        own = f"{self.kit.switches['domain']}.salesforce.com"
        id_, secret = form.get("client_id"), form.get("client_secret")
        basic = call.headers.get("authorization", "")
        if basic.startswith("Basic "):
            id_, _, secret = base64.b64decode(basic[6:]).decode().partition(":")

        def refuse(error: str, text: str) -> Answer:
            return Answer(400, {"error": error, "error_description": text})

        grant = form.get("grant_type")
        if grant == "client_credentials":
            if host.startswith(("login.", "test.")) or (not host.startswith("127.0.0.1") and host != own):
                return refuse("invalid_grant", "request not supported on this domain")
            if id_ != self.kit.switches["client_id"]:
                return refuse("invalid_client_id", "client identifier invalid")
            if secret != self.kit.switches["client_secret"]:
                return refuse("invalid_client", "invalid client credentials")
        elif grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            wrong = self._jwt(form.get("assertion", ""))
            if wrong:
                return refuse("invalid_grant", wrong)
        else:
            return refuse("unsupported_grant_type", "grant type not supported")
        token = f"00Dak0!{self.kit.random.getrandbits(80):020x}"
        self.sessions[token] = self.writer.now + int(self.kit.switches["session_seconds"]) * 1000
        return Answer(200, {
            "access_token": token, "instance_url": f"https://{own}", "id": f"https://login.salesforce.com/id/00D/{self.user}",
            "token_type": "Bearer", "issued_at": str(self.writer.now), "signature": "c2lnbmF0dXJl",
        })  # fmt: skip

    def _jwt(self, assertion: str) -> str:
        try:
            head, claims, _ = assertion.split(".")
            header = json.loads(base64.urlsafe_b64decode(head + "=="))
            body = json.loads(base64.urlsafe_b64decode(claims + "=="))
        except ValueError:
            return "invalid assertion"
        if header.get("alg") != "RS256" or body.get("iss") != self.kit.switches["client_id"] or not body.get("sub"):
            return "invalid assertion"
        if body.get("aud") not in ("https://login.salesforce.com", "https://test.salesforce.com"):
            return "audience is invalid"
        left = float(body.get("exp", 0)) - self.writer.now / 1000
        return "" if 0 < left <= 300 else "expired authorization code"
