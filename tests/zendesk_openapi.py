"""Whether a request and its answer are as Zendesk's own OpenAPI says, where somebody has it.

    problems = validate_exchange("POST", "/api/v2/users", {}, {"user": {…}}, 201, {"user": {…}})

The document is large and slow to read: it is cut along its indentation, and only what is needed is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

from outside import specs_of

NULL_IN_RECORDINGS = "recorded users have null here"
NOT_IN_SPEC = re.compile(r"/api/v2/(webhooks|user_profiles|users/[^/]+/events)(/|\Z)")
"""The webhooks and events APIs have documents of their own, which nobody here has."""

WAIVERS: dict[str, str] = {
    **{f"UserForAdmin.{name}:null": NULL_IN_RECORDINGS for name in ("alias", "details", "notes", "signature", "last_login_at",
                                                                   "default_group_id")},
    "UserForAdmin.email:null": "a person who is known by his phone only has no address",
    "DeletedUserObject.email:null": "who was merged into another has left his addresses with him",
    "DeletedUserObject.organization_id:null": "not everybody is of an organisation",
    "DeletedUserObject.shared_phone_number:boolean": "it is a boolean of the same user before he is deleted",
    "TicketObject.recipient:null": "a ticket that came by API was sent to no address",
    "FailedResult.id:optional": "a row that should have created somebody has no id to say",
    "JobStatusResultObject:anyOf": "a failed row with an index and an id is both of two that exclude each other",
    "UserIdentityInput.skip_verify_email:known": "the text of Create Identity has it, the schema has not",
    "GET /api/v2/incremental/tickets/cursor?per_page:known": "the export of users has it, and the guide says so of both",
}  # fmt: skip
"""What the document gets wrong, by where, and how it is known."""

BODIES: dict[tuple[str, str], tuple[str, str]] = {
    ("POST", "/api/v2/users/{user_id}/identities"): ("identity", "UserIdentityInput"),
    ("POST", "/api/v2/user_fields"): ("user_field", "UserFieldObject"),
    ("POST", "/api/v2/user_fields/{user_field_id}/options"): ("custom_field_option", "CustomFieldOptionObject"),
}
"""Bodies of which the document has the schema, and does not say that it is theirs."""

_FORMATS = FormatChecker()


@_FORMATS.checks("date-time")  # type: ignore[untyped-decorator]
def _is_moment(value: object) -> bool:
    return (
        not isinstance(value, str)
        or re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", value) is not None
    )


class _Loader(yaml.CSafeLoader):
    """Takes a bare `=` and times as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in ("tag:yaml.org,2002:value", "tag:yaml.org,2002:timestamp")]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    template: str
    parameters: Mapping[str, Any]
    """Those of the query, by name."""
    body: Any
    answers: Mapping[str, Any]


class Document:
    """The text, cut into the parts that are parsed when they are asked for."""

    def __init__(self, text: str) -> None:
        top = dict(_blocks(text, 0))
        components = dict(_blocks(top["components"], 2))
        self._parts = {
            "paths": dict(_blocks(top["paths"], 2)),
            **{kind: dict(_blocks(components[kind], 4)) for kind in ("schemas", "parameters")},
        }
        templates = sorted(self._parts["paths"], key=lambda t: (t.count("{"), t))
        self.patterns = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", t) + r"\Z"), t) for t in templates]
        self._loaded: dict[tuple[str, str], Any] = {}

    def load(self, kind: str, name: str) -> Any:
        if (kind, name) not in self._loaded:
            self._loaded[kind, name] = yaml.load(self._parts[kind][name], _Loader)
        return self._loaded[kind, name]


class Spec:
    """What the document says, with what it gets wrong put right where that is `waived`."""

    def __init__(self, document: Document, waived: frozenset[str]) -> None:
        self.waived = waived
        self._document = document
        self._load = document.load
        self._validators: dict[str, Draft202012Validator] = {}

    # --- operations --------------------------------------------------------------------------------------------

    def operation(self, method: str, path: str) -> Operation | None:
        for pattern, template in self._document.patterns:
            if not pattern.match(path):
                continue
            item = self._load("paths", template)
            if (found := item.get(method.lower())) is None:
                continue
            parameters = [self._parameter(p) for p in [*item.get("parameters", []), *found.get("parameters", [])]]
            body = _content(found.get("requestBody")) or _known_body(method, template)
            return Operation(
                template, {p["name"]: p for p in parameters if p["in"] == "query"}, body,
                {status: _content(answer) for status, answer in found["responses"].items()},
            )  # fmt: skip
        return None

    def _parameter(self, given: Any) -> Any:
        return self._load("parameters", given["$ref"].rpartition("/")[2]) if "$ref" in given else given

    # --- schemas -----------------------------------------------------------------------------------------------

    def errors(self, schema: Any, value: Any, where: str) -> list[str]:
        key = repr(schema)
        if key not in self._validators:
            definitions: dict[str, Any] = {}
            root = self._converted(schema, definitions)
            self._validators[key] = Draft202012Validator({**root, "$defs": definitions}, format_checker=_FORMATS)
        return [
            f"{where}{''.join(f'[{p!r}]' for p in e.absolute_path)}: {e.message[:300]}"
            for e in self._validators[key].iter_errors(value)
        ]

    def _converted(self, schema: Any, definitions: dict[str, Any], owner: str = "") -> Any:
        """OpenAPI 3.0 as JSON Schema: `nullable`, and references into `$defs`."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name not in definitions:
                definitions[name] = {}
                definitions[name] = self._converted(self._mended(name), definitions, name)
            return {"$ref": f"#/$defs/{name}"}
        out = {k: schema[k] for k in ("type", "enum", "required", "format", "minimum", "pattern") if k in schema}
        for part in ("oneOf", "anyOf", "allOf"):
            if part in schema:
                out[part] = [self._converted(s, definitions) for s in schema[part]]
        if "items" in schema:
            out["items"] = self._converted(schema["items"], definitions)
        if "properties" in schema:
            out["properties"] = {k: self._converted(v, definitions) for k, v in schema["properties"].items()}
        if isinstance(schema.get("additionalProperties"), dict):
            out["additionalProperties"] = self._converted(schema["additionalProperties"], definitions)
        if schema.get("nullable"):
            return {"anyOf": [out, {"type": "null"}]}
        return out

    def _mended(self, name: str) -> Any:
        """A schema with what it gets wrong put right."""
        schema = self._load("schemas", name)
        for waiver in self.waived:
            where, _, how = waiver.partition(":")
            of, _, attribute = where.partition(".")
            if of != name:
                continue
            properties = dict(schema.get("properties", {}))
            if how == "null":
                properties[attribute] = {**properties[attribute], "nullable": True}
            elif how == "boolean":
                properties[attribute] = {"type": "boolean", "nullable": True}
            elif how == "known":
                properties[attribute] = {}
            elif how == "optional":
                schema = {**schema, "required": [r for r in schema["required"] if r != attribute]}
            elif how == "anyOf":
                schema = {**{k: v for k, v in schema.items() if k != "oneOf"}, "anyOf": schema["oneOf"]}
            if properties:
                schema = {**schema, "properties": properties}
        return schema

    def known(self, schema: Any) -> tuple[dict[str, Any], bool]:
        """The attributes that any alternative of a schema has, and whether others are meant to be there."""
        if "$ref" in schema:
            return self.known(self._mended(schema["$ref"].rpartition("/")[2]))
        out = dict(schema.get("properties", {}))
        for part in ("oneOf", "anyOf", "allOf"):
            for inner in schema.get(part, []):
                out |= self.known(inner)[0]
        return out, not out

    def strange(self, schema: Any, value: Any, where: str) -> Iterator[str]:
        """Attributes of a request that the schema does not know, which the platform ignores without a word."""
        if isinstance(value, list):
            items = schema.get("items") if "$ref" not in schema else None
            for n, inner in enumerate(value if items is not None else []):
                yield from self.strange(items, inner, f"{where}[{n}]")
        elif isinstance(value, dict):
            attributes, free = self.known(schema)
            for name, inner in value.items():
                if free:
                    continue
                if name not in attributes:
                    yield f"{where}[{name!r}]: unknown"
                else:
                    yield from self.strange(attributes[name], inner, f"{where}[{name!r}]")


def _blocks(text: str, indent: int) -> Iterator[tuple[str, str]]:
    """The keys at an indentation, and what is written under them."""
    pattern = re.compile(rf"^ {{{indent}}}(?! |#|-)(.+?):[ ]*(?:\n|\Z)", re.MULTILINE)
    found = list(pattern.finditer(text))
    for this, following in zip(found, [*found[1:], None], strict=True):
        yield this[1].strip("\"'"), text[this.end() : following.start() if following else len(text)]


def _known_body(method: str, template: str) -> Any:
    if (method, template) not in BODIES:
        return None
    name, schema = BODIES[method, template]
    return {"type": "object", "properties": {name: {"$ref": f"#/components/schemas/{schema}"}}, "required": [name]}


def _content(part: Any) -> Any:
    """The schema of a JSON body, None where there is none."""
    return ((part or {}).get("content") or {}).get("application/json", {}).get("schema")


@lru_cache(1)
def _document() -> Document:
    return Document((specs_of("zendesk") / "Ticketing-oas.yaml").read_text("utf-8"))


@lru_cache
def spec(without: str = "") -> Spec:
    """The document with all waivers but one. Skips the test where there is none."""
    return Spec(_document(), frozenset(WAIVERS) - {without})


def validate_exchange(
    method: str, path: str, query: Mapping[str, str], body: Any, status: int, answer: Any, *, without: str = ""
) -> list[str]:
    """What is wrong with a request that was accepted, and with its answer; empty if nothing is.

    A refused request may be as wrong as it likes. `answer` None: nothing is said of a body that nobody kept. `without`: one
    waiver less. Skips the test where nobody has the document.
    """
    document, path = spec(without), path.removesuffix(".json")
    if NOT_IN_SPEC.match(path) or not 200 <= status < 300:
        return []
    found = document.operation(method, path)
    if found is None:
        return [f"{method} {path} is not in the specification"]
    out = [p for name, value in query.items() if (p := _wrong_parameter(document, found, method, name, value))]
    if found.body is not None:
        out += document.errors(found.body, body, "request") + list(document.strange(found.body, body, "request"))
    if str(status) not in found.answers:
        out.append(f"{method} {found.template} does not answer {status}")
    elif answer is not None and (schema := found.answers[str(status)]) is not None:
        out += document.errors(schema, answer, "answer")
    return out


def _wrong_parameter(document: Spec, found: Operation, method: str, name: str, value: str) -> str:
    base, _, inner = name.rstrip("]").partition("[")
    parameter = found.parameters.get(name) or found.parameters.get(base)
    if parameter is None:
        waived = f"{method} {found.template}?{name}:known" in document.waived
        return "" if waived else f"{method} {found.template} has no parameter {name}"
    schema = parameter["schema"]
    options = [schema, *schema.get("oneOf", [])]
    kinds = {(o["properties"].get(inner, {}) if "properties" in o and inner else o).get("type") for o in options} - {
        None
    }
    if kinds == {"integer"} or (inner == "size" and "integer" in kinds):
        return "" if re.fullmatch(r"\d+", value) else f"{name} must be a whole number, not {value}"
    return ""


__all__ = ["NOT_IN_SPEC", "WAIVERS", "Spec", "spec", "validate_exchange"]
