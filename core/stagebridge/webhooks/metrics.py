"""What is counted, as Prometheus reads it."""

from __future__ import annotations

import threading
from collections import Counter

import sqlalchemy as sa

from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import inspect
from stagebridge.outgoing.outlets import Outlets

COUNTED = {
    "webhooks_accepted": "Webhooks that were committed and answered, by connection.",
    "webhooks_duplicates": "Webhooks that had come before, by connection.",
    "webhooks_refused": "Requests that were not taken in, by reason.",
    "webhooks_applied": "Webhooks whose records were worked on, by connection.",
    "webhooks_failed": "Webhooks whose records could not be worked on, by connection.",
    "messages_sent": "Messages that a receiver took, by connection.",
    "messages_failed": "Tries of messages that came to nothing and held up what follows, by connection.",
    "messages_dead": "Messages that are tried no more, by connection.",
}
LABEL = {"webhooks_refused": "reason"}


class Metrics:
    """Counters of this process. Labels are connections of the configuration and our own reasons, never a stranger's words."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()  # receivers are posted to beside each other

    def count(self, what: str, label: str, by: int = 1) -> None:
        with self._lock:
            self._counts[what, label] += by

    def get(self, what: str, label: str) -> int:
        return self._counts[what, label]

    def text(self, ledger: Ledger, outlets: Outlets, now: int) -> str:
        """All of it, with what waits in the ledger (`now` in ms)."""
        lines: list[str] = []
        with self._lock:
            counts = sorted(self._counts.items())
        for what, about in COUNTED.items():
            name = f"stagebridge_{what}_total"
            lines += [f"# HELP {name} {about}", f"# TYPE {name} counter"]
            lines += [
                f'{name}{{{LABEL.get(what, "connection")}="{label}"}} {n}' for (w, label), n in counts if w == what
            ]
        for name, (about, value) in _standing(ledger, outlets, now).items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"


def _standing(ledger: Ledger, outlets: Outlets, now: int) -> dict[str, tuple[str, float]]:
    h = t.hook.c
    with ledger.look() as tx:
        query = sa.select(sa.func.count(), sa.func.min(h.received)).where(h.state == "waiting")
        waiting, oldest = tx.execute(query).one()
        hints, oldest_hint = tx.execute(sa.select(sa.func.count(), sa.func.min(t.hint.c.at))).one()
    told = inspect.standing(ledger, outlets)
    ages = [now - at for at in (oldest, oldest_hint) if at is not None]
    return {
        "stagebridge_webhooks_waiting": ("Webhooks whose records are still to be worked on.", waiting),
        "stagebridge_webhooks_hints": ("Records that webhooks told of and that are still to be fetched.", hints),
        "stagebridge_webhooks_age_seconds": ("How long the oldest of both has waited.", max([0, *ages]) / 1000),
        "stagebridge_messages_waiting": ("Messages that are still to be sent.", told.waiting),
        "stagebridge_receivers_paused": ("Receivers that nothing is sent to until somebody resumes them.", told.paused),
    }


__all__ = ["Metrics"]
