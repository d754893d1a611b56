"""Where the bearer token comes from: given by somebody who looks after it, or an OAuth app's refresh token."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import SecretStr

from stagebridge.clock import Clock
from stagebridge.errors import AuthError
from stagebridge.http import Client, Login, judge_by_status


class Given:
    """A token that somebody else looks after, asked for anew at every request."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Given(…)"

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token()}"}

    def renew(self, refused: Mapping[str, str]) -> None:
        """Its owner may have replaced it meanwhile; the next request shows."""


class Refreshing(Login):
    """Access tokens of an OAuth app, which live for half an hour. Raises `AuthError` for a refused refresh token."""

    def __init__(
        self,
        client: Client,
        path: str,
        client_id: str,
        client_secret: SecretStr,
        refresh_token: SecretStr,
        clock: Clock,
    ) -> None:
        super().__init__(self._refresh, clock)
        self._client = client
        self._path = path
        self._app = (client_id, client_secret)
        self._refresh_token = refresh_token

    def _refresh(self) -> tuple[Mapping[str, str], float]:
        client_id, client_secret = self._app
        # in the body: HubSpot's older calls put the secret into the URL, and so into logs
        form = {
            "grant_type": "refresh_token", "client_id": client_id, "client_secret": client_secret.get_secret_value(),
            "refresh_token": self._refresh_token.get_secret_value(),
        }  # fmt: skip
        answer = self._client.request(
            "POST", self._path, data=form, auth=False, endpoint="oauth", judge=judge_by_status
        )
        body = answer.json() if answer.is_json else None
        if answer.status != 200 or not isinstance(body, dict) or "access_token" not in body:
            why = (body.get("status") or body.get("error")) if isinstance(body, dict) else None
            raise AuthError(
                f"HubSpot does not renew the access token (HTTP {answer.status}, {why or 'no reason given'})",
                hint="Connect the account again and store the new refresh token.", code="SB-HUBSPOT-TOKEN",
            )  # fmt: skip
        if body.get("refresh_token"):
            self._refresh_token = SecretStr(str(body["refresh_token"]))
        return {"Authorization": f"Bearer {body['access_token']}"}, float(body.get("expires_in") or 1800)
