"""What a configuration means when it is right."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from config_kit import WORDS, Write
from stagebridge.config import GUARDS, Guards, Rule, ServeConfig, load_config
from stagebridge.lifecycle import load_lifecycle
from stagebridge.sandbox import Sandbox

WHOLE = """
version: 1
ledger: sqlite:///stagebridge.db            # beside this file
lifecycle: default
timezone: europe/berlin
connections:
  crm:     {type: hubspot, token: ${HUBSPOT_TOKEN}, budget: 80%, lag: 2m}
  sales:   {type: salesforce, domain: acme.my, client_id: ${SF_ID}, client_secret: ${SF_SECRET}, mode: read, mapping: sales.yaml,
            default_region: de, timezone: Asia/Tokyo, custom: {seats: int}, account: {on_missing: skip}, overlap: 10, conversions: Yes, currency: EUR,
            campaigns: {Lead: {id: 701ak0000000001}}}
contacts:
  between: [crm, sales]
  initial: {prefer: crm}
  include: {stage: ">= lead"}
  create: {crm: true, sales: lead}
  rules: {owner: {prefer: [sales]}, "consent.*": most_restrictive, "*": latest}
  guards: {max_creates: 700, max_stage_moves: 25.5%, max_deletes: off}
  ambiguous: newest
  backward: revert
  verify: off
  write: all
  match_phone: Yes
  max_flips: 3
jobs:
  - {name: contacts, every: 5m}
"""


def test_the_whole_file_is_understood(write: Write) -> None:
    path = write(WHOLE, {"sales.yaml": "extends: salesforce"})
    config = load_config(path, WORDS)
    crm, sales, contacts = config.connections["crm"], config.connections["sales"], config.contacts
    assert config.ledger == f"sqlite:///{path.parent / 'stagebridge.db'}"
    assert config.lifecycle == load_lifecycle("default")
    assert config.timezone == "Europe/Berlin"
    assert (crm.type, crm.mode, crm.mapping, crm.timezone) == ("hubspot", "two_way", None, "Europe/Berlin")
    assert crm.settings is not None
    assert (crm.settings.budget, crm.settings.lag) == (0.8, 120.0)
    assert (sales.mode, sales.mapping_source) == ("read", path.parent / "sales.yaml")
    assert (sales.default_region, sales.timezone, sales.custom) == ("DE", "Asia/Tokyo", {"seats": "int"})
    assert sales.settings is not None
    assert sales.settings.model_dump()["account"] == {"lookup": "company", "on_missing": "skip"}
    assert sales.settings.model_dump()["campaigns"] == {"Lead": {"id": "701ak0000000001", "status": "Responded"}}
    assert (crm.conversions, sales.conversions) == (False, True)
    assert contacts.between == ("crm", "sales")
    assert contacts.create == {"crm": True, "sales": "lead"}
    assert contacts.include == {"stage": ">= lead"}
    assert (contacts.ambiguous, contacts.backward, contacts.verify, contacts.write) == (
        "newest",
        "revert",
        "off",
        "all",
    )
    assert (contacts.match_phone, contacts.max_flips) == (True, 3)
    assert contacts.guards.limits == {
        **GUARDS, "max_creates": "700", "max_stage_moves": "25.5%", "max_deletes": "off"
    }  # fmt: skip
    assert [(job.name, job.every) for job in config.jobs] == [("contacts", 300.0)]


def test_a_short_file_has_careful_defaults(write: Write) -> None:
    config = load_config(write("connections: {crm: {type: hubspot, token: '${TOKEN}'}}"), {"TOKEN": "pat-1"})
    contacts = config.contacts
    assert (config.lifecycle.name, config.timezone, config.jobs) == ("default", "UTC", ())
    assert contacts.between == ("crm",)
    assert (contacts.ambiguous, contacts.backward, contacts.deletes) == ("review", "hold", "ignore")
    assert (contacts.verify, contacts.write, contacts.match_phone) == ("always", "primary", False)
    assert contacts.guards.limits["max_deletes"] == contacts.guards.limits["max_opt_outs"] == "0"
    assert contacts.initial_rule("email") is None


def test_a_connection_connects_to_where_base_url_points(write: Write) -> None:
    with Sandbox("hubspot") as box:
        text = f"connections: {{crm: {{type: hubspot, token: '${{TOKEN}}', base_url: '{box.url}'}}}}"
        with load_config(write(text), {"TOKEN": "pat-demo-secret"}).connections["crm"].connect() as crm:
            assert crm.check().problems == ()


# --- who is right, who is in ----------------------------------------------------------------------------------


def rules_of(write: Write, text: str) -> Callable[[str], Rule]:
    head = "connections: {crm: {type: hubspot, token: '${HUBSPOT_TOKEN}'}}\ncontacts: "
    return load_config(write(head + text), WORDS).contacts.rule


def test_the_most_exact_rule_decides(write: Write) -> None:
    rule = rules_of(write, "{rules: {'*': fill_empty, 'address.*': latest, address.city: {prefer: crm}}}")
    assert rule("email") == Rule("fill_empty")
    assert rule("address.street") == Rule("latest")
    assert rule("address.city") == Rule("prefer", ("crm",))


def test_without_a_rule_the_latest_change_decides(write: Write) -> None:
    assert rules_of(write, "{}")("email") == Rule("latest")


@pytest.mark.parametrize(
    ("initial", "email", "phone"),
    [
        ("fill_empty", Rule("fill_empty"), Rule("fill_empty")),
        ("{prefer: crm}", Rule("prefer", ("crm",)), Rule("prefer", ("crm",))),
        ("{phone: fill_empty, '*': {prefer: [crm]}}", Rule("prefer", ("crm",)), Rule("fill_empty")),
        ("{email: {prefer: crm}}", Rule("prefer", ("crm",)), None),
    ],
)
def test_who_is_right_at_first_is_said_for_all_or_per_path(
    initial: str, email: Rule, phone: Rule | None, write: Write
) -> None:
    text = f"connections: {{crm: {{type: hubspot, token: '${{HUBSPOT_TOKEN}}'}}}}\ncontacts: {{initial: {initial}}}"
    contacts = load_config(write(text), WORDS).contacts
    assert (contacts.initial_rule("email"), contacts.initial_rule("phone")) == (email, phone)


@pytest.mark.parametrize(
    ("condition", "values", "inside"),
    [
        ("{stage: '>= lead'}", {"stage": "lead"}, True),
        ("{stage: '>= lead'}", {"stage": "advocate"}, True),
        ("{stage: '>= lead'}", {"stage": "subscriber"}, False),
        ("{stage: '>= lead'}", {}, False),
        ("{stage: '>= customer'}", {"stage": "cold"}, True),  # a lost contact stands beside the order
        ("{stage: 'lead, customer'}", {"stage": "customer"}, True),
        ("{stage: 'lead, customer'}", {"stage": "opportunity"}, False),
        ("{email: set}", {"email": "ada@example.com"}, True),
        ("{email: set}", {"email": None}, False),
        ("{custom.plan: gold, email: set}", {"custom.plan": "gold"}, False),
        ("{}", {}, True),
    ],
)
def test_include_says_who_is_written(condition: str, values: Mapping[str, str], inside: bool, write: Write) -> None:
    text = f"connections: {{crm: {{type: hubspot, token: '${{HUBSPOT_TOKEN}}'}}}}\ncontacts: {{include: {condition}}}"
    config = load_config(write(text), WORDS)
    assert config.contacts.includes(values, config.lifecycle) is inside


@pytest.mark.parametrize(
    ("limit", "linked", "allowed"),
    [("500", 9, 500), ("20%", 10_000, 2000), ("20%", 10, 50), ("0%", 10_000, 0), ("0", 9, 0), ("off", 9, None)],
)
def test_a_guard_is_a_number_a_share_or_off(limit: str, linked: int, allowed: int | None) -> None:
    assert Guards({"max_creates": limit}).limit("max_creates", linked) == allowed


# --- references -----------------------------------------------------------------------------------------------


def token(path: Path, environ: Mapping[str, str] | None = None) -> str:
    settings = load_config(path, environ).connections["crm"].settings
    assert settings is not None
    secret: str = settings.token.get_secret_value()  # type: ignore[attr-defined]  # HubSpot's
    return secret


def crm(reference: str) -> str:
    return f"connections: {{crm: {{type: hubspot, token: {reference}}}}}"


def test_a_secret_comes_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", "pat-environment")
    assert token(write(crm("${OUR_TOKEN}"))) == "pat-environment"


def test_a_secret_comes_from_env_beside_the_file_and_the_environment_wins(write: Write) -> None:
    path = write(crm("${OUR_TOKEN}"), {".env": "OUR_TOKEN='pat-${file}'\n"})
    assert token(path, {}) == "pat-${file}"
    assert token(path, {"OUR_TOKEN": "pat-environment"}) == "pat-environment"


def test_a_secret_comes_from_a_file(write: Write) -> None:
    assert token(write(crm("file:secrets/token"), {"secrets/token": "pat-file\n"}), {}) == "pat-file"


def test_a_secret_comes_from_the_keyring(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {("hubspot", "acme"): "pat-keyring"}
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=lambda *at: kept.get(at)))
    assert token(write(crm("keyring:hubspot/acme")), {}) == "pat-keyring"


def test_a_reference_may_be_a_part_of_what_is_no_secret(write: Write) -> None:
    text = "ledger: postgresql+psycopg://sync:${PW}@db.example.com/${DB}\n" + crm("${TOKEN}")
    config = load_config(write(text), {"PW": "s3cret", "DB": "bridge", "TOKEN": "pat-1"})
    assert config.ledger == "postgresql+psycopg://sync:s3cret@db.example.com/bridge"


@pytest.mark.parametrize(
    "ledger", ["sqlite:////var/lib/bridge.db", "sqlite:///:memory:", "postgresql+psycopg:///bridge"]
)
def test_a_ledger_that_is_no_relative_file_stays_as_it_is(ledger: str, write: Write) -> None:
    assert load_config(write(f"ledger: '{ledger}'\n" + crm("${TOKEN}")), {"TOKEN": "pat-1"}).ledger == ledger


def test_no_repr_of_a_configuration_shows_a_secret(write: Write) -> None:
    text = "ledger: postgresql://sync:${PW}@db.example.com/x\n" + crm("${TOKEN}")
    shown = repr(load_config(write(text), {"PW": "s3cret", "TOKEN": "pat-1"}))
    assert "connections" in shown
    assert not any(secret in shown for secret in ("s3cret", "pat-1"))


def test_where_webhooks_are_received_has_its_usual_place_and_may_have_another(write: Write) -> None:
    crm = "connections: {crm: {type: hubspot, token: '${HUBSPOT_TOKEN}'}}\n"
    assert load_config(write(crm), WORDS).serve == ServeConfig(None, "127.0.0.1", 8080, 10.0)
    serve = "serve: {public_url: 'https://hooks.example.com/bridge/', host: 0.0.0.0, port: 9000, timeout: 3s}\n"
    found = load_config(write(crm + serve), WORDS).serve
    assert found == ServeConfig("https://hooks.example.com/bridge", "0.0.0.0", 9000, 3.0)
