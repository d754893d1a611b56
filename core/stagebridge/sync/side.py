"""A side: one connection as the engine sees it — its connector, its mapping, and what it may do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stagebridge.config import ConnectionConfig
from stagebridge.connector import Connector
from stagebridge.contact import METADATA, encode
from stagebridge.mapping import Mapping
from stagebridge.mapping.segment import SEGMENT

SETS = frozenset({"emails", "phones", "tags"})
"""Paths whose every element is merged by itself."""

KEY = "external_id"
"""The path of our own key: written to every record that can hold it, never merged from one."""
OURS = (KEY, SEGMENT)
"""Paths that are written and watched, and never merged from a record."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    name: str
    connector: Connector
    mapping: Mapping
    config: ConnectionConfig

    @property
    def objects(self) -> tuple[str, ...]:
        """The objects that hold a person there, the one that is written first."""
        return self.mapping.objects

    @property
    def merges(self) -> bool:
        """Whether what people change there counts."""
        return self.config.mode != "write"

    @property
    def writes(self) -> bool:
        return self.config.mode != "read" and self.connector.capabilities.write is not None

    @property
    def told_only(self) -> bool:
        """Whether nobody there can be asked: webhooks are all that is known, and each is a word about a person."""
        return self.connector.capabilities.read is None

    @property
    def batch(self) -> int:
        write = self.connector.capabilities.write
        return write.batch if write else 100

    def rank(self, object: str) -> int:
        return self.objects.index(object) if object in self.objects else len(self.objects)

    def comparable(self, paths: Iterable[str]) -> list[str]:
        """The paths that are compared and owed: not our own, not the times that describe a path."""
        return [p for p in paths if p not in METADATA and p not in OURS]


def ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def from_ms(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def hash_email(email: str) -> str:
    return hashlib.sha256(email.casefold().encode()).hexdigest()


def digest(value: Any) -> str:
    """A short hash of a canonical value, to notice that it changed."""
    return hashlib.blake2b(encode({"": value}).encode(), digest_size=8).hexdigest()
