"""The JSON Schema of `stagebridge.yaml`, for editors that complete and check while one writes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args

import orjson
from pydantic import BaseModel

from stagebridge.config.connections import published
from stagebridge.config.contacts import CHOICES
from stagebridge.config.reader import KEYS, LEDGER, connectors
from stagebridge.config.values import GUARDS, AdsConsent, Mode
from stagebridge.event import Channel

SHIPPED = Path(__file__).parents[3] / "docs" / "stagebridge.schema.json"
"""In a checkout: the schema with the connectors that stagebridge publishes. A wheel has it beside this module, for editors that take
it from the installed package."""

NUMBER_OR_SHARE = {"type": ["integer", "string"], "pattern": r"^(\d+|\d+(\.\d+)?%|off)$"}
DURATION = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*[smhd]$"}
NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def config_schema(names: Collection[str] | None = None) -> dict[str, Any]:
    """A JSON Schema (2020-12) of the file, with the settings of every connector that is installed, or of those `names`
    only. It knows forms, not meanings: `load_config` has the last word."""
    entries = [(name, e) for name, e in sorted(connectors().items()) if names is None or name in names]
    kinds = {name: entry.load().Settings for name, entry in entries}
    sections: dict[str, Any] = {
        "version": {"const": 1},
        "ledger": {"type": "string", "default": LEDGER, "description": "Database URL of the ledger."},
        "lifecycle": {"type": "string", "default": "default", "description": "A shipped lifecycle, or a .yaml file."},
        "timezone": {"type": "string", "default": "UTC", "description": "IANA zone of reports and daily quotas."},
        "connections": _every({"oneOf": [_connection(name, model) for name, model in kinds.items()]}),
        "contacts": _contacts(),
        "events": {"type": "array", "items": _rule()},
        "jobs": {"type": "array", "items": _table({"name": {"const": "contacts"}, "every": {
            **DURATION, "examples": ["5m"]}}, "name", "every")},
        "serve": _table({
            "public_url": {"type": "string", "description": "What platforms call, without /hooks/…",
                           "examples": ["https://hooks.example.com"]},
            "host": {"type": "string", "default": "127.0.0.1"},
            "port": {"type": ["integer", "string"], "default": 8080},
            "timeout": {**DURATION, "default": "10s", "description": "How long a request may take to arrive."},
        }),
        "outgoing": _table({
            "allow": {"type": "array", "items": {"type": "string"}, "examples": [["127.0.0.1:9000"]],
                      "description": "Hosts that messages may go to without https, or inside your own network."},
        }),
    }  # fmt: skip
    assert tuple(sections) == KEYS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stagebridge.yaml",
        **_table(sections, "connections"),
        "$defs": {n: d for model in kinds.values() for n, d in _model(model).get("$defs", {}).items()},
    }


def _connection(name: str, model: type[BaseModel]) -> dict[str, Any]:
    own = {
        "type": {"const": name},
        "mode": {"enum": list(get_args(Mode)), "default": "two_way"},
        "mapping": {"type": "string", "description": "A shipped mapping, or a .yaml file beside this one."},
        "custom": _every({"type": ["string", "object"]}),
        "default_region": {"type": "string", "pattern": "^[A-Za-z]{2}$", "description": "Of national phone numbers."},
        "timezone": {"type": "string"},
        "ads_consent": {"enum": list(get_args(AdsConsent)), "default": "granted_only"},
        "segments": {
            "type": ["boolean", "string"],
            "default": False,
            "examples": ["stage: "],
            "description": "Keep a tag per stage on every contact, beginning with this.",
        },
        "conversions": {"type": "boolean", "default": False, "description": "Take the conversions that it records."},
    }
    # Numbers may be written with a unit (80%, 5m) and anything by reference, so every plain setting may be a text.
    settings = {key: _or_text(form) for key, form in _model(model).get("properties", {}).items()}
    return _table({**own, **settings}, "type")


def _contacts() -> dict[str, Any]:
    prefer = _table({"prefer": NAMES}, "prefer")
    first = {"anyOf": [{"const": "fill_empty"}, prefer]}
    rule = {"anyOf": [{"enum": ["latest", "fill_empty", "most_restrictive"]}, prefer]}
    return _table({
        "between": NAMES,
        "initial": {"anyOf": [*first["anyOf"], _every(first)]},
        "include": _every({"type": "string"}),
        "create": _every({"type": ["boolean", "string"]}),
        "rules": _every(rule),
        "guards": _table({name: {**NUMBER_OR_SHARE, "default": limit} for name, limit in GUARDS.items()}),
        **{key: {"enum": list(words), "default": words[0]} for key, words in CHOICES.items()},
        "match_phone": {"type": "boolean", "default": False},
        "max_flips": {"type": "integer", "minimum": 1, "default": 5},
        "keep_changes": {**DURATION, "default": "90d", "description": "How long the change log is kept."},
    })  # fmt: skip


def _rule() -> dict[str, Any]:
    send = {
        "when": _table({"stage": NAMES}, "stage"), "send": {"type": "string"}, "value": {"type": ["string", "number"]},
        "currency": {"type": "string"}, "channel": {"enum": list(get_args(Channel)), "default": "crm"}, "to": NAMES,
    }  # fmt: skip
    move = {"when": _table({"event": {"type": "string"}}, "event"), "stage": {"type": "string"}}
    return {"oneOf": [_table(send, "when", "send"), _table(move, "when", "stage")]}


def _model(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(ref_template="#/$defs/{model}")


def _or_text(form: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {key: form[key] for key in ("description", "default", "title") if key in form}
    kinds = form.get("anyOf", [{k: v for k, v in form.items() if k not in about}])
    plain = any(kind.get("type") in ("string", "number", "integer", "boolean") for kind in kinds)
    return {**about, "anyOf": [*kinds, {"type": "string"}]} if plain and "enum" not in str(kinds) else form


def _table(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**out, "required": list(required)} if required else out


def _every(form: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": form}


def write_shipped() -> None:
    """Bring the shipped file up to date."""
    SHIPPED.write_bytes(orjson.dumps(config_schema(published()), option=orjson.OPT_INDENT_2) + b"\n")
