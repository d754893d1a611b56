"""What this connector says, and what to do about it: nothing under a code of its own, since it calls nobody."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {}
