"""A Salesforce connector that is logged in and resolved against a stand-in, and invented people."""

from __future__ import annotations

from typing import Any

from stagebridge.clock import ElasticClock
from stagebridge.mapping import load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_salesforce import Salesforce


def person(n: int, **more: Any) -> dict[str, Any]:
    return {"LastName": f"Family{n}", "Email": f"p{n}@example.com", **more}


def connector(box: Sandbox, clock: ElasticClock, **settings: Any) -> Salesforce:
    """Logged in and resolved against the stand-in."""
    login = {"domain": "acme.my", "client_id": "sandbox-id", "client_secret": "sandbox-secret"}
    made = Salesforce(base_url=box.url, clock=clock, **(login | settings))
    made.use(load_mapping("salesforce", facts=made.discover().facts, lenient=True, default_region="GB"))
    return made
