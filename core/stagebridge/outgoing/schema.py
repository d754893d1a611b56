"""The JSON Schema of what is posted in its full form, for whoever receives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from stagebridge.endpoint import Alert, Happening
from stagebridge.outgoing.messages import AlertRaised, ContactChanged, ConversionCreated, Message, StageChanged

SHIPPED = Path(__file__).parents[3] / "docs" / "messages.schema.json"
"""In a checkout."""


class ContactChangedMessage(Message):
    type: Literal["contact.changed"]
    data: ContactChanged


class StageChangedMessage(Message):
    type: Literal["contact.stage_changed"]
    data: StageChanged


class ConversionCreatedMessage(Message):
    type: Literal["conversion.created"]
    data: ConversionCreated


class AlertMessage(Message):
    type: Alert
    data: AlertRaised


OF_TYPE: Mapping[Happening, type[Message]] = {
    "contact.changed": ContactChangedMessage,
    "contact.stage_changed": StageChangedMessage,
    "conversion.created": ConversionCreatedMessage,
}
"""The whole message, by what has happened."""


def messages_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that every message keeps to. Fields may be added to it; who receives should not mind."""
    models: list[type[BaseModel]] = [*OF_TYPE.values(), AlertMessage]
    refs, made = models_json_schema([(m, "serialization") for m in models], ref_template="#/$defs/{model}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages of stagebridge, version 1",
        "oneOf": [refs[m, "serialization"] for m in models],
        "$defs": _open(made["$defs"]),
    }


def _open(form: Any) -> Any:
    """Without what forbids further fields."""
    if isinstance(form, dict):
        return {k: _open(v) for k, v in form.items() if not (k == "additionalProperties" and v is False)}
    return [_open(v) for v in form] if isinstance(form, list) else form


def write_shipped() -> None:
    """Bring the shipped file up to date."""
    SHIPPED.write_bytes(orjson.dumps(messages_schema(), option=orjson.OPT_INDENT_2) + b"\n")


__all__ = ["OF_TYPE", "messages_schema", "write_shipped"]
