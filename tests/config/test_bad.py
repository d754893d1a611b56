"""Everything that can be wrong in a configuration, and the whole sentence that says so."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config_kit import WORDS, Write
from stagebridge.config import load_config
from stagebridge.config.connections import published
from stagebridge.errors import ConfigError

CRM = "crm: {type: hubspot, token: '${HUBSPOT_TOKEN}'}"
HEAD = f"connections:\n  {CRM}\n"  # two lines: what is appended stands in line 3
SALES = "type: salesforce, domain: acme.my, client_id: x, client_secret: '${SF_SECRET}'"


def complaint(path: Any, environ: Mapping[str, str] = WORDS) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ)
    return str(caught.value)


@pytest.fixture
def say(write: Write) -> Any:
    """The lines of the complaint about a text, without `stagebridge.yaml:`."""

    def lines(text: str, beside: Mapping[str, str] | None = None, environ: Mapping[str, str] = WORDS) -> list[str]:
        return [line.removeprefix("stagebridge.yaml:") for line in complaint(write(text, beside), environ).splitlines()]

    return lines


def cases(*rows: tuple[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("text", "line"), rows)


# --- the file -------------------------------------------------------------------------------------------------


@cases(
    ("connections: [", "1: expected the node content, but found '<stream end>'"),
    ("- crm\n", "1: the file is not a table of keys"),
    (HEAD + "version: 1\nversion: 1\n", "4: 'version' is written twice (first in line 3)"),
    (HEAD + "contacts: &a {between: [crm]}\n", "3: anchors and aliases are not used here; write it out"),
    (HEAD + "contacts: {<<: {between: [crm]}}\n", "3: merge keys are not used here; `extends:` does that"),
    (HEAD + "? [a, b]\n: c\n", "3: a key is a plain word"),
    ("", "1: connections: name at least one account"),
    ("connections: {}\n", "1: connections: name at least one account"),
)
def test_a_file_that_is_no_table_is_refused(text: str, line: str, say: Any) -> None:
    assert say(text) == [line]


def test_every_key_that_is_written_twice_is_told(say: Any) -> None:
    assert say("version: 1\nversion: 1\nconnections:\n  crm: {type: a, type: b}\n") == [
        "2: 'version' is written twice (first in line 1)",
        "4: 'type' is written twice (first in line 4)",
    ]


def test_a_missing_file_is_told_with_its_path(write: Write) -> None:
    path = write(HEAD).with_name("none.yaml")
    assert complaint(path) == f"{path}: No such file or directory"


def test_a_file_in_another_encoding_is_told(write: Write) -> None:
    path = write(HEAD)
    path.write_bytes("# Zoë\n".encode("utf-16"))
    assert complaint(path) == f"{path}: not UTF-8 text"


@cases(
    ("conections: {}\n", "3: conections: no such key (nearest: connections)"),
    ("colour: red\n", "3: colour: no such key"),
    ("version: 2\n", "3: version: this stagebridge reads version 1 only"),
    ("timezone: Berlin\n", "3: timezone: 'Berlin' is no IANA time zone; write for example Europe/Berlin"),
    ("timezone: [UTC]\n", "3: timezone: one word or text is expected here"),
    ("contacts: all\n", "3: contacts: a table is expected here"),
    ("lifecycle: messagin\n", "3: lifecycle: no lifecycle is called 'messagin' (nearest: messaging)"),
    ("jobs: contacts\n", "3: jobs: a list is expected here: [{name: contacts, every: 5m}]"),
    ("jobs: [contacts]\n", "3: jobs.1: a job is a table: {name: contacts, every: 5m}"),
    ("jobs: [{name: events, every: 5m}]\n", "3: jobs.1.name: the job that exists is 'contacts'"),
    ("jobs: [{name: contacts, evry: 5m, every: 1h}]\n", "3: jobs.1.evry: no such key (nearest: every)"),
    ("jobs: [{name: contacts}]\n", "3: jobs.1.every: say how often, for example 5m, 1h or 30s"),
    ("jobs: [{name: contacts, every: often}]\n", "3: jobs.1.every: say how often, for example 5m, 1h or 30s"),
    ("jobs: [{name: contacts, every: 0s}]\n", "3: jobs.1.every: say how often, for example 5m, 1h or 30s"),
    (
        "ledger: postgresql+psycopg://sync:hunter2@db.example.com/bridge\n",
        "3: ledger: a password stands here in plain text; write ${NAME} in its place",
    ),
    ("ledger: ${LEDGER}\n", "3: ledger: the variable LEDGER is not set; set it, or write it into .env"),
)
def test_a_wrong_entry_of_the_file_is_told(text: str, line: str, say: Any) -> None:
    assert say(HEAD + text) == [line]


def test_a_lifecycle_file_tells_its_own_lines(say: Any) -> None:
    own = "name: own\nstages:\n  new: outreach\n  old: loyality\n"
    assert say(HEAD + "lifecycle: own.yaml\n", {"own.yaml": own}) == [
        "3: lifecycle: own.yaml:4: stages.old: phase 'loyality' is not one of outreach, acquisition, conversion,"
        " retention, loyalty (nearest: loyalty)"
    ]


# --- connections ----------------------------------------------------------------------------------------------


@cases(
    ("crm: hubspot", "2: connections.crm: an account is a table: {type: …, …}"),
    (
        "crm: {token: '${HUBSPOT_TOKEN}'}",
        "2: connections.crm.type: say which platform it is: `type:` one of file, hubspot, make, meta, omnisend, salesforce, tiktok, webhook, zapier, zendesk",
    ),
    (
        "crm: {type: hubspt}",
        "2: connections.crm.type: no connector is called 'hubspt' (nearest: hubspot);"
        " `stagebridge connectors` lists what there is",
    ),
    ("crm: {type: hubspot, tokn: '${HUBSPOT_TOKEN}', token: '${HUBSPOT_TOKEN}'}",
     "2: connections.crm.tokn: no such key (nearest: token)"),
    (CRM[:-1] + ", mode: twoway}",
     "2: connections.crm.mode: 'twoway' is none of two_way, read, write (nearest: two_way)"),
    (CRM[:-1] + ", default_region: Germany}",
     "2: connections.crm.default_region: 'Germany' is no country code; write for example DE or GB"),
    (CRM[:-1] + ", default_region: UK}",
     "2: connections.crm.default_region: 'UK' is no country code; write for example DE or GB"),
    (CRM[:-1] + ", timezone: CEST}",
     "2: connections.crm.timezone: 'CEST' is no IANA time zone; write for example Europe/Berlin"),
    (CRM[:-1] + ", mapping: ours.yaml}",
     "2: connections.crm.mapping: there is no file ours.yaml beside the configuration"),
    (CRM[:-1] + ", conversions: maybe}", "2: connections.crm.conversions: 'maybe' is neither true nor false"),
    ("list: {type: file, path: people.csv, conversions: true}",
     "2: connections.list.conversions: file records no conversions"),
    (CRM[:-1] + ", custom: [plan]}", "2: connections.crm.custom: a table is expected here"),
    (CRM[:-1] + ", budget: half}",
     "2: connections.crm.budget: Input should be a valid number, unable to parse string as a number"),
    (CRM[:-1] + ", budget: 80}", "2: connections.crm.budget: Input should be less than or equal to 1"),
    (CRM[:-1] + ", budget: 0%}", "2: connections.crm.budget: Input should be greater than 0"),
    (CRM[:-1] + ", api: v4}", "2: connections.crm.api: Input should be '2026-03' or 'v3'"),
    ("crm: {type: hubspot}",
     "2: connections.crm: give `token`, or `client_id`, `client_secret` and `refresh_token`"),
    (f"sales: {{{SALES}, account: {{on_mising: skip}}}}",
     "2: connections.sales.account.on_mising: no such key (nearest: on_missing)"),
    (f"sales: {{{SALES}, campaigns: {{Lead: {{id: 701ak0000000001, stat: Sent}}}}}}",
     "2: connections.sales.campaigns.Lead.stat: no such key (nearest: status)"),
    ("shop: {type: webhook, scheme: hmac, secret: '${HUBSPOT_TOKEN}'}",
     "2: connections.shop.mapping: nothing says what the bodies of these webhooks mean; write `mapping: NAME.yaml`, for which "
     "`stagebridge mappings show webhook` is an example"),
    (f"sales: {{{SALES}, overlap: many}}",
     "2: connections.sales.overlap: Input should be a valid number, unable to parse string as a number"),
)  # fmt: skip
def test_a_wrong_connection_is_told(text: str, line: str, say: Any) -> None:
    assert say(f"connections:\n  {text}\n") == [line]


def test_a_setting_deep_inside_is_told_with_its_own_line(say: Any) -> None:
    (line,) = say(
        f"connections:\n  sales:\n    {SALES.replace(', ', chr(10) + '    ')}\n    account:\n      on_missing: guess\n"
    )
    assert line.startswith("8: connections.sales.account.on_missing: String should match pattern '^(lead|skip|001")


@pytest.mark.parametrize("kind", published())
def test_a_connector_that_is_not_installed_names_its_package(
    kind: str, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stagebridge.config.reader.connectors", dict)
    assert say(f"connections:\n  crm: {{type: {kind}}}\n") == [
        f"2: connections.crm.type: the connector for {kind} is not installed; `pip install stagebridge-{kind}`"
    ]


def test_a_connector_that_does_not_load_says_why(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"theirs": EntryPoint("theirs", "no_such_package:Connector", "stagebridge.connectors")}
    monkeypatch.setattr("stagebridge.config.reader.connectors", lambda: broken)
    assert say("connections:\n  crm: {type: theirs}\n") == [
        "2: connections.crm.type: the connector for theirs does not load: No module named 'no_such_package'"
    ]


# --- secrets and references -----------------------------------------------------------------------------------


@pytest.mark.parametrize("literal", ["pat-eu1-0000", "'pat-${HUBSPOT_TOKEN}'", "'${HUBSPOT_TOKEN}-x'"])
def test_a_secret_in_plain_text_is_refused_and_not_repeated(literal: str, say: Any) -> None:
    assert say(f"connections:\n  crm:\n    type: hubspot\n    token: {literal}\n") == [
        "4: connections.crm.token: a secret stands here in plain text; write ${CRM_TOKEN}, file:/path or"
        " keyring:service/name instead"
    ]


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("${NOT_THERE}", "the variable NOT_THERE is not set; set it, or write it into .env"),
        ("${EMPTY}", "the variable EMPTY is empty; set it, or write it into .env"),
        ("file:none", "file:none: No such file or directory"),
        ("file:blank", "file:blank: the file is empty"),
        ("file:.", "file:.: Is a directory"),
        ("keyring:hubspot", "'keyring:hubspot' is not of the form keyring:service/name"),
        ("keyring:hubspot/other", "the keyring has no hubspot/other"),
        ("keyring:locked/acme", "keyring:locked/acme: the keyring does not open (PermissionError)"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told(
    reference: str, what: str, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_password(service: str, name: str) -> None:
        if service == "locked":
            raise PermissionError

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=get_password))
    text = f"connections:\n  crm: {{type: hubspot, token: {reference}}}\n"
    assert say(text, {"blank": " \n"}, {"EMPTY": ""}) == [f"2: connections.crm.token: {what}"]


def test_a_keyring_needs_its_package(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert say("connections:\n  crm: {type: hubspot, token: keyring:hubspot/acme}\n") == [
        "2: connections.crm.token: keyring:hubspot/acme needs the package keyring; `pip install keyring`"
    ]


def test_a_variable_with_a_name_that_cannot_be_one_is_told(say: Any) -> None:
    assert say(f"connections:\n  {CRM[:-1]}, base_url: 'https://${{OUR-HOST}}/'}}\n") == [
        "2: connections.crm.base_url: between ${ and } stands the name of a variable: letters, digits, _"
    ]


def test_a_missing_variable_brings_no_second_complaint_about_the_login(say: Any) -> None:
    assert say(f"connections:\n  sales: {{{SALES}}}\n", environ={}) == [
        "2: connections.sales.client_secret: the variable SF_SECRET is not set; set it, or write it into .env"
    ]


# --- contacts -------------------------------------------------------------------------------------------------


@cases(
    ("betwen: [crm]", "betwen: no such key (nearest: between)"),
    ("between: [crm, sale]", "between: no connection is called 'sale'"),
    ("between: [crm, crm]", "between: 'crm' is there twice"),
    ("between: {a: b}", "between: a list of names is expected here"),
    ("initial: {prefer: cmr}", "initial.prefer: no connection is called 'cmr' (nearest: crm)"),
    ("initial: {prefer: []}", "initial: say whom to prefer: {prefer: CONNECTION}"),
    ("initial: latest", "initial: 'latest' is none of fill_empty or {prefer: CONNECTION}"),
    ("initial: [crm]", "initial: this is none of fill_empty or {prefer: CONNECTION}"),
    ("initial: {emial: fill_empty}", "initial.emial: a contact has no path 'emial' (nearest: email)"),
    ("initial: {email: fil_empty}",
     "initial.email: 'fil_empty' is none of fill_empty or {prefer: CONNECTION} (nearest: fill_empty)"),
    ("rules: latest", "rules: a table is expected here"),
    ("rules: {ownr: latest}", "rules.ownr: a contact has no path 'ownr' (nearest: owner)"),
    ("rules: {'adress.*': latest}", "rules.adress.*: no path is like 'adress.*' (nearest: address.*)"),
    ("rules: {email: lastest}",
     "rules.email: 'lastest' is none of latest, fill_empty, most_restrictive or {prefer: CONNECTION} (nearest: latest)"),
    ("rules: {email: {prefer: sales}}", "rules.email.prefer: no connection is called 'sales'"),
    ("rules: {email: {perfer: crm, prefer: crm}}", "rules.email.perfer: no such key (nearest: prefer)"),
    ("rules: {email: {prefer: ~}}", "rules.email: say whom to prefer: {prefer: CONNECTION}"),
    ("rules: {'*': most_restrictive}", "rules.*: most_restrictive decides consent; write it for consent.*"),
    ("include: {stge: set}", "include.stge: a contact has no path 'stge' (nearest: stage)"),
    ("include: {stage: '>= led'}", "include.stage: 'led' is no stage of the lifecycle (nearest: lead)"),
    ("include: {stage: 'lead, custmer'}", "include.stage: 'custmer' is no stage of the lifecycle (nearest: customer)"),
    ("include: {stage: '>= cold'}", "include.stage: 'cold' is a lost stage, which stands beside the order"),
    ("include: {stage: '> lead'}",
     "include.stage: '> lead' is no condition; write values (a, b), set, or for a stage '>= lead'"),
    ("include: {scores.fit: '>= 5'}",
     "include.scores.fit: '>= 5' is no condition; write values (a, b), set, or for a stage '>= lead'"),
    ("include: {stage: [lead]}", "include.stage: one word or text is expected here"),
    ("create: {sales: true}", "create.sales: no connection is called 'sales'"),
    ("create: {crm: [lead]}", "create.crm: one word or text is expected here"),
    ("guards: {max_create: 5}", "guards.max_create: no such guard (nearest: max_creates)"),
    ("guards: {max_creates: many}", "guards.max_creates: 'many' is neither a number, a share (20%) nor off"),
    ("guards: {max_creates: -1}", "guards.max_creates: '-1' is neither a number, a share (20%) nor off"),
    ("ambiguous: guess", "ambiguous: 'guess' is none of review, newest, prefer_contact"),
    ("backward: reverse", "backward: 'reverse' is none of hold, revert, allow (nearest: revert)"),
    ("deletes: remove", "deletes: 'remove' is none of ignore, archive, erase"),
    ("keep_changes: long", "keep_changes: 'long' is no time; write for example 90d, 12h or 5m"),
    ("verify: never", "verify: 'never' is none of always, changed, off"),
    ("write: both", "write: 'both' is none of primary, all"),
    ("match_phone: maybe", "match_phone: 'maybe' is neither true nor false"),
    ("max_flips: few", "max_flips: 'few' is no whole number from 1 up"),
    ("max_flips: 0", "max_flips: '0' is no whole number from 1 up"),
)  # fmt: skip
def test_a_wrong_entry_about_contacts_is_told(text: str, line: str, say: Any) -> None:
    assert say(f"{HEAD}contacts:\n  {text}\n") == [f"4: contacts.{line}"]


# --- all of it ------------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file(say: Any) -> None:
    text = """
jobs: [{name: contacts, every: 5}]
contacts:
  rules: {emial: latest}
  guards: {max_creates: lots}
connections:
  crm: {type: hubspot, token: pat-1, budgt: 5%}
  sales: {type: salesforce, domain: acme.my, client_id: ${SF_ID}, client_secret: ${SF_SECRET}}
ledgr: x
"""
    assert say(text, environ={}) == [
        "1: jobs.1.every: say how often, for example 5m, 1h or 30s",
        "3: contacts.rules.emial: a contact has no path 'emial' (nearest: email)",
        "4: contacts.guards.max_creates: 'lots' is neither a number, a share (20%) nor off",
        "6: connections.crm.budgt: no such key (nearest: budget)",
        "6: connections.crm.token: a secret stands here in plain text; write ${CRM_TOKEN}, file:/path or"
        " keyring:service/name instead",
        "7: connections.sales.client_id: the variable SF_ID is not set; set it, or write it into .env",
        "7: connections.sales.client_secret: the variable SF_SECRET is not set; set it, or write it into .env",
        "8: ledgr: no such key (nearest: ledger)",
    ]


def test_a_complaint_says_that_nothing_happened(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write("connections: {}"))
    assert (caught.value.code, caught.value.exit_code) == ("SB-CONFIG", 2)
    assert caught.value.hint == "Nothing was contacted; mend the file and run again."


KEYS = st.sampled_from([
    "version", "ledger", "lifecycle", "timezone", "connections", "contacts", "jobs", "crm", "type", "token", "mode",
    "budget", "account", "custom", "mapping", "between", "initial", "include", "create", "rules", "guards", "prefer",
    "max_flips", "match_phone", "max_creates", "stage", "email", "*", "name", "every", "odd",
])  # fmt: skip
LEAVES = st.sampled_from([
    "~", "''", "crm", "hubspot", "salesforce", "'${HUBSPOT_TOKEN}'", "5m", "80%", "1", "true", "'>= lead'", "lead",
    "fill_empty", "'*'", "'keyring:'", "'file:'", "'${'", "sqlite:///x", "contacts",
])  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(KEYS, inner, max_size=5).map(
            lambda table: "{" + ", ".join(f"'{k}': {v}" for k, v in table.items()) + "}"
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, TREES, max_size=6))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_a_file_says_it_loads_or_is_refused_in_words(write: Write, document: dict[str, str]) -> None:
    path = write("".join(f"'{key}': {value}\n" for key, value in {"connections": f"{{{CRM}}}", **document}.items()))
    refusal = ""
    try:
        load_config(path, WORDS)
    except ConfigError as error:
        refusal = str(error)
    assert all(line.startswith("stagebridge.yaml:") for line in refusal.splitlines())


@pytest.mark.parametrize(
    ("serve", "says"),
    [
        ("public: x", "serve.public: no such key"),
        (
            "public_url: hooks.example.com",
            "serve.public_url: 'hooks.example.com' is no address that a platform can call",
        ),
        ("public_url: 'https://a.example.com/?x=1'", "serve.public_url: 'https://a.example.com/?x=1' is no address"),
        ("public_url: 'https://a.example.com:port'", "serve.public_url: 'https://a.example.com:port' is no address"),
        ("port: 70000", "serve.port: '70000' is no port; they end at 65535"),
        ("port: http", "serve.port: 'http' is no whole number from 0 up"),
        ("timeout: soon", "serve.timeout: 'soon' is no time"),
    ],
)
def test_where_webhooks_are_received_is_said_in_full_or_not_at_all(say: Any, serve: str, says: str) -> None:
    [line] = say(HEAD + f"serve: {{{serve}}}\n")
    assert line.startswith(f"3: {says}")
