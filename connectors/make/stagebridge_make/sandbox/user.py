"""What a user of the stagebridge app does at Make: connects, adds triggers, removes them, and lets scenarios run.

Our API is called without the kit's lock: it may well post to a webhook before it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stagebridge.sandbox import Kit
from stagebridge_make.sandbox.calls import Connection, Refused
from stagebridge_make.sandbox.hooks import Hook, Hooks
from stagebridge_make.sandbox.scenario import Bundle, Scenario

EVERYBODY = "1970-01-01T00:00:00Z"
PAGE = 1000
"""Contacts that the app's polling trigger asks for."""


class User:
    def __init__(self, kit: Kit, hooks: Hooks) -> None:
        self.kit = kit
        self.hooks = hooks
        self.connections: dict[int, Connection] = {}
        self.scenarios: dict[int, Scenario] = {}
        self._last = 0

    def id(self) -> int:
        self._last += 1
        return self._last

    def act(self, data: Mapping[str, Any], here: str) -> Any:
        """One verb with what it takes. Raises `ValueError`, `KeyError`."""
        [(verb, given)] = data.items()
        verbs: dict[str, Callable[[Any, str], Any]] = {
            "connect": self.connect,
            "attach": self.attach,
            "watch": self.watch,
            "detach": self.detach,
            "run": self.run,
        }
        if verb not in verbs:
            raise ValueError(f"nobody can '{verb}' there, but {', '.join(verbs)}")
        return verbs[verb](given, here)

    def connect(self, given: Mapping[str, Any], here: str) -> Any:
        """Enter a base URL and an API key; they are kept if the test call is answered."""
        made = Connection(str(given["api"]).rstrip("/"), str(given["key"]))
        me = made.call("GET", "/v1/me")
        with self.kit.lock:
            id = self.id()
            self.connections[id] = made
        return {"connection": id, "label": f"{me['connection']} ({me['key']})"}

    def attach(self, given: Mapping[str, Any], here: str) -> Any:
        """Add an instant trigger: a webhook is made, and our API is told of it."""
        connection = self.connections[int(given["connection"])]
        event = str(given["event"])
        with self.kit.lock:
            hook = self.hooks.make(self.id(), str(given.get("name") or event), type="stagebridge", event=event)
        url = f"{here}/{hook.token}"
        try:
            made = connection.call("POST", "/v1/subscriptions", {"target_url": url, "event": event})
            subscription = str(made["id"])
        except (Refused, KeyError, TypeError):
            with self.kit.lock:
                del self.hooks.all[hook.token]
            raise
        with self.kit.lock:
            hook.subscription = subscription
            scenario = self._scenario(given)
            self.hooks.attach(hook, scenario)
        return {"hook": hook.token, "url": url, "externalHookId": subscription, "scenario": scenario.id}

    def watch(self, given: Mapping[str, Any], here: str) -> Any:
        """Add the polling trigger, with where to start: `since`, an ISO time, or everybody."""
        with self.kit.lock:
            scenario = self._scenario({**given, "since": given.get("since") or EVERYBODY})
        return {"scenario": scenario.id}

    def detach(self, token: str, here: str) -> Any:
        """Remove a trigger: our API is told, and the webhook is gone whatever it answers."""
        hook = self.hooks.all[token]
        connection = self._connection(hook)
        try:
            connection.call("DELETE", f"/v1/subscriptions/{hook.subscription}")
        finally:
            with self.kit.lock:
                del self.hooks.all[token]
        return {}

    def run(self, id: int, here: str) -> Any:
        """Let a scenario work: what waits, or what the poll brings. It ends at the first error."""
        scenario = self.scenarios[int(id)]
        ran = 0
        if scenario.since is not None and scenario.on:
            self._poll(scenario)
        while (bundle := self._next(scenario)) is not None:
            ran += 1
            try:
                results = [self._module(scenario, action, bundle) for action in scenario.actions]
            except Refused as error:
                with self.kit.lock:
                    scenario.failed(bundle, str(error), stops=self.hooks.stops and scenario.since is None)
                break
            with self.kit.lock:
                scenario.done.append(bundle)
                scenario.results += results
        return {"ran": ran, "on": scenario.on, "errors": [e["error"] for e in scenario.errors]}

    def _poll(self, scenario: Scenario) -> None:
        connection = self.connections[int(scenario.connection or 0)]
        found = connection.call("GET", "/v1/contacts", None, {"changed_since": scenario.since, "limit": PAGE})
        with self.kit.lock:
            scenario.queue = scenario.news(found)

    def _next(self, scenario: Scenario) -> Bundle | None:
        with self.kit.lock:
            if not scenario.queue or not scenario.on:
                return None
            if scenario.since is None:
                return scenario.take_up(self.kit.random)
            scenario.passed(scenario.queue[0])
            return scenario.queue.pop(0)

    def _module(self, scenario: Scenario, action: Mapping[str, Any], bundle: Bundle) -> Any:
        return self.connections[int(scenario.connection or 0)].module(
            action["module"], action.get("values") or {}, bundle
        )

    def _connection(self, hook: Hook) -> Connection:
        if hook.scenario is None or hook.scenario.connection is None:
            raise ValueError(f"the webhook '{hook.token}' belongs to no scenario with the app")
        return self.connections[hook.scenario.connection]

    def _scenario(self, given: Mapping[str, Any]) -> Scenario:
        scenario = Scenario(self.id(), connection=int(given["connection"]))
        scenario.set({n: v for n, v in given.items() if n not in ("connection", "event", "name")})
        self.scenarios[scenario.id] = scenario
        return scenario


__all__ = ["User"]
