"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-FILE-ENCODING": (
        "A value has a character that the file's encoding does not know.",
        "Save the file as UTF-8 and set `encoding: utf-8`.",
    ),
    "SB-FILE-ID": (
        "The column that tells the rows apart is not changed, or the row would be taken for another person.",
        "Give the file a column with ids of its own and name it in `id:`.",
    ),
}
