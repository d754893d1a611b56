"""Background jobs: rows that are worked off later, in no order that anybody may rely on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stagebridge.sandbox import Fault, Kit

KEPT = 86_400
"""Seconds that the status of a job can be read."""

LOST = "lost_row"
"""The kind of fault with which a row is asked to fail."""

Row = dict[str, Any]


@dataclass(slots=True)
class Job:
    id: str
    type: str
    created: float
    starts: float
    ends: float
    work: Sequence[Callable[[int, list[Fault]], Row]]
    """One step per row: writes it as of a time, and says what became of it."""
    faults: list[Fault] = field(default_factory=list)
    status: str = "queued"
    results: list[Row] | None = None
    message: str | None = None
    progress: int | None = None
    done: bool = False

    def shown(self, base: str) -> dict[str, Any]:
        return {
            "id": self.id, "job_type": self.type, "url": f"{base}/api/v2/job_statuses/{self.id}.json", "total": len(self.work),
            "progress": self.progress, "status": self.status, "message": self.message, "results": self.results,
        }  # fmt: skip

    def fault(self, kind: str) -> Fault | None:
        return next((f for f in self.faults if f.kind == kind), None)


class Jobs:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.held: dict[str, Job] = {}
        self.refused = 0

    @property
    def _now(self) -> float:
        return self.kit.now().timestamp()

    def in_flight(self) -> list[Job]:
        return [j for j in self.held.values() if not j.done]

    def queue(self, kind: str, work: Sequence[Callable[[int, list[Fault]], Row]], faults: list[Fault]) -> Job:
        s, now = self.kit.switches, self._now
        starts = now + float(s["job_queued_seconds"])
        ends = starts + float(s["job_seconds"]) + self.kit.random.random() * float(s["job_jitter"])
        made = Job(f"V3-{self.kit.random.getrandbits(128):032x}", kind, now, starts, ends, work, faults)
        if (stuck := made.fault("stuck_job")) is not None:
            for_ever = 10.0 * 365 * KEPT
            made.ends += float(stuck.values.get("seconds", for_ever))
            if stuck.values.get("phase") == "queued":
                made.starts = made.ends
        self.held[made.id] = made
        return made

    def settle(self) -> None:
        """Let everything happen that is due by now, in the order in which it would have."""
        now = self._now
        for job in sorted(self.in_flight(), key=lambda j: j.ends):
            if job.ends <= now:
                self._finish(job)
            elif job.starts <= now:
                job.status = "working"
                part = (now - job.starts) / max(job.ends - job.starts, 1e-9)
                job.progress = int(len(job.work) * part)
        for job in [j for j in self.held.values() if now - j.created > KEPT and j.done]:
            del self.held[job.id]

    def _finish(self, job: Job) -> None:
        job.done, at = True, int(job.ends)
        total = len(job.work)
        killed = job.fault("killed_job")
        rows = int(killed.values.get("done", total // 2)) if killed else total
        results = [self._row(job, n, at) for n in range(min(rows, total))]
        job.progress = len(results)
        if killed:
            # what it had done by then is done, and nobody says what that was
            job.status, job.message = str(killed.values.get("status", "killed")), None
            return
        if self.kit.switches["shuffle_rows"]:
            self.kit.random.shuffle(results)
        when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
        job.status, job.message, job.results = "completed", f"Completed at {when}", results

    def _row(self, job: Job, number: int, at: int) -> Row:
        for fault in job.faults:
            chosen = fault.values.get("rows")
            if (fault.kind == "failed_rows" and (chosen is None or number in chosen)) or (
                fault.kind == "partial_batch" and number % 2
            ):
                lost = {"error": "RecordInvalid", "text": "Row failed", **fault.values}
                return job.work[number](at, [Fault(LOST, values=lost)])
        return job.work[number](at, job.faults)

    def unstick(self, id_: str) -> None:
        """A stuck job is done now."""
        self.held[id_].ends = self._now
