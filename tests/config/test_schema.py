"""The JSON Schema for editors knows the same keys as the reader."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson

from stagebridge.config import GUARDS, ContactsConfig, config_schema, connectors
from stagebridge.config.connections import published
from stagebridge.config.schema import SHIPPED

SCHEMA = config_schema()


def test_the_shipped_file_is_up_to_date() -> None:
    again = "python -c 'from stagebridge.config.schema import write_shipped; write_shipped()'"
    assert orjson.loads(SHIPPED.read_bytes()) == config_schema(published()), again


def connection(kind: str) -> dict[str, Any]:
    forms = SCHEMA["properties"]["connections"]["additionalProperties"]["oneOf"]
    return next(f for f in forms if f["properties"]["type"] == {"const": kind})


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_schema_is_plain_json_and_every_reference_in_it_leads_somewhere() -> None:
    assert orjson.loads(orjson.dumps(SCHEMA)) == SCHEMA
    assert references(SCHEMA) <= {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_contacts_have_the_keys_of_what_they_become() -> None:
    assert set(SCHEMA["properties"]["contacts"]["properties"]) == {f.name for f in fields(ContactsConfig)}
    assert set(SCHEMA["properties"]["contacts"]["properties"]["guards"]["properties"]) == set(GUARDS)


def test_every_installed_connector_brings_its_settings() -> None:
    assert {"hubspot", "salesforce"} <= set(connectors())
    for kind, entry in connectors().items():
        assert set(entry.load().Settings.model_fields) <= set(connection(kind)["properties"])


def test_a_key_that_does_not_exist_is_wrong_in_the_editor_too() -> None:
    tables = [SCHEMA, SCHEMA["properties"]["contacts"], connection("hubspot"), connection("salesforce")]
    assert [t["additionalProperties"] for t in tables] == [False] * 4


def test_a_number_may_be_written_with_its_unit() -> None:
    assert {"type": "string"} in connection("hubspot")["properties"]["budget"]["anyOf"]
