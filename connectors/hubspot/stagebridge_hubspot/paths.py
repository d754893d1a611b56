"""Where things are, per API version: the one table to extend when HubSpot cuts the next one.

Date-based versions come each March and September and live for eighteen months; v3 ends in September 2027.
"""

from __future__ import annotations

CONTACTS = {"2026-03": "/crm/objects/2026-03/contacts", "v3": "/crm/v3/objects/contacts"}
OWNERS = {"2026-03": "/crm/owners/2026-03", "v3": "/crm/v3/owners"}
TOKEN = {"2026-03": "/oauth/2026-03/token", "v3": "/oauth/v3/token"}
# consent is v4 beside the rest of v3: its own v3 cannot bring back somebody who had opted out
CONSENT = {"2026-03": "/communication-preferences/2026-03", "v3": "/communication-preferences/v4"}
SEND = {"2026-03": "/events/2026-03/send/batch", "v3": "/events/v3/send/batch"}
EVENT_TYPES = {"2026-03": "/events/event-occurrences/2026-03/event-types", "v3": "/events/v3/events/event-types"}
DEALS = {"2026-03": "/crm/objects/2026-03/deals", "v3": "/crm/v3/objects/deals"}
DEAL_PIPELINES = {"2026-03": "/crm/pipelines/2026-03/deals", "v3": "/crm/v3/pipelines/deals"}
DEAL_CONTACTS = {
    "2026-03": "/crm/associations/2026-03/deals/contacts/batch/read",
    "v3": "/crm/v4/associations/deals/contacts/batch/read",
}

# no date-based path is known for these
ACCOUNT = "/account-info/v3/details"
USAGE = "/account-info/v3/api-usage/daily/private-apps"
