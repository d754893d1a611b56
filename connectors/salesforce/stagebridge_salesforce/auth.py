"""Logging in, through simple-salesforce, on a session of ours: with timeouts, and led to a stand-in where one is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from stagebridge.errors import AuthError, PlatformDown
from stagebridge_salesforce.settings import SalesforceSettings


class _Steered(HTTPAdapter):
    """The SDK has no default timeout and insists on https: this adds the one and, for a stand-in, mends the other."""

    def __init__(self, target: str | None, timeout: float) -> None:
        self._target, self._timeout = target, timeout
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or (5, self._timeout)
        if self._target is not None:
            parts = urlsplit(str(request.url))
            request.headers["X-Original-Host"] = parts.netloc
            request.url = self._target.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")
        return super().send(request, *args, **kwargs)


def session(settings: SalesforceSettings) -> requests.Session:
    """For the official SDK."""
    made = requests.Session()
    adapter = _Steered(settings.base_url, settings.timeout)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def log_in(settings: SalesforceSettings, on: requests.Session) -> tuple[str, str]:
    """(session id, instance host). Raises `AuthError`, `PlatformDown`."""
    from simple_salesforce.exceptions import SalesforceAuthenticationFailed
    from simple_salesforce.login import SalesforceLogin

    if settings.session_id is not None and settings.instance_url is not None:
        return settings.session_id.get_secret_value(), urlsplit(settings.instance_url).netloc or settings.instance_url
    how: dict[str, Any] = {"session": on, "domain": settings.domain or "login", "consumer_key": settings.client_id}
    if settings.private_key is not None:
        # the SDK makes the JWT's audience of this, and only these two are valid ones
        how["domain"] = "test" if "sandbox" in (settings.domain or "") or settings.domain == "test" else "login"
        how |= {"username": settings.username, "privatekey": settings.private_key.get_secret_value()}
    elif settings.client_secret is not None:
        how["consumer_secret"] = settings.client_secret.get_secret_value()
    try:
        token, instance = SalesforceLogin(**how)
    except SalesforceAuthenticationFailed as error:
        if str(error.code).startswith(
            ("429", "5")
        ):  # the SDK has one kind of error for a refusal and for an error page
            raise PlatformDown(f"Salesforce's login is down (HTTP {error.code})") from None
        raise AuthError(
            f"Salesforce refused the login ({error.code})", code="SB-SALESFORCE-LOGIN",
            hint="Check client id, secret and My Domain, and that the app has a run-as user (client credentials) or the "
            "user is pre-authorised (JWT).",
        ) from None  # fmt: skip
    except requests.RequestException as error:
        raise PlatformDown(f"Salesforce's login cannot be reached ({type(error).__name__})") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PlatformDown("Salesforce's login answered with something else than a session") from None
    return str(token), str(instance)


def bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}
