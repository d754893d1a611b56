"""Jobs: at most a hundred rows each, at most thirty of them in an account, and one poller for all that are under way.

Whoever waits polls for everybody, so that any number of jobs takes one call at a time. The pause before it doubles from
`FIRST` to `LONGEST` seconds while nothing is finished, and halves when something is.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stagebridge.errors import StagebridgeError
from stagebridge.http import Response
from stagebridge_zendesk.answers import jobs_wait, too_many_jobs
from stagebridge_zendesk.limits import JOBS

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

BATCH = 100
FIRST, LONGEST = 1.0, 15.0
ATTEMPTS = 8
"""How often a job is offered to an account that has its fill of them."""
OVER = ("completed", "failed", "killed")


@dataclass(frozen=True, slots=True)
class Finished:
    """A job at its end: what it says of its rows, in whatever order. `whole`: it came to its regular end, which is no success
    of any row."""

    rows: tuple[dict[str, Any], ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """A job that was queued and of which nothing more is known."""

    reason: str


class Busy(Exception):
    """The account has its fill of jobs, others' too; after `wait` seconds there may be room."""

    def __init__(self, wait: float) -> None:
        super().__init__("the account has as many jobs as it takes")
        self.wait = wait


class Jobs:
    def __init__(self, zd: Zendesk) -> None:
        self._zd = zd
        self._room = threading.BoundedSemaphore(max(1, int(JOBS * zd.settings.budget)))
        self._turn = threading.Condition()
        self._open: set[str] = set()
        self._done: dict[str, Finished | Lost] = {}
        self._polling = False
        self._pause = FIRST

    def run(self, method: str, path: str, users: list[dict[str, Any]]) -> Finished | Lost | Response:
        """Queue a job and wait for its end; an answer other than a job's is handed back. Raises `Busy`, `NoAnswer`."""
        with self._room:
            answer = self._queue(method, path, users)
            status = answer.object().get("job_status")
            if answer.status >= 400 or not isinstance(status, dict):
                return answer
            if status.get("status") in OVER and status.get("results") is not None:
                return _finished(status)
            return self._wait(str(status["id"]))

    def _queue(self, method: str, path: str, users: list[dict[str, Any]]) -> Response:
        wait = 0.0
        for _ in range(ATTEMPTS):
            answer = self._zd.client.request(method, path, json={"users": users}, endpoint="jobs", effect=True)
            if not too_many_jobs(answer):
                return answer
            wait = jobs_wait(answer)
            self._zd.clock.sleep(wait)
        raise Busy(wait)

    # --- waiting -----------------------------------------------------------------------------------------------

    def _wait(self, id_: str) -> Finished | Lost:
        until = self._zd.clock.now() + timedelta(seconds=self._zd.settings.job_wait)
        with self._turn:
            self._open.add(id_)
            while True:
                if id_ in self._done:
                    return self._done.pop(id_)
                if self._zd.clock.now() >= until:
                    self._open.discard(id_)
                    return Lost("the job was not finished in time")
                if self._polling:
                    self._turn.wait(LONGEST)
                else:
                    self._poll_outside()

    def _poll_outside(self) -> None:
        """Poll without holding the others up, who come and go meanwhile."""
        self._polling = True
        found: Mapping[str, Finished | Lost] = {}
        self._turn.release()
        try:
            self._zd.clock.sleep(self._pause)
            asked = sorted(self._open)[:BATCH]
            try:
                found = self._poll(asked)
            except StagebridgeError as error:
                found = {i: Lost(f"the job could not be followed: {error}") for i in asked}
        finally:
            self._turn.acquire()
            self._polling = False
            self._done.update({i: f for i, f in found.items() if i in self._open})
            self._open -= found.keys()
            self._pause = max(FIRST, self._pause / 2) if found else min(LONGEST, self._pause * 2)
            self._turn.notify_all()

    def _poll(self, ids: list[str]) -> dict[str, Finished | Lost]:
        answer = self._zd.get("/api/v2/job_statuses/show_many", {"ids": ",".join(ids)})
        found: dict[str, Finished | Lost] = {}
        for status in answer.get("job_statuses") or []:
            if status.get("status") not in OVER:
                continue
            if status.get("results") is None:  # the list need not carry what every job says of its rows
                one = self._zd.get(f"/api/v2/job_statuses/{status['id']}", {})
                status = one.get("job_status") or status
            found[str(status["id"])] = _finished(status)
        return found


def _finished(status: Mapping[str, Any]) -> Finished:
    results = status.get("results")
    rows = tuple(r for r in results if isinstance(r, dict)) if isinstance(results, list) else ()
    return Finished(rows, status.get("status") == "completed")
