"""A small SOQL: enough of SELECT to be wrong in the same ways as the real one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:\\.|[^'\\])*')|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<op><=|>=|!=|<>|=|<|>|\(|\)|,)|(?P<word>[A-Za-z_][\w.]*))"
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}

Row = dict[str, Any]
Test = Callable[[Row], bool]


class Malformed(ValueError):
    """MALFORMED_QUERY."""


@dataclass(slots=True)
class Query:
    fields: list[str]
    object: str
    test: Test = lambda _row: True
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None
    count: bool = False
    used: set[str] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)
    """The only ones that it can find, where it asks for nothing else."""


def parse(text: str) -> Query:
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                raise Malformed(f"unexpected token: '{text[at : at + 12]}'")
            self.tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            at = match.end()
        self.at = 0
        self.used: set[str] = set()

    def query(self) -> Query:
        self._expect("SELECT")
        fields, count = [], False
        while True:
            word = self._word()
            if word.lower() == "count" and self._take("("):
                self._expect(")")
                count = True
            else:
                fields.append(word)
            if not self._take(","):
                break
        self._expect("FROM")
        query = Query(fields, self._word(), count=count)
        if self._take("WHERE"):
            start = self.at
            query.test = self._or()
            query.ids = _ids(self.tokens[start : self.at])
        if self._take("ORDER"):
            self._expect("BY")
            while True:
                name = self._word()
                self.used.add(name)
                down = self._take("DESC")
                if not down:
                    self._take("ASC")
                if self._take("NULLS") and not self._take("FIRST"):
                    self._expect("LAST")
                query.order.append((name, down))
                if not self._take(","):
                    break
        if self._take("LIMIT"):
            query.limit = int(self._next("number"))
        if self.at < len(self.tokens):
            raise Malformed(f"unexpected token: '{self.tokens[self.at][1]}'")
        query.used = self.used | set(fields)
        return query

    def _or(self) -> Test:
        tests = [self._and()]
        while self._take("OR"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else lambda row: any(t(row) for t in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._take("AND"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda row: all(t(row) for t in tests)

    def _not(self) -> Test:
        if self._take("NOT"):
            inner = self._not()
            return lambda row: not inner(row)
        if self._take("("):
            test = self._or()
            self._expect(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        name = self._word()
        self.used.add(name)
        if self._take("IN"):
            values = self._list()
            return lambda row: _key(get(row, name)) in values
        if self._take("NOT"):
            self._expect("IN")
            values = self._list()
            return lambda row: _key(get(row, name)) not in values
        if self._take("LIKE"):
            pattern = re.escape(self._value()).replace("%", ".*").replace("_", ".")
            return lambda row: bool(re.fullmatch(pattern, str(get(row, name) or ""), re.I))
        op = self._next("op")
        value = self._value()
        if op in ("=", "!=", "<>"):
            equal = op == "="
            return lambda row: (_key(get(row, name)) == _key(value)) == equal
        compare: dict[str, Callable[[Any, Any], bool]] = {
            "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
        }  # fmt: skip
        if op not in compare:
            raise Malformed(f"unexpected token: '{op}'")

        def test(row: Row) -> bool:
            held = get(row, name)
            return held is not None and compare[op](_key(held), _key(value))

        return test

    def _list(self) -> set[Any]:
        self._expect("(")
        values = {_key(self._value())}
        while self._take(","):
            values.add(_key(self._value()))
        self._expect(")")
        return values

    def _value(self) -> Any:
        if self.at >= len(self.tokens):
            raise Malformed("unexpected end of query")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "string":
            return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text[1:-1])
        if kind == "time":
            return datetime.fromisoformat(text)
        if kind == "number":
            return float(text)
        if kind == "date":
            return text
        if kind == "word" and text.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text.lower()]
        raise Malformed(f"unexpected token: '{text}'")

    def _take(self, word: str) -> bool:
        if (
            self.at < len(self.tokens)
            and self.tokens[self.at][1].upper() == word
            and self.tokens[self.at][0] in ("word", "op")
        ):
            self.at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            found = self.tokens[self.at][1] if self.at < len(self.tokens) else "<EOF>"
            raise Malformed(f"unexpected token: '{found}'")

    def _word(self) -> str:
        return self._next("word")

    def _next(self, kind: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != kind:
            found = self.tokens[self.at][1] if self.at < len(self.tokens) else "<EOF>"
            raise Malformed(f"unexpected token: '{found}'")
        self.at += 1
        return self.tokens[self.at - 1][1]


def _ids(condition: list[tuple[str, str]]) -> list[str]:
    """Those of a condition that is `Id IN (…)` and nothing else."""
    words = [text.upper() for kind, text in condition if kind == "word"]
    if words != ["ID", "IN"]:
        return []
    return list(dict.fromkeys(text[1:-1] for kind, text in condition if kind == "string"))


def get(row: Row, name: str) -> Any:
    """A field, or one of a parent (`Account.Name`)."""
    here: Any = row
    for part in name.split("."):
        here = here.get(part) if isinstance(here, dict) else None
    return here


def _key(value: Any) -> Any:
    """Text compares without case, times as instants."""
    if isinstance(value, str):
        if re.match(r"\d{4}-\d\d-\d\dT", value):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                return value.lower()
        return value.lower()
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def ordered(value: Any) -> tuple[bool, Any]:
    """A sort key with nulls first."""
    return (value is not None, _key(value) if value is not None else 0)
