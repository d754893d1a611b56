"""A Zap made with the app, played from outside: it subscribes at our API, and each of its runs has one step that calls our API.

    zap = Zap(box.url, "http://127.0.0.1:8080", key, "contact.stage_changed",
              step=lambda data: ("/v1/contacts", {"email": data["email"], "tags": ["vip"]}))
    zap.switch_on()
    zap.work()

What it did is told to the stand-in, and shown in its state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import requests

from stagebridge.clock import Clock, SystemClock

STEP = 30
"""Seconds that a step has [D]."""
REQUEUED = 60.0
"""Seconds until a step is tried again that was throttled without a time; Zapier's own is not documented."""

CONVERSIONS = "/v1/conversions"
"""Where a replay must not count twice; what is said of a person may be said again, and then counts again."""

Step = Callable[[Mapping[str, Any]], tuple[str, Mapping[str, Any]]]


class Zap:
    """`step` makes of what a run was given a path of the API and a body; without one the runs stay as they came. `clock` is the
    one that the stand-in tells."""

    def __init__(
        self, box: str, api: str, key: str, event: str, *, step: Step | None = None, clock: Clock | None = None
    ) -> None:
        self.box = box.rstrip("/")
        self.api = api.rstrip("/")
        self.event = event
        self.step = step
        self.clock: Clock = clock or SystemClock()
        self._session = requests.Session()
        self._session.trust_env = False
        self._ours = {"User-Agent": "Zapier", "Accept": "application/json", "Authorization": f"Bearer {key}"}
        [made] = self._tell(zaps=[{"event": event}])["zaps"]
        self.id: str = made["id"]
        self.target = self.box + made["path"]

    # --- on and off --------------------------------------------------------------------------------------------

    def switch_on(self) -> None:
        """Subscribe. Its hook is open before, because we may post at once. A refusal leaves it off, and says why."""
        self._tell(on={self.id: None})
        answer = self._call("POST", "/v1/subscriptions", {"target_url": self.target, "event": self.event})
        if answer is not None and answer.ok:
            self._tell(on={self.id: answer.json()})
        else:
            self._tell(off=[self.id], stopped={self.id: _said(answer)})

    def switch_off(self) -> None:
        """Unsubscribe; what is gone already is as good. Its hook answers 410 from then on."""
        subscribed = self.held()["subscribed"]
        if subscribed is not None:
            answer = self._call("DELETE", f"/v1/subscriptions/{subscribed['id']}")
            if answer is None or not (answer.ok or answer.status_code in (404, 410)):
                self._tell(stopped={self.id: _said(answer)})
                return
        self._tell(off=[self.id])

    def reconnect(self, key: str) -> None:
        """Another key: what waits goes on."""
        self._ours["Authorization"] = f"Bearer {key}"
        self._tell(stopped={self.id: ""})

    # --- what it receives and does -----------------------------------------------------------------------------

    def samples(self, limit: int = 3) -> list[dict[str, Any]]:
        """What the editor shows while the Zap is made. Raises `ValueError` for what Zapier would not take: anything but a list
        whose ids are there and different."""
        answer = self._call("GET", f"/v1/samples/{self.event}?limit={limit}")
        listed = answer.json() if answer is not None and answer.ok else None
        if not isinstance(listed, list):
            raise ValueError(f"no list of samples: {_said(answer)}")
        ids = [one.get("id") for one in listed if isinstance(one, dict)]
        if len(ids) != len(listed) or None in ids or len(set(ids)) < len(ids):
            raise ValueError("samples have an id each, and none twice")
        return listed

    def held(self) -> dict[str, Any]:
        """The Zap as the stand-in shows it."""
        [found] = [z for z in self._state()["zaps"] if z["id"] == self.id]
        return dict(found)

    def runs(self) -> list[dict[str, Any]]:
        """Its runs, in the order in which they came."""
        return [r for r in self._state()["runs"] if r["zap"] == self.id]

    def work(self) -> int:
        """Run the step of every run that has not ended and is due; how many ended now. A throttled one is put back, and a refused key stops
        the Zap: what waits then goes on waiting."""
        ended = 0
        for run in self.runs():
            due = datetime.fromisoformat(run["due"]) <= self.clock.now()
            if self.step is None or run["status"] not in ("received", "waiting") or not due:
                continue
            if self.held()["stopped"]:
                break
            ended += self._do(run, *self.step(run["data"]))
        return ended

    def _do(self, run: Mapping[str, Any], path: str, body: Mapping[str, Any]) -> bool:
        inputs = json.dumps([self.id, body], sort_keys=True)
        once = {"Idempotency-Key": hashlib.sha256(inputs.encode()).hexdigest()} if path == CONVERSIONS else {}
        answer = self._call("POST", path, body, once)
        if answer is not None and answer.status_code in (429, 503):
            after = answer.headers.get("Retry-After", "")
            wait = float(after) if after.isdigit() else REQUEUED
            self._tell(worked={run["id"]: {"status": "waiting", "said": _said(answer), "after": wait}})
            return False
        if answer is not None and answer.status_code == 401:
            self._tell(stopped={self.id: f"the connection has expired: {_said(answer)}"})
            return False
        done = answer is not None and answer.ok
        said = answer.json() if done and answer is not None else _said(answer)
        self._tell(worked={run["id"]: {"status": "success" if done else "error", "said": said}})
        return True

    # --- over HTTP ---------------------------------------------------------------------------------------------

    def _call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response | None:
        """A request to our API; None where no answer came in time."""
        try:
            return self._session.request(
                method, self.api + path, json=body, headers={**self._ours, **(headers or {})}, timeout=STEP,
                allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException:
            return None

    def _tell(self, **seed: Any) -> dict[str, Any]:
        answer = self._session.post(f"{self.box}/_sandbox/seed", json=seed, timeout=5)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._session.get(f"{self.box}/_sandbox/state", timeout=5).json()
        return state

    def close(self) -> None:
        """Give back connections; the Zap stays as it is."""
        self._session.close()


def _said(answer: requests.Response | None) -> str:
    """What a user would be shown."""
    if answer is None:
        return f"no answer, or none within {STEP} seconds"
    try:
        said = answer.json()
    except ValueError:
        said = None
    return str(said["message"]) if isinstance(said, dict) and said.get("message") else f"HTTP {answer.status_code}"


__all__ = ["Zap"]
