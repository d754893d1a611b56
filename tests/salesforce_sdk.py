"""The official simple-salesforce against a stand-in: it insists on https, so an adapter leads it to plain http."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce

from stagebridge.sandbox import Sandbox


class ToSandbox(HTTPAdapter):
    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.headers["X-Original-Host"] = parts.netloc
        request.url = self.target + parts.path + (f"?{parts.query}" if parts.query else "")
        kwargs["timeout"] = kwargs.get("timeout") or (5, 30)
        return super().send(request, *args, **kwargs)


def connect(sandbox: Sandbox, **values: Any) -> Any:
    """Log in with the client credentials that the stand-in expects."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToSandbox(sandbox.url))
    login = {"consumer_key": "sandbox-id", "consumer_secret": "sandbox-secret", "domain": "acme.my", **values}
    return Salesforce(session=session, version="66.0", object_pairs_hook=None, **login)
