"""Where the bearer token comes from: given, read from an SDK client each time, or an OAuth app's refresh token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stagebridge.clock import Clock
from stagebridge.errors import AuthError
from stagebridge.http import Auth, Client, Login, judge_by_status

if TYPE_CHECKING:
    from stagebridge_hubspot.settings import HubSpotSettings


class Bearer:
    """A token that somebody else looks after, read anew for every request."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Bearer(…)"

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token()}"}

    def renew(self, refused: Mapping[str, str]) -> None:
        """Its owner may have replaced it meanwhile; the next request shows."""


def credentials(settings: HubSpotSettings, client: Client, path: str, clock: Clock, sdk: Any = None) -> Auth:
    if sdk is not None:
        return Bearer(lambda: str(sdk.access_token or ""))
    if settings.token is not None:
        token = settings.token
        return Bearer(token.get_secret_value)
    form = {
        "grant_type": "refresh_token", "client_id": settings.client_id or "",
        "client_secret": settings.client_secret.get_secret_value() if settings.client_secret else "",
        "refresh_token": settings.refresh_token.get_secret_value() if settings.refresh_token else "",
    }  # fmt: skip

    def log_in() -> tuple[Mapping[str, str], float]:
        # in the body, not in the path: HubSpot's older calls put the secret into URLs and so into logs
        answer = client.request("POST", path, data=form, auth=False, judge=judge_by_status)
        body = answer.json() if answer.is_json else None
        if answer.status != 200 or not isinstance(body, dict) or "access_token" not in body:
            why = body.get("status") or body.get("error") if isinstance(body, dict) else None
            raise AuthError(
                f"HubSpot does not renew the access token (HTTP {answer.status}, {why or 'no reason given'})",
                hint="Connect the account again and store the new refresh token.",
            )
        form["refresh_token"] = body.get("refresh_token") or form["refresh_token"]
        return {"Authorization": f"Bearer {body['access_token']}"}, float(body.get("expires_in") or 1800)

    return Login(log_in, clock)
