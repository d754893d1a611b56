"""Make over HTTP: its switches, what can be put in, done there and seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stagebridge.sandbox import Answer, Call, Platform, Switch
from stagebridge_make.sandbox import rest
from stagebridge_make.sandbox.hooks import Hook, Hooks, text
from stagebridge_make.sandbox.scenario import Scenario
from stagebridge_make.sandbox.user import User


class MakeSandbox(Platform):
    """Any request to `/{token}` goes to that webhook, as to `https://hook.ZONE.make.com/{token}`; `/api/v2/hooks` is Make's API.

    Seed: any of

        {"hooks": [{"token", "name", "api_key", "scenario": {…}}]}   a custom webhook; without `scenario` it belongs to none
        {"edit": {token: {"scenario": {…} or null, "enabled", "api_key"}}}   `{…}` changes its scenario, or attaches one

    A scenario: `{"on", "sequential", "response": {"status", "body", "headers"}, "fails": runs that end in an error}`. It answers
    {"hooks": [tokens, in order]}.

    Act, as a user of the stagebridge app does, one of

        {"connect": {"api": our API's base URL, "key"}}                   → {"connection", "label"}
        {"attach": {"connection", "event", "sequential", "actions": […]}} → {"hook": token, "url", "externalHookId", "scenario"}
        {"watch": {"connection", "since", "limit", "actions": […]}}       → {"scenario"}: the polling trigger
        {"run": scenario}                                                 → {"ran", "on", "errors"}
        {"detach": token}

    An action is a module of the app, `{"module": "setLifecycleStage", "values": {"email": "{{email}}", "stage": "customer"}}`.
    A scenario with actions works when it is run, any other when something comes.

    State: `hooks`, `scenarios` (`bundles` worked on, `errors`, `results`), and `bundles`: everything that was accepted, in its
    order, with the headers of its signature.

    Not here: scheduled scenarios' times, incomplete executions, operations and what they cost, data stores, deploying an app.
    """

    name: ClassVar[str] = "make"
    switches: ClassVar[Mapping[str, Switch]] = {
        "credits": Switch(10_000, "credits of the plan: a queue holds 667 items for every 10,000 of them, and 10,000 at most [D]"),
        "full_status": Switch(400, "status of 'Queue is full.' [M]; that new items are refused is documented [D]"),
        "api_key": Switch("", "what every webhook asks for in x-make-apikey [M]; empty: only those that were given one of their own"),
        "api_key_status": Switch(401, "status where that key is missing or wrong; not documented"),
        "unknown_status": Switch(404, "status of an address that is none; not documented"),
        "too_large_status": Switch(413, "status of a body beyond 5 MB; the limit is documented [D], the status is not"),
        "stops_at_first_error": Switch(True, "an instant scenario is off after its first error [D]; false: it was set otherwise"),
        "api_token": Switch("sandbox-token", "the token of Make's own API"),
        "skew": Switch(0.0, "the platform's clock minus ours, in seconds"),
    }  # fmt: skip

    def reset(self) -> None:
        self.webhooks = Hooks(self.kit)
        self.user = User(self.kit, self.webhooks)

    # --- the side protocol -------------------------------------------------------------------------------------

    def seed(self, data: Any) -> Any:
        if strange := sorted(data.keys() - {"hooks", "edit"}):
            raise ValueError(f"a seed has no '{strange[0]}', but hooks, edit")
        made = [self._made(dict(given)).token for given in data.get("hooks") or []]
        for token, given in (data.get("edit") or {}).items():
            self._edit(self.webhooks.all[token], dict(given))
        return {"hooks": made}

    def _made(self, given: dict[str, Any]) -> Hook:
        hook = self.webhooks.make(self.user.id(), given.pop("name", "Custom webhook"), given.pop("token", None))
        self._edit(hook, given)
        return hook

    def _edit(self, hook: Hook, given: dict[str, Any]) -> None:
        if strange := sorted(given.keys() - {"scenario", "enabled", "api_key"}):
            raise ValueError(f"a webhook has no '{strange[0]}'")
        hook.api_key = given.get("api_key", hook.api_key)
        hook.enabled = given.get("enabled", hook.enabled)
        if "scenario" not in given:
            return
        if given["scenario"] is None:
            self.webhooks.take_away(hook)
            return
        scenario = hook.scenario or Scenario(self.user.id())
        scenario.set(given["scenario"])
        self.user.scenarios[scenario.id] = scenario
        self.webhooks.attach(hook, scenario)

    def act(self, data: Any, here: str) -> Any:
        return self.user.act(data, here)

    def state(self) -> Any:
        return {
            "hooks": [h.shown() for h in self.webhooks.living()], "scenarios": [s.shown() for s in self.user.scenarios.values()],
            "bundles": self.webhooks.received,
        }  # fmt: skip

    # --- a request ---------------------------------------------------------------------------------------------

    def handle(self, call: Call) -> Answer:
        segments = call.segments
        if segments[: len(rest.PREFIX)] == rest.PREFIX:
            call.route, call.endpoint = "api/v2/hooks", "api"
            return rest.handle(self.webhooks, self.user, call)
        if len(segments) != 1 or not segments[0]:
            return text(404, b"Not Found")
        call.route, call.endpoint, call.records = "{token}", "hook", 1
        return self.webhooks.receive(call)

    def failure(self, status: int, call: Call) -> Answer:
        if call.path.startswith("/api/"):
            return rest.refusal(status, "Failed")
        words = {200: b"Accepted", 400: b"Queue is full.", 410: b"Gone", 429: b"Too Many Requests"}
        return text(status, words.get(status, b"Error"))

    def is_write(self, call: Call) -> bool:
        """Whatever reaches a webhook starts something, whatever its method."""
        return not call.path.startswith("/api/") or super().is_write(call)


__all__ = ["MakeSandbox"]
