"""What a mapping leaves to the account: `<Label>` of a field or an option, `$setting`, `lookup()`; resolved against the
facts that the connector's `discover()` returned, with a note of everything that was used and of everything that lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from stagebridge.document import Table
from stagebridge.mapping.codecs import Context

_LABEL = re.compile(r"<([^<>]+)>")
_SETTING = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the account lacks and `provision` can create: a field, or options of one that exists.

    `type` is string, date, datetime, bool, number or enumeration; `options` maps a value to its label; `path` is the
    canonical path that needs it.
    """

    object: str
    name: str
    label: str
    type: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    unique: bool = False
    exists: bool = False


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a path, or one row of its table (`stage.customer`), cannot be used in this account."""

    where: str
    reason: str
    missing: Missing | None = None
    named: bool = True
    """Whether the mapping means this account; a shipped row for an option that an account has taken out does not."""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + ("; `stagebridge provision` creates it" if self.missing else "")


class Account:
    """One object of one account. `used` is what the outcome depends on, `lacks` what is not there."""

    def __init__(
        self, object: str, context: Context, settings: Mapping[str, Any], custom: Any, *, flat: bool = False
    ) -> None:
        self._flat = flat
        self.object = object
        self.context = context
        self.settings = settings
        self.used: dict[str, Any] = {}
        self.lacks: dict[str, Lack] = {}
        self.needs_facts = False
        self._names: set[str] | None = None
        before, sign, after = custom.partition("{name}") if isinstance(custom, str) else ("", "", "")
        self._known_place = bool(sign)
        self._before, self._after = before, after
        self._own = re.compile(re.escape(before) + r"\w+" + re.escape(after))

    # --- settings ----------------------------------------------------------------------------------------------

    def unset(self, text: Any) -> str | None:
        """The first `$setting` in a text that the connection does not give."""
        names = _SETTING.findall(text) if isinstance(text, str) else ()
        return next((n for n in names if self.settings.get(n) in (None, "")), None)

    def filled(self, text: str) -> str:
        for name in _SETTING.findall(text):
            self.used[f"${name}"] = self.settings.get(name)
        return _SETTING.sub(lambda m: str(self.settings.get(m[1], "")), text)

    # --- fields ------------------------------------------------------------------------------------------------

    def field(
        self, text: str, path: str, where: str, *, type: str = "string", options: Mapping[str, str] | None = None
    ) -> str | None:
        """A reference with labels and settings filled in; None where the account has no such field. Raises
        `ValueError` for a label that is there twice."""
        text = self.filled(text)
        labels = _LABEL.findall(text)
        self.needs_facts = self.needs_facts or bool(labels)
        if self.context.facts is None:
            return _LABEL.sub(lambda m: slug(m[1]), text)
        there = self._facts("fields")
        for label in labels:
            if label not in there:
                named = text.replace(f"<{label}>", slug(label))
                name = slug(label) if self._in_a_list(text) else self.name_of(named)
                self._lack(path, where, label, name, _nearest(label, there), type, options, can_create=True)
                return None
            name = self._one(there[label], "field", label)
            self.used[f"{self.object} <{label}>"] = name
            text = text.replace(f"<{label}>", name)
        if not labels and there and self._is_account_field(text):
            name = self.name_of(text)
            if self._names is None:
                self._names = {str(n) for found in there.values() for n in _each(found)}
            if name not in self._names:
                label = _plain(name, self._after)
                own = path.startswith("custom.") or (bool(self._after) and bool(self._own.fullmatch(text)))
                own = own or (self._flat and path == "external_id")  # any other heading is its owner's to add
                self._lack(path, where, label, name, "", type, options, can_create=own)
                return None
            self.used[f"{self.object} {name}"] = True
        return text

    def _lack(
        self, path: str, where: str, label: str, name: str, near: str, type: str, options: Mapping[str, str] | None,
        *, can_create: bool,
    ) -> None:  # fmt: skip
        kind = "enumeration" if options else type
        missing = Missing(self.object, name, label, kind, path, options or {}, unique=path == "external_id")
        shown = label if near or name == slug(label) else name
        self.lacks[path] = Lack(where, f"this account has no field '{shown}'{near}", missing if can_create else None)

    def name_of(self, text: str) -> str:
        """A field's own name, without the table that it stands in."""
        return text.removeprefix(self._container)

    @property
    def _container(self) -> str:
        return self._before[: self._before.rfind(".") + 1]

    def _in_a_list(self, text: str) -> bool:
        return "(" in text

    def _is_account_field(self, text: str) -> bool:
        """Whether it stands where the account's own fields stand, so that the facts would know it."""
        if not self._known_place or "(" in self._before:
            return False
        return self._flat or (text.startswith(self._container) and re.fullmatch(r"\w+", self.name_of(text)) is not None)

    # --- options -----------------------------------------------------------------------------------------------

    def option(self, text: str, field: str, path: str, where: str, ours: str, *, writing: bool) -> str | None:
        """A value of a table with its label resolved; None where the field has no such option. Raises `ValueError`
        for a label that is there twice."""
        match = _LABEL.fullmatch(text)
        self.needs_facts = self.needs_facts or match is not None
        if self.context.facts is None:
            return text
        name = self.name_of(field)
        found = self._facts("options")
        there: Mapping[str, Any] = found.get(name) or {}
        if match is not None:
            if match[1] in there:
                value = self._one(there[match[1]], "option", match[1])
                self.used[f"{self.object} {name} <{match[1]}>"] = value
                return value
            self._lack_option(path, where, ours, name, match[1], {value_of(match[1]): match[1]}, there)
            return None
        values = {str(v) for one in there.values() for v in _each(one)}
        if writing and values and text not in values:
            self._lack_option(path, where, ours, name, text, {}, there)
            return None
        if writing and values:
            self.used[f"{self.object} {name} {text}"] = True
        return text

    def _lack_option(
        self, path: str, where: str, ours: str, name: str, wanted: str, options: Mapping[str, str],
        there: Mapping[str, Any],
    ) -> None:  # fmt: skip
        shown = ", ".join(f"'{label}'" for label in there) or "none"
        missing = Missing(self.object, name, name, "enumeration", path, options, exists=True) if options else None
        reason = f"the account's field {self._label_of(name)} has no option '{wanted}'; it has {shown}"
        self.lacks[f"{path}.{ours}"] = Lack(where, reason, missing, named=missing is not None)

    def _label_of(self, name: str) -> str:
        return next((label for label, n in self._facts("fields").items() if n == name and label != name), name)

    def _facts(self, part: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.context.facts or {}).get(part) or {}
        inner: Mapping[str, Any] = found.get(self.object) or {}
        return inner

    @staticmethod
    def _one(found: Any, what: str, label: str) -> str:
        names = _each(found)
        if len(names) > 1:
            raise ValueError(
                f"this account has the {what} '{label}' twice ({', '.join(names)}); give its own name instead"
            )
        return names[0]

    def lookup(self, codec: str) -> None:
        """Note that a codec depends on one of the account's tables."""
        match = re.fullmatch(r"lookup\((\w+)\)", codec)
        if match is not None:
            self.needs_facts = True
            self.used[codec] = (self.context.facts or {}).get(match[1]) or {}


def options_of(rows: Any, names: Mapping[str, None], prefix: str) -> dict[str, str]:
    """{value: label} of the options that a table needs, should its field have to be created."""
    if rows == "same":
        return {prefix + n: titled(n) for n in names}
    out: dict[str, str] = {}
    for ours, row in rows.items() if isinstance(rows, Table) else ():
        if ours not in names:
            continue
        wanted = row.get("write", row.get("read")) if isinstance(row, Mapping) else row
        for text in wanted[:1] if isinstance(wanted, list) else [wanted] if isinstance(wanted, str) else []:
            match = _LABEL.fullmatch(text)
            out[value_of(match[1]) if match else text] = match[1] if match else titled(ours)
    return out


def slug(label: str) -> str:
    """The name that a field of that label is created with."""
    return re.sub(r"\W+", "_", label.strip().lower())


def value_of(label: str) -> str:
    """The value that an option of that label is created with."""
    return re.sub(r"\W+", "_", label.strip().upper())


def titled(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _nearest(label: str, labels: Mapping[str, Any]) -> str:
    found = get_close_matches(label, list(labels), 1, 0.6)
    return f" (nearest: '{found[0]}')" if found else ""


def _plain(name: str, suffix: str) -> str:
    return name.removesuffix(suffix).replace("_", " ") if suffix else name


def _each(found: Any) -> list[str]:
    return [str(x) for x in found] if isinstance(found, list | tuple) else [str(found)]
