"""Several calls under way at once, and one thread that works on the ledger.

A job is a generator. Whatever it yields is called in another thread, and what that returns, or raises, comes back to it;
all that a job does between its calls runs in the caller's thread, where nothing else runs beside it.

    def job():
        records = yield lambda: connector.fetch("contacts", ids)
        with desk.book() as book:
            …
        outcomes = yield lambda: connector.write(entries)

Other jobs' calls go on meanwhile, so that a platform's latency costs no time as long as there are more jobs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

R = TypeVar("R")
Call = Callable[[], Any]
Steps = Generator[Call, Any, R]
"""A job, or a part of one, that comes to a result."""


class Flight:
    """At most `width` jobs under way at once; a width of 1 uses no threads."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._ready: deque[Steps[None]] = deque()
        self._under_way: dict[Future[Any], Steps[None]] = {}
        self._failure: Exception | None = None

    def add(self, job: Steps[None]) -> None:
        """A job that another one has made possible: it goes before those that are still to come."""
        self._ready.append(job)

    def run(self, jobs: Iterator[Steps[None]]) -> None:
        """Run all jobs to their end. After the first that raises no other is begun; those that are under way are finished,
        so that what was sent is also settled, and then the error is raised."""
        self._ready.clear()
        self._failure = None
        if self.width < 2:
            while (job := self._next(jobs)) is not None:
                self._alone(job)
        else:
            with ThreadPoolExecutor(self.width, thread_name_prefix="stagebridge") as pool:
                self._together(jobs, pool)
        if self._failure is not None:
            raise self._failure

    def _next(self, jobs: Iterator[Steps[None]]) -> Steps[None] | None:
        if self._failure is not None:
            return None
        job = None if self._ready else next(jobs, None)
        # what goes on to the next job may itself have made some possible
        return self._ready.popleft() if job is None and self._ready else job

    def _alone(self, job: Steps[None]) -> None:
        call = self._step(job, None)
        while call is not None:
            answer: Future[Any] = Future()
            try:
                answer.set_result(call())
            except Exception as error:
                answer.set_exception(error)
            call = self._step(job, answer)

    def _together(self, jobs: Iterator[Steps[None]], pool: ThreadPoolExecutor) -> None:
        while True:
            while len(self._under_way) < self.width and (job := self._next(jobs)) is not None:
                self._submit(job, self._step(job, None), pool)
            if not self._under_way:
                return
            wait(self._under_way, return_when=FIRST_COMPLETED)
            answered = next(a for a in self._under_way if a.done())
            job = self._under_way.pop(answered)
            self._submit(job, self._step(job, answered), pool)

    def _submit(self, job: Steps[None], call: Call | None, pool: ThreadPoolExecutor) -> None:
        if call is not None:
            self._under_way[pool.submit(call)] = job

    def _step(self, job: Steps[None], answer: Future[Any] | None) -> Call | None:
        """Take a job on to its next call; None at its end."""
        try:
            if answer is None:
                return next(job)
            error = answer.exception()
            return job.send(answer.result()) if error is None else job.throw(error)
        except StopIteration:
            return None
        except Exception as failure:
            self._failure = self._failure or failure
            return None
