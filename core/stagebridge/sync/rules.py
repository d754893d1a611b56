"""Which value wins where two systems changed the same path (rule S11).

A conflict is *changed here and canonical ≠ this link's `sent`*. Without one the change wins and no clock is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stagebridge.config import ContactsConfig, Rule
from stagebridge.contact import is_blank
from stagebridge.errors import ConfigError
from stagebridge.ledger.rows import Origin


@dataclass(frozen=True, slots=True)
class Claim:
    """One side's word on a path: who says it, and when it was changed there (ms; `certain` where the platform keeps
    the time of this very path)."""

    connection: str
    rank: int
    value: Any
    at: int
    certain: bool


def wins(rule: Rule, challenger: Claim, holder: Claim) -> bool:
    """Whether the challenger's value replaces the holder's. Deterministic: the same two claims decide the same way in
    any order."""
    if rule.kind == "fill_empty":
        return is_blank(holder.value) and not is_blank(challenger.value)
    if rule.kind == "most_restrictive":
        return bool(challenger.value == "denied" and holder.value != "denied")
    if rule.kind == "prefer" and challenger.connection != holder.connection:
        there, here = _place(rule, challenger.connection), _place(rule, holder.connection)
        if there != here:
            return there < here
    if challenger.connection == holder.connection and challenger.rank != holder.rank:
        return challenger.rank < holder.rank  # two objects of one person: the primary one is right
    if challenger.certain != holder.certain:
        return challenger.certain
    return (challenger.at, challenger.connection) > (holder.at, holder.connection)


def wins_at_first(config: ContactsConfig, path: str, challenger: Claim, holder: Claim) -> bool:
    """The same, where two records of one person meet for the first time and both hold a value. Record-level times
    never decide that: the configuration must say who does.

    Raises `ConfigError` if it does not.
    """
    rule = config.rule(path)
    if rule.kind == "most_restrictive":
        return wins(rule, challenger, holder)
    first = config.initial_rule(path)
    if first is None:
        raise ConfigError(
            f"{holder.connection} and {challenger.connection} both hold people, and nothing says who is right about "
            f"'{path}' at first",
            hint=f"Write `initial: {{prefer: {holder.connection}}}` or `initial: fill_empty` under contacts.",
            code="SB-INITIAL",
        )
    if challenger.connection == holder.connection:
        return challenger.rank < holder.rank
    if first.kind == "prefer":
        return _place(first, challenger.connection) < _place(first, holder.connection)
    return False


def origin_claim(origin: Origin | None, connection: str, rank: int, value: Any) -> Claim:
    if origin is None:
        return Claim(connection, rank, value, -1, False)
    return Claim(connection, rank, value, origin[1], origin[2])


def _place(rule: Rule, connection: str) -> int:
    return rule.prefer.index(connection) if connection in rule.prefer else len(rule.prefer)
