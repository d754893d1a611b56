"""hooks.zapier.com over HTTP: its switches, what can be put in and seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from stagebridge.clock import Clock, SystemClock
from stagebridge.sandbox import Answer, Call, Platform, Switch, Windows
from stagebridge_zapier.sandbox.account import STATUSES, Account, Zap
from stagebridge_zapier.sandbox.bodies import items

LARGEST, LARGEST_RAW = 10_000_000, 2_000_000
"""Bytes of a body [D]; whether MB means this or 2**20 is not said."""
FIVE_MINUTES = 300.0
SEEDS = ("zaps", "on", "off", "worked", "stopped")


class ZapierSandbox(Platform):
    """Seed: any of

        {"zaps": [{"event": "contact.stage_changed"},             one that is about to subscribe: its hook is open already
                  {"catch": "abc123", "legacy": false, "raw": false, "child": "", "on": true}],
         "on": {zap id: what subscribing answered}, "off": [zap id],
         "worked": {run id: {"status": waiting | success | error, "said": …, "after": seconds}},
         "stopped": {zap id: why its steps are not run any more}}

    A Zap of `catch` listens at /hooks/catch/{user}/{catch}/, a legacy one at /hooks/catch/{catch}/. It answers {"zaps": [{"id",
    "path"}]}. The last three are how a Zap that is played from outside (`Zap`) tells what it did.

    State: `zaps`, `runs` that have begun, each with what it received, `lost`, how many requests were answered with success and
    started nothing, and `throttled`, how many were answered 429.

    A hook's address ends with a slash, as Zapier shows it; what it does without one is not documented: here it is not there.
    `/silent/` at the end of a catch hook answers the same without a body [3].
    """

    name: ClassVar[str] = "zapier"
    switches: ClassVar[Mapping[str, Switch]] = {
        "user": Switch("1000001", "the account's number, in its hooks' addresses"),
        "hook": Switch("abc123", "a catch hook that there is from the start"),
        "paused": Switch(False, "that catch hook's Zap is off: it answers with success all the same [D]"),
        "debug_json": Switch(True, "success has attempt, id, request_id and status in its body [M]; false: an empty one"),
        "gone_status": Switch(410, "a subscriber's hook whose Zap is off or was never there: 410 after unsubscribing [D], what it "
                                   "answers where there never was one is not documented"),
        "dedupe_hooks": Switch(False, "a Zap drops what came before under the same id: Zapier's help has it for polling, and that "
                                      "it does not apply to hooks [D]; true: for hooks too"),
        "delay": Switch(0.0, "seconds from a success to the run's begin: with heavy traffic minutes [D]"),
        "slow": Switch(0.0, "seconds that every answer takes"),
        "limits": Switch(True, "count and refuse"),
        "limits_in_real_time": Switch(False, "count on the machine's clock, to prove a client's pace with scaled numbers"),
        "per_second": Switch(30, "requests to one hook in a second [D]"),
        "per_five_minutes": Switch(10_000, "requests to all hooks of a user in five minutes [D]; another page has 20,000"),
        "legacy_per_five_minutes": Switch(1_000, "the same of one catch hook without a user in its address [D]"),
        "retry_after": Switch(0, "seconds in the Retry-After of a 429; 0: it has none. Not documented"),
        "limit_body": Switch("", "body of a 429; not documented"),
        "too_large_status": Switch(413, "for more than 10 MB, or 2 MB raw [D]; which status is not documented"),
    }  # fmt: skip

    def reset(self) -> None:
        switches = self.kit.switches
        self.account = Account(self.kit)
        self.account.add(Zap("zap-0", f"catch/{switches['user']}/{switches['hook']}", on=not switches["paused"]))
        clock: Clock = SystemClock() if switches["limits_in_real_time"] else self.kit.clock
        self.windows = Windows(clock)
        if switches["slow"]:
            self.kit.faults.arm({"kind": "slow", "seconds": switches["slow"], "times": None})

    def is_write(self, call: Call) -> bool:
        """A GET starts a Zap as well."""
        return True

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        if strange := sorted(data.keys() - set(SEEDS)):
            raise ValueError(f"a seed has no '{strange[0]}', but {', '.join(SEEDS)}")
        account = self.account
        made = [self._zap(dict(one)) for one in data.get("zaps") or []]
        for id_, subscribed in (data.get("on") or {}).items():
            zap = account.zaps[id_]
            zap.on, zap.subscribed, zap.stopped = True, subscribed, ""
        for id_ in data.get("off") or []:
            account.zaps[id_].on = False
            account.zaps[id_].subscribed = None
        for id_, why in (data.get("stopped") or {}).items():
            account.zaps[id_].stopped = str(why)
        for id_, outcome in (data.get("worked") or {}).items():
            self._worked(id_, **outcome)
        return {"zaps": [{"id": z.id, "path": f"/hooks/{z.path}/"} for z in made]}

    def _zap(self, given: dict[str, Any]) -> Zap:
        id_, user = f"zap-{len(self.account.zaps)}", self.account.user
        if "event" in given:
            return self.account.add(Zap(id_, f"standard/{user}/{self.account.id()}", event=str(given["event"])))
        hook, legacy = given.pop("catch"), given.pop("legacy", False)
        return self.account.add(Zap(id_, f"catch/{hook}" if legacy else f"catch/{user}/{hook}", **given))

    def _worked(self, id_: str, status: str, said: Any = None, after: float = 0.0) -> None:
        if status not in STATUSES:
            raise ValueError(f"a run is {', '.join(STATUSES)}, not '{status}'")
        run = self.account.runs[id_]
        run.status, run.said = status, said
        run.due = self.kit.now() + timedelta(seconds=after)

    def state(self) -> Any:
        account = self.account
        return {
            "zaps": [z.shown() for z in account.zaps.values()], "runs": [r.shown() for r in account.begun()],
            "lost": account.lost, "throttled": account.throttled,
        }  # fmt: skip

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        match call.path.split("/")[1:]:
            case ["hooks", "catch", *hook, "silent", ""] if 1 <= len(hook) <= 2:
                return self._catch(call, hook, silent=True)
            case ["hooks", "catch", *hook, ""] if 1 <= len(hook) <= 2:
                return self._catch(call, hook)
            case ["hooks", "standard", user, hook, ""]:
                return self._subscriber(call, user, hook)
        return Answer(404)

    def failure(self, status: int, call: Call) -> Answer:
        return self._throttled() if status == 429 else Answer(status)

    def _catch(self, call: Call, hook: list[str], *, silent: bool = False) -> Answer:
        legacy = len(hook) == 1
        call.route = f"/hooks/catch/{'' if legacy else '{user}/'}{{hook}}/"
        if call.method not in ("POST", "PUT", "GET"):
            return Answer(405)
        zap = self.account.at("/".join(["catch", *hook]))
        if self._too_many(call.path, *([("legacy", hook[0])] if legacy else [("user", hook[0])])):
            return self._throttled()
        if len(call.body) > (LARGEST_RAW if zap is not None and zap.raw else LARGEST):
            return Answer(int(self.kit.switches["too_large_status"]))
        if zap is None or not zap.on:
            self.account.lost += 1
        elif zap.raw:
            self.account.start(zap, call.body.decode("utf-8", "replace"), dict(call.headers))
        else:
            for one in items(call):
                self._pick(zap, one)
        return Answer(200) if silent else self._success()

    def _pick(self, zap: Zap, one: dict[str, Any]) -> None:
        """Nobody but a Catch Raw Hook is told the headers."""
        picked = one.get(zap.child) if zap.child else one
        for data in picked if isinstance(picked, list) else [picked]:
            if data is not None:
                self.account.start(zap, data, {})

    def _subscriber(self, call: Call, user: str, hook: str) -> Answer:
        call.route = "/hooks/standard/{user}/{hook}/"
        if call.method != "POST":
            return Answer(405)
        zap = self.account.at(f"standard/{user}/{hook}")
        if zap is None or not zap.on:
            return Answer(int(self.kit.switches["gone_status"]))
        if self._too_many(call.path, ("user", user)):
            return self._throttled()
        if len(call.body) > LARGEST:
            return Answer(int(self.kit.switches["too_large_status"]))
        said = call.json()
        for data in (
            said if isinstance(said, list) else [said]
        ):  # the app's `perform` sees the request's headers as well [S]
            self.account.start(zap, data, dict(call.headers))
        return self._success()

    def _too_many(self, path: str, *wider: tuple[str, str]) -> bool:
        s = self.kit.switches
        if not s["limits"]:
            return False
        most = {"user": int(s["per_five_minutes"]), "legacy": int(s["legacy_per_five_minutes"])}
        return self.windows.take(path, int(s["per_second"]), 1.0) is None or any(
            self.windows.take(f"{kind} {name}", most[kind], FIVE_MINUTES) is None for kind, name in wider
        )

    def _throttled(self) -> Answer:
        self.account.throttled += 1
        after = int(self.kit.switches["retry_after"])
        body = str(self.kit.switches["limit_body"]).encode()
        return Answer(429, body or None, {"Retry-After": str(after)} if after else {})

    def _success(self) -> Answer:
        if not self.kit.switches["debug_json"]:
            return Answer(200)
        id_ = self.account.id()
        return Answer(200, {"attempt": id_, "id": id_, "request_id": id_, "status": "success"})


__all__ = ["ZapierSandbox"]
