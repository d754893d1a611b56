"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {}
"""Nothing of its own: it asks Make for nothing, and what Make answers to a message is told in core's words."""
