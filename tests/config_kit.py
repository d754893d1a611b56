"""Configurations written into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

WORDS = {"HUBSPOT_TOKEN": "pat-1", "SF_ID": "id-1", "SF_SECRET": "secret-1"}
"""An environment in which the usual references lead somewhere."""


class Write(Protocol):
    def __call__(self, text: str, beside: Mapping[str, str] | None = None) -> Path:
        """The path of a stagebridge.yaml with this text, and other files beside it."""
        ...
