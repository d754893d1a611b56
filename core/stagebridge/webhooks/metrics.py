"""What is counted, as Prometheus reads it."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger

COUNTED = {
    "accepted": "Webhooks that were committed and answered, by connection.",
    "duplicates": "Webhooks that had come before, by connection.",
    "refused": "Requests that were not taken in, by reason.",
    "applied": "Webhooks whose records were worked on, by connection.",
    "failed": "Webhooks whose records could not be worked on, by connection.",
}
LABEL = {"refused": "reason"}


class Metrics:
    """Counters of this process. Labels are connections of the configuration and our own reasons, never a stranger's words."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, what: str, label: str, by: int = 1) -> None:
        self._counts[what, label] += by

    def get(self, what: str, label: str) -> int:
        return self._counts[what, label]

    def text(self, ledger: Ledger, now: int) -> str:
        """All of it, with what waits in the ledger (`now` in ms)."""
        lines: list[str] = []
        counts = sorted(self._counts.items())
        for what, about in COUNTED.items():
            name = f"stagebridge_webhooks_{what}_total"
            lines += [f"# HELP {name} {about}", f"# TYPE {name} counter"]
            lines += [
                f'{name}{{{LABEL.get(what, "connection")}="{label}"}} {n}' for (w, label), n in counts if w == what
            ]
        for name, (about, value) in _standing(ledger, now).items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"


def _standing(ledger: Ledger, now: int) -> dict[str, tuple[str, float]]:
    h = t.hook.c
    with ledger.look() as tx:
        query = sa.select(sa.func.count(), sa.func.min(h.received)).where(h.state == "waiting")
        waiting, oldest = tx.execute(query).one()
        hints, oldest_hint = tx.execute(sa.select(sa.func.count(), sa.func.min(t.hint.c.at))).one()
    ages = [now - at for at in (oldest, oldest_hint) if at is not None]
    return {
        "stagebridge_webhooks_waiting": ("Webhooks whose records are still to be worked on.", waiting),
        "stagebridge_webhooks_hints": ("Records that webhooks told of and that are still to be fetched.", hints),
        "stagebridge_webhooks_age_seconds": ("How long the oldest of both has waited.", max([0, *ages]) / 1000),
    }


__all__ = ["Metrics"]
