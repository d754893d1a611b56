"""Where things are, per API version: the one table to extend when HubSpot cuts the next one.

Date-based versions come each March and September and live for eighteen months; v3 ends in September 2027.
Account information and webhooks' own settings have no date-based path yet.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "https://api.hubapi.com"
ACCOUNT = "/account-info/v3/details"
DAILY_USAGE = "/account-info/v3/api-usage/daily/private-apps"


@dataclass(frozen=True, slots=True)
class Paths:
    objects: str
    owners: str
    preferences: str
    token: str


PATHS = {
    "2026-03": Paths(
        objects="/crm/objects/2026-03", owners="/crm/owners/2026-03",
        preferences="/communication-preferences/2026-03", token="/oauth/2026-03/token",
    ),
    # consent is v4 there: v3 of it cannot bring back somebody who had opted out
    "v3": Paths(
        objects="/crm/v3/objects", owners="/crm/v3/owners",
        preferences="/communication-preferences/v4", token="/oauth/v3/token",
    ),
}  # fmt: skip
