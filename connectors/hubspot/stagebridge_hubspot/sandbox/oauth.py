"""The token endpoint: access tokens that live for half an hour. All parameters come in the form body."""

from __future__ import annotations

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.account import Account


def token(account: Account, call: Call) -> Answer:
    """`refresh_token`, `authorization_code` or `client_credentials`."""
    form, switches = call.form(), account.kit.switches
    if form.get("client_secret") != switches["client_secret"]:
        return _refused("BAD_CLIENT_SECRET", "missing or invalid client secret")
    kind, refresh = form.get("grant_type"), form.get("refresh_token", "")
    if kind == "refresh_token":
        wanted = switches["refresh_token"]
        if not refresh or refresh in account.revoked or (wanted and refresh != wanted):
            return _refused("BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
    elif kind == "authorization_code" and form.get("code"):
        refresh = switches["refresh_token"] or f"refresh-{account.uuid()}"
    elif kind != "client_credentials":
        return _refused("BAD_GRANT_TYPE", "missing or unknown grant type")
    seconds = switches["token_seconds"]
    # tokens of the real platform have up to 300 characters
    made = "".join(f"{account.kit.random.getrandbits(64):016x}" for _ in range(16))
    account.tokens[made] = account.now + seconds * 1000
    return Answer(200, {
        "access_token": made, "refresh_token": refresh, "expires_in": seconds, "token_type": "bearer",
        "hub_id": switches["portal_id"], "scopes": switches["scopes"] or ["oauth"], "user_id": 1, "token_use": "access_token",
    })  # fmt: skip


def _refused(status: str, why: str) -> Answer:
    return Answer(400, {"error": "invalid_grant", "error_description": why, "status": status, "message": why})


def introspect(account: Account, call: Call) -> Answer:
    left = (account.tokens.get(call.form().get("token", ""), 0) - account.now) // 1000
    return Answer(200, {"active": left > 0, "token_use": "access_token", "expires_in": max(0, left)})


def revoke(account: Account, call: Call) -> Answer:
    """An access token, or a refresh token."""
    given = call.form().get("token", "")
    account.revoked.add(given)
    if given in account.tokens:
        account.tokens[given] = 0
    return Answer(204)
