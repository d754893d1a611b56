"""The `contacts:` section: who is right, who is written, and how much a run may do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from stagebridge.config.problems import TRUTH, Problems
from stagebridge.config.values import GUARDS, KEPT, ContactsConfig, Guards, Rule
from stagebridge.contact import OPEN, PATHS, kind_of
from stagebridge.document import Table, nearest
from stagebridge.lifecycle import Lifecycle

CHOICES = {
    "ambiguous": ("review", "newest", "prefer_contact"),
    "backward": ("hold", "revert", "allow"),
    "deletes": ("ignore", "archive", "erase"),
    "verify": ("always", "changed", "off"),
    "write": ("primary", "all"),
}
"""Words that decide one thing each; the first is the default."""

KEYS = (
    "between", "initial", "include", "create", "rules", "guards", *CHOICES, "match_phone", "max_flips", "keep_changes",
)  # fmt: skip


class Contacts:
    """`connections` are the names in the file, `keepers` those that have people; without a readable lifecycle, stages
    are not looked at."""

    def __init__(
        self, problems: Problems, connections: Sequence[str], lifecycle: Lifecycle | None, keepers: Sequence[str]
    ) -> None:
        self.problems = problems
        self.connections = connections
        self.keepers = keepers
        self.lifecycle = lifecycle

    def read(self, table: Table) -> ContactsConfig:
        problems = self.problems
        problems.keys(table, KEYS, "contacts")
        between = problems.words(table, "between", "contacts.between") or tuple(self.keepers)
        problems.named(table, "between", "contacts.between", between, self.connections)
        for name in between:
            if name in self.connections and name not in self.keepers:
                problems.add(table, "between", "contacts.between", f"{name} takes events only and has no contacts")
        rules = problems.table(table, "rules", "contacts.rules")
        return ContactsConfig(
            between=between,
            initial=self._initial(table),
            include=self._include(problems.table(table, "include", "contacts.include")),
            create=self._create(problems.table(table, "create", "contacts.create")),
            rules={pattern: self._rule(rules, pattern) for pattern in rules},
            guards=self._guards(problems.table(table, "guards", "contacts.guards")),
            match_phone=problems.truth(table, "match_phone", "contacts.match_phone", False),
            max_flips=problems.whole(table, "max_flips", "contacts.max_flips", 5, least=1),
            keep_changes=problems.duration(table, "keep_changes", "contacts.keep_changes", KEPT),
            **{k: problems.choice(table, k, f"contacts.{k}", words, words[0]) for k, words in CHOICES.items()},
        )

    # --- who is right ------------------------------------------------------------------------------------------

    def _initial(self, table: Table) -> dict[str, Rule]:
        """`initial: fill_empty`, `initial: {prefer: crm}`, or either of them per path."""
        value = table.get("initial")
        if value is None:
            return {}
        if not isinstance(value, Table) or "prefer" in value:
            return {"*": self._decision(table, "initial", "contacts.initial", ("fill_empty",))}
        for pattern in value:
            self._pattern(value, pattern, f"contacts.initial.{pattern}")
        return {p: self._decision(value, p, f"contacts.initial.{p}", ("fill_empty",)) for p in value}

    def _rule(self, rules: Table, pattern: str) -> Rule:
        where = f"contacts.rules.{pattern}"
        self._pattern(rules, pattern, where)
        rule = self._decision(rules, pattern, where, ("latest", "fill_empty", "most_restrictive"))
        if rule.kind == "most_restrictive" and not pattern.startswith("consent."):
            self.problems.add(rules, pattern, where, "most_restrictive decides consent; write it for consent.*")
        return rule

    def _decision(self, table: Table, key: str, where: str, words: tuple[Any, ...]) -> Rule:
        value = table[key]
        if not isinstance(value, Table):
            if isinstance(value, str) and value in words:
                return Rule(value)  # type: ignore[arg-type]  # one of `words`
            near = nearest(value, words) if isinstance(value, str) else ""
            given = f"'{value}' is" if isinstance(value, str) else "this is"
            self.problems.add(table, key, where, f"{given} none of {', '.join(words)} or {{prefer: CONNECTION}}{near}")
            return Rule()
        self.problems.keys(value, ("prefer",), where)
        names = self.problems.words(value, "prefer", f"{where}.prefer")
        if not names:
            self.problems.add(table, key, where, "say whom to prefer: {prefer: CONNECTION}")
        self.problems.named(value, "prefer", f"{where}.prefer", names, self.connections)
        return Rule("prefer", names)

    def _pattern(self, table: Table, pattern: str, where: str) -> None:
        if "*" not in pattern:
            if kind_of(pattern) is None:
                self.problems.add(table, pattern, where, f"a contact has no path '{pattern}'{nearest(pattern, PATHS)}")
        elif not any(fnmatchcase(path, pattern) for path in PATHS) and not pattern.startswith(tuple(OPEN)):
            known = ["*", "address.*", "consent.*", *(f"{prefix}*" for prefix in OPEN)]
            self.problems.add(table, pattern, where, f"no path is like '{pattern}'{nearest(pattern, known)}")

    # --- who is written ----------------------------------------------------------------------------------------

    def _include(self, table: Table) -> dict[str, str]:
        return {path: text for path in table if (text := self._condition(table, path)) is not None}

    def _condition(self, table: Table, path: str) -> str | None:
        where = f"contacts.include.{path}"
        if kind_of(path) is None:
            self.problems.add(table, path, where, f"a contact has no path '{path}'{nearest(path, PATHS)}")
        text = self.problems.word(table, path, where)
        if text is None:
            return None
        at_least = re.fullmatch(r">=\s*(\w+)", text)
        if (at_least and path != "stage") or (not at_least and re.match(r"[<>=!]", text)):
            self.problems.add(
                table, path, where, f"'{text}' is no condition; write values (a, b), set, or for a stage '>= lead'"
            )
        elif path == "stage" and self.lifecycle is not None and text != "set":
            for name in [at_least[1]] if at_least else [one.strip() for one in text.split(",")]:
                if name not in self.lifecycle.names:
                    near = nearest(name, self.lifecycle.names)
                    self.problems.add(table, path, where, f"'{name}' is no stage of the lifecycle{near}")
                elif at_least and self.lifecycle.is_lost(name):
                    self.problems.add(table, path, where, f"'{name}' is a lost stage, which stands beside the order")
        return text

    def _create(self, table: Table) -> dict[str, bool | str]:
        out: dict[str, bool | str] = {}
        for name in table:
            self.problems.named(table, name, f"contacts.create.{name}", [name], self.connections)
            word = self.problems.word(table, name, f"contacts.create.{name}")
            if word is not None:
                out[name] = TRUTH.get(word.lower(), word)
        return out

    def _guards(self, table: Table) -> Guards:
        limits = dict(GUARDS)
        for name in table:
            where = f"contacts.guards.{name}"
            value = self.problems.word(table, name, where)
            if name not in GUARDS:
                self.problems.add(table, name, where, f"no such guard{nearest(name, GUARDS)}")
            elif value is not None and not re.fullmatch(r"\d{1,9}|\d{1,9}(\.\d+)?%|off", value):
                self.problems.add(table, name, where, f"'{value}' is neither a number, a share (20%) nor off")
            elif value is not None:
                limits[name] = value
        return Guards(limits)
