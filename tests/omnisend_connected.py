"""The Omnisend connector on its stand-in, and entries to write: Ada's and Bob's, whose address or number is the only difference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from omnisend_http import ADA
from stagebridge import load_mapping
from stagebridge.clock import Clock
from stagebridge.connector import Entry
from stagebridge.mapping import Mapping as FieldMapping
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend

MAPPING: FieldMapping = load_mapping("omnisend")


def switched(**switches: Any) -> pytest.MarkDecorator:
    """The stand-in of a test has these switches."""
    return pytest.mark.parametrize("box", [switches], indirect=True, ids=[""])


def connected(box: Sandbox, clock: Clock, **settings: Any) -> Omnisend:
    given = {"api_key": "key-1"} if "token" not in settings else {}
    om = Omnisend(base_url=box.url, clock=clock, **{**given, **settings})
    om.use(MAPPING)
    return om


def new(values: Mapping[str, Any] | None = None, /, key: str = "key-ada", **more: Any) -> Entry:
    """A new person, as the engine hands one over."""
    given = {"email": ADA, **(values or {}), **more, "external_id": key}
    payload = MAPPING.write(given)
    return Entry("contacts", dict(payload), key=key, email=given["email"], context=given)


def change(om: Omnisend, id_: str, values: Mapping[str, Any], /, **context: Any) -> Entry:
    """A change onto the contact as it stands; `context` is what is known of the person besides."""
    base = om.fetch("contacts", [id_])[id_].data
    payload = MAPPING.write(values, onto=base)
    return Entry("contacts", dict(payload), id_, base, None, ADA, {**values, **context})


def seeded(box: Sandbox, *people: Mapping[str, Any]) -> list[str]:
    ids: list[str] = box.seed([dict(p) for p in people])["ids"]
    return ids


def held(box: Sandbox) -> dict[str, dict[str, Any]]:
    """{address, or number: contact}."""
    return {c.get("email") or c["phone"][0]: c for c in box.state()["contacts"]}


def calls(box: Sandbox) -> dict[str, int]:
    """{method and path: how many} of what was let through."""
    found: dict[str, int] = box.state()["calls"]
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
